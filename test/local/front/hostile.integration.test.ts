import { connect } from 'node:net';
import { CreateBucketCommand, ListBucketsCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Sha256Node } from '@smithy/core/checksum';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import type { Front } from '../../../local/front/front.ts';
import { allow, clientFor, REGION, role, startTestFront } from './harness.ts';

let front: Front;
let s3: S3Client;

beforeAll(async () => {
  front = await startTestFront();
  s3 = new S3Client(clientFor(front, front.admin));
  for (const Bucket of ['mine', 'secret']) await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket: 'secret', Key: 'plan', Body: 'the secret' }));
});

afterEach(async () => {
  // Whatever was sent: the front still serves.
  expect((await s3.send(new ListBucketsCommand({}))).Buckets).toHaveLength(2);
});

afterAll(async () => {
  s3.destroy();
  await front.stop();
});

interface Raw {
  method?: string;
  path?: string;
  service?: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
  principal?: { accessKeyId: string; secretAccessKey: string };
}

/** Signs whatever it is given and sends it as it is, past any client's own checks. */
async function signed(raw: Raw): Promise<{ status: number; text: string }> {
  const { method = 'POST', path = '/', service = 'sqs', body = '', principal = front.admin } = raw;
  const { accessKeyId, secretAccessKey } = principal;
  const signer = new SignatureV4({
    service,
    region: REGION,
    sha256: Sha256Node,
    credentials: { accessKeyId, secretAccessKey },
    uriEscapePath: service !== 's3',
  });
  const headers = { host: `127.0.0.1:${front.port}`, ...raw.headers };
  const request = { method, protocol: 'http:', hostname: '127.0.0.1', path, query: {}, headers, body };
  const { headers: all } = await signer.sign(request);
  const length = Buffer.byteLength(body);
  const head = [
    `${method} ${path} HTTP/1.1`,
    ...Object.entries(all).map(([name, value]) => `${name}: ${value}`),
  ];
  return await send(`${head.join('\r\n')}\r\ncontent-length: ${length}\r\nconnection: close\r\n\r\n`, body);
}

const send = (...parts: (string | Buffer)[]): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const socket = connect(front.port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? undefined : reject(error),
    );
    socket.on('close', () => {
      const text = Buffer.concat(chunks).toString();
      resolve({ status: Number(text.slice(9, 12)), text });
    });
    for (const part of parts) socket.write(part);
  });

const get = (authorization: string, rest = '') =>
  send(`GET / HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\nconnection: close\r\n${rest}\r\n`);

