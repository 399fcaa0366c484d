import { EKSClient } from '@aws-sdk/client-eks';
import { STSClient } from '@aws-sdk/client-sts';
import { AwsEksCluster } from '../../adapters/aws/eks-cluster.ts';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', sessionToken: 'session' };
const client = { region: 'eu-central-1', credentials };

function setUp(env: Record<string, string> = {}) {
  let now = Date.parse('2026-01-01T00:00:00Z');
  const cluster = new AwsEksCluster('paddock', {
    eks: new EKSClient(client),
    sts: new STSClient(client),
    env,
    now: () => now,
  });
  return { cluster, pass: (minutes: number) => (now += minutes * 60_000) };
}

const urlOf = (token: string): URL =>
  new URL(Buffer.from(token.replace(/^k8s-aws-v1\./, ''), 'base64url').toString());

describe('the token for an EKS cluster', () => {
  it('is a presigned GetCallerIdentity of the region, signed over the cluster’s name', async () => {
    const token = await setUp().cluster.token();
    const url = urlOf(token);

    expect(token).toMatch(/^k8s-aws-v1\.[A-Za-z0-9_-]+$/);
    expect(`${url.origin}${url.pathname}`).toBe('https://sts.eu-central-1.amazonaws.com/');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      Action: 'GetCallerIdentity',
      Version: '2011-06-15',
      'X-Amz-Expires': '60',
      'X-Amz-Date': '20260101T000000Z',
      'X-Amz-SignedHeaders': 'host;x-k8s-aws-id',
      'X-Amz-Security-Token': 'session',
      'X-Amz-Credential': 'AKIDEXAMPLE/20260101/eu-central-1/sts/aws4_request',
    });
  });

  it('is kept for 14 of its 15 minutes', async () => {
    const { cluster, pass } = setUp();
    const first = await cluster.token();
    pass(13.9);
    expect(await cluster.token()).toBe(first);
    pass(0.2);
    expect(await cluster.token()).not.toBe(first);
  });

  it.each([
    [{ AWS_ENDPOINT_URL: 'http://127.0.0.1:4566' }, 'http://127.0.0.1:4566'],
    [
      { AWS_ENDPOINT_URL: 'http://127.0.0.1:4566', AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:4567' },
      'http://127.0.0.1:4567',
    ],
  ])('goes where the environment says: %o', async (env, origin) => {
    expect(urlOf(await setUp(env).cluster.token()).origin).toBe(origin);
  });
});
