import { STSClient } from '@aws-sdk/client-sts';
import { Sha256Node } from '@smithy/core/checksum';
import { SignatureV4 } from '@smithy/signature-v4';
import { AwsEksCluster } from '../../../adapters/aws/eks-cluster.ts';
import type { Front } from '../../../local/front/front.ts';
import type { Principal } from '../../../local/front/types.ts';
import { ACCOUNT, clientFor, REGION, role, startTestFront } from './harness.ts';

const CLUSTER = 'paddock';
let front: Front;
let scaler: Principal;

beforeAll(async () => {
  front = await startTestFront({ clusterName: CLUSTER });
  scaler = front.addPrincipal({ name: 'Scaler', roleArn: role('scaler'), policies: [] });
  front.setAccessEntries([
    { principalArn: role('scaler'), username: 'scaler:{{SessionName}}', groups: ['paddock:scaler'] },
  ]);
});

afterAll(() => front.stop());

interface TokenParts {
  host?: string;
  protocol?: string;
  action?: string;
  cluster?: string | undefined;
  signedAt?: Date;
  expiresIn?: number;
  secretAccessKey?: string;
  service?: string;
  extra?: string;
  signedQuery?: Record<string, string>;
}

/** Any token, the wrong ones too. */
async function makeToken(parts: TokenParts = {}): Promise<string> {
  const { host = `sts.${REGION}.amazonaws.com`, protocol = 'https:', cluster = CLUSTER } = parts;
  const signer = new SignatureV4({
    service: parts.service ?? 'sts',
    region: REGION,
    sha256: Sha256Node,
    credentials: {
      accessKeyId: scaler.accessKeyId,
      secretAccessKey: parts.secretAccessKey ?? scaler.secretAccessKey,
    },
  });
  const headers = { host, ...('cluster' in parts && !parts.cluster ? {} : { 'x-k8s-aws-id': cluster }) };
  const query = { Action: parts.action ?? 'GetCallerIdentity', Version: '2011-06-15', ...parts.signedQuery };
  const signed = await signer.presign(
    { method: 'GET', protocol, hostname: host, path: '/', query, headers },
    { expiresIn: parts.expiresIn ?? 60, signingDate: parts.signedAt ?? new Date() },
  );
  const search = new URLSearchParams(signed.query as Record<string, string>).toString();
  return `k8s-aws-v1.${Buffer.from(`${protocol}//${host}/?${search}${parts.extra ?? ''}`).toString('base64url')}`;
}

describe('an EKS token', () => {
  it('made by Paddock’s own adapter is its role', async () => {
    const sts = new STSClient(clientFor(front, scaler));
    const token = await new AwsEksCluster(CLUSTER, { sts, env: { AWS_ENDPOINT_URL: front.url } }).token();
    expect(await front.authenticateKubernetesToken(token)).toEqual({
      roleArn: role('scaler'),
      principal: scaler,
    });
  });

  it('made for AWS’s endpoint is too, up to 15 minutes after it was signed', async () => {
    expect(await front.authenticateKubernetesToken(await makeToken())).toMatchObject({
      roleArn: role('scaler'),
    });
    const signedAt = new Date(Date.now() - 14 * 60_000);
    expect(await front.authenticateKubernetesToken(await makeToken({ signedAt }))).toBeDefined();
  });

  const WRONG: Record<string, TokenParts> = {
    'for another cluster': { cluster: 'other' },
    'for no cluster': { cluster: undefined },
    'for another action': { action: 'AssumeRole' },
    'for another host': { host: 'sts.evil.example' },
    'for a host that only looks like AWS’s': { host: `sts.${REGION}.amazonaws.com.evil.example` },
    'over plain http to AWS': { protocol: 'http:' },
    'for another service': { service: 's3' },
    'signed with another secret': { secretAccessKey: 'guess' },
    'too old': { signedAt: new Date(Date.now() - 16 * 60_000), expiresIn: 3600 },
    'from the future': { signedAt: new Date(Date.now() + 16 * 60_000) },
    'with a parameter more, though signed': { signedQuery: { Foo: 'bar' } },
    'with a parameter added': { extra: '&Foo=bar' },
    'with a parameter doubled': { extra: '&Action=GetCallerIdentity' },
  };
  it.each(Object.entries(WRONG))('%s is refused', async (_name, parts) => {
    expect(await front.authenticateKubernetesToken(await makeToken(parts))).toBeUndefined();
  });

  it.each([
    '',
    'k8s-aws-v1.',
    'k8s-aws-v1.!!!',
    'k8s-aws-v1.aGVsbG8',
    'k8s-aws-v2.x',
    `k8s-aws-v1.${'a'.repeat(9000)}`,
  ])('that is none is refused: %.30s', async (token) => {
    expect(await front.authenticateKubernetesToken(token)).toBeUndefined();
  });
});

describe('the webhook', () => {
  const review = async (spec: unknown, kind = 'TokenReview') => {
    const response = await fetch(`${front.url}/kubernetes/authenticate?timeout=30s`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind, spec }),
    });
    return {
      code: response.status,
      ...((await response.json()) as { kind: string; status: Record<string, unknown> }),
    };
  };

  it('tells the apiserver the user and groups of the access entry', async () => {
    const { code, kind, status } = await review({ token: await makeToken(), audiences: ['x'] });
    expect({ code, kind }).toEqual({ code: 200, kind: 'TokenReview' });
    expect(status).toMatchObject({
      authenticated: true,
      user: {
        username: 'scaler:Scaler',
        groups: ['paddock:scaler'],
        extra: { arn: [`arn:aws:sts::${ACCOUNT}:assumed-role/scaler/Scaler`] },
      },
    });
  });

  it('refuses a valid token of a role without an entry, and says so', async () => {
    front.setAccessEntries([]);
    const { status } = await review({ token: await makeToken() });
    expect(status).toMatchObject({ authenticated: false, error: `${role('scaler')} has no access entry` });
  });

  it('refuses a bad token and what is no review', async () => {
    expect((await review({ token: 'x' })).status).toMatchObject({ authenticated: false });
    expect(await review({ token: 'x' }, 'Pod')).toMatchObject({
      code: 400,
      status: { authenticated: false },
    });
  });
});