const json = (target: string) => ({ 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': target });

describe('hostile input', () => {
  it.each([
    '',
    'garbage',
    'Basic YTpi',
    'AWS4-HMAC-SHA256',
    'AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=x',
    'AWS4-HMAC-SHA256 Credential=AKIA/20260101/r/sqs/aws4_request, SignedHeaders=, Signature=',
    'AWS4-HMAC-SHA256 Credential=//////, SignedHeaders=;;;, Signature==',
    'AWS4-HMAC-SHA256 Credential=k/20260101/r/constructor/aws4_request, SignedHeaders=host, Signature=x',
  ])('Authorization: %s', async (authorization) => {
    const { status } = await get(authorization, 'x-amz-date: 20260101T000000Z\r\n');
    expect([400, 403, 404]).toContain(status);
  });

  it('no signature at all', async () => {
    expect((await fetch(front.url)).status).toBe(403);
    expect((await fetch(`${front.url}/%ff?%ff`)).status).toBe(400);
    expect((await fetch(`${front.url}/?X-Amz-Algorithm=a&X-Amz-Algorithm=b`)).status).toBe(403);
  });

  it('what is not HTTP, and headers that are too big', async () => {
    expect((await send('\x16\x03\x01 hello\r\n\r\n')).status).toBe(400);
    expect((await get('x', `x-big: ${'a'.repeat(200_000)}\r\n`)).status).toBe(431);
  });

  it('a body that is not the one whose hash was signed', async () => {
    const headers = { ...json('AmazonSQS.ListQueues'), 'x-amz-content-sha256': 'a'.repeat(64) };
    expect(await signed({ headers, body: '{}' })).toMatchObject({ status: 403 });
    const put = { service: 's3', method: 'PUT', path: '/mine/forged', body: 'x' };
    expect((await signed({ ...put, headers: { 'x-amz-content-sha256': 'a'.repeat(64) } })).status).toBe(403);
    expect((await signed({ ...put, headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' } })).status).toBe(
      200,
    );
  });

  it('a body that is too big', async () => {
    const body = Buffer.alloc(17 * 1024 * 1024);
    expect((await signed({ service: 's3', method: 'PUT', path: '/mine/big', body })).status).toBe(413);
    const { text } = await signed({
      service: 's3',
      method: 'PUT',
      path: '/mine/big',
      body: body.subarray(0, 12 << 20),
    });
    expect(text).toContain('<Code>EntityTooLarge</Code>');
  });

  it.each([
    '',
    '{',
    '[]',
    'null',
    '"x"',
    '{"QueueUrl":7}',
    '{"QueueUrl":{"a":1}}',
    '{"__proto__":{"QueueUrl":"x"}}',
  ])('JSON body %s', async (body) => {
    for (const target of ['AmazonSQS.ReceiveMessage', 'AmazonSQS.SendMessageBatch']) {
      expect((await signed({ headers: json(target), body })).status).toBe(400);
    }
    const headers = json('DynamoDB_20120810.PutItem');
    expect((await signed({ service: 'dynamodb', headers, body })).status).toBe(400);
  });

  it.each([
    '',
    'AmazonSQS',
    'AmazonSQS.',
    'AmazonSQS.Nope',
    'AmazonSQS.constructor',
    'AmazonSQS.__proto__',
    'DynamoDB_20120810.PutItem',
  ])('target %s', async (target) => {
    expect([400, 501]).toContain((await signed({ headers: json(target), body: '{}' })).status);
  });

  it('queries that no operation has', async () => {
    for (const body of [
      '',
      'Action=Nope',
      'Action=toString',
      `Action=DescribeAutoScalingGroups&${'a.'.repeat(500)}b=1`,
    ]) {
      expect((await signed({ service: 'autoscaling', body })).status).toBe(400);
    }
    for (const path of ['/clusters/%ff', '/nope', '/clusters//node-groups', '//', '/clusters/a/b/c/d']) {
      expect([400, 404]).toContain((await signed({ service: 'eks', method: 'GET', path })).status);
    }
  });

  it.each([
    '/mine/../secret/plan',
    '/mine/%2e%2e/secret/plan',
    '/mine/.%2E/secret/plan',
    '/mine\\..\\secret\\plan',
    '//secret/plan',
    '/mine#/../secret/plan',
  ])('path %s does not reach another bucket', async (path) => {
    const policies = [allow('s3:*', ['arn:aws:s3:::mine', 'arn:aws:s3:::mine/*'])];
    const principal = front.addPrincipal({ name: 'limited', roleArn: role('limited'), policies });
    const { status, text } = await signed({ service: 's3', method: 'GET', path, principal });
    expect([400, 403]).toContain(status);
    expect(text).not.toContain('the secret');
  });

  it('any JSON for any operation', async () => {
    const targets: [string, string][] = [
      ['sqs', 'AmazonSQS.SendMessage'],
      ['sqs', 'AmazonSQS.CreateQueue'],
      ['dynamodb', 'DynamoDB_20120810.UpdateItem'],
      ['dynamodb', 'DynamoDB_20120810.Query'],
      ['monitoring', 'GraniteServiceVersion20100801.PutMetricData'],
      ['ssm', 'AmazonSSM.GetParameters'],
    ];
    const names = fc.constantFrom(
      'QueueUrl',
      'QueueName',
      'Attributes',
      'TableName',
      'Key',
      'Names',
      'Namespace',
      'MetricData',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...targets),
        fc.dictionary(names, fc.jsonValue()),
        async ([service, target], input) => {
          const { status } = await signed({ service, headers: json(target), body: JSON.stringify(input) });
          expect([200, 400, 501]).toContain(status);
        },
      ),
      { numRuns: 150 },
    );
  });
});
