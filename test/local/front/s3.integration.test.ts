import { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Front } from '../../../local/front/front.ts';
import { allow, clientFor, role, startTestFront } from './harness.ts';

const Bucket = 'results-bucket';
let front: Front;
let s3: S3Client;

beforeAll(async () => {
  front = await startTestFront();
  s3 = new S3Client(clientFor(front, front.admin));
  await s3.send(new CreateBucketCommand({ Bucket }));
});

afterAll(async () => {
  s3.destroy();
  await front.stop();
});

const put = (Key: string, Body: string, conditions: object = {}) =>
  s3.send(new PutObjectCommand({ Bucket, Key, Body, ...conditions }));

async function get(Key: string, client = s3): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
  return (await Body?.transformToString()) ?? '';
}

describe('S3 behind the front', () => {
  it('keeps objects, with their type and metadata', async () => {
    await s3.send(
      new PutObjectCommand({
        Bucket,
        Key: 'results/cpu/a b+c.json',
        Body: '{"ü":1}',
        ContentType: 'application/json',
        Metadata: { attempt: '2' },
      }),
    );
    expect(await get('results/cpu/a b+c.json')).toBe('{"ü":1}');
    const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'results/cpu/a b+c.json' }));
    expect(head).toMatchObject({
      ContentType: 'application/json',
      ContentLength: 8,
      Metadata: { attempt: '2' },
    });
  });

  it('takes streamed bodies with a trailing checksum', async () => {
    const Body = Readable.from([Buffer.from('part one, '), Buffer.from('part two')]);
    await s3.send(new PutObjectCommand({ Bucket, Key: 'streamed', Body, ContentLength: 18 }));
    expect(await get('streamed')).toBe('part one, part two');
  });

  it('lists, copies and deletes', async () => {
    for (const n of [1, 2, 3]) await put(`list/${n}`, `${n}`);
    await s3.send(new CopyObjectCommand({ Bucket, Key: 'list/4', CopySource: `${Bucket}/list/1` }));
    const keys = async () => {
      const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'list/' }));
      return Contents.map(({ Key }) => Key);
    };
    expect(await keys()).toEqual(['list/1', 'list/2', 'list/3', 'list/4']);
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'list/1' }));
    await s3.send(
      new DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: 'list/2' }, { Key: 'list/3' }] } }),
    );
    expect(await keys()).toEqual(['list/4']);
    await s3.send(new HeadBucketCommand({ Bucket }));
    expect((await s3.send(new ListBucketsCommand({}))).Buckets?.map(({ Name }) => Name)).toEqual([Bucket]);
  });

  it('puts parts together', async () => {
    const Key = 'big';
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const Parts = [];
    for (const PartNumber of [1, 2]) {
      const Body = Buffer.alloc(5 * 1024 * 1024, PartNumber);
      const { ETag } = await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
      Parts.push({ ETag, PartNumber });
    }
    await s3.send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }));
    const range = await s3.send(new GetObjectCommand({ Bucket, Key, Range: 'bytes=5242879-5242880' }));
    expect(Buffer.from((await range.Body?.transformToByteArray()) ?? [])).toEqual(Buffer.from([1, 2]));
  });

  it('serves a presigned GET, and not one that was changed or is too old', async () => {
    await put('presigned', 'open sesame');
    const url = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'presigned' }), { expiresIn: 60 });
    expect(await (await fetch(url)).text()).toBe('open sesame');
    const other = await fetch(url.replace('/presigned?', '/streamed?'));
    expect(other.status).toBe(403);
    expect(await other.text()).toContain('<Code>SignatureDoesNotMatch</Code>');
    const signingDate = new Date(Date.now() - 120_000);
    const old = await getSignedUrl(s3, new GetObjectCommand({ Bucket, Key: 'presigned' }), {
      expiresIn: 60,
      signingDate,
    });
    expect(await (await fetch(old)).text()).toContain('Request has expired');
  });
});

describe('conditional writes', () => {
  it('If-None-Match: * lets exactly one of many writers win', async () => {
    const writers = Array.from({ length: 12 }, (_, n) => put('once', `${n}`, { IfNoneMatch: '*' }));
    const results = await Promise.allSettled(writers);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ name: 'PreconditionFailed' });
    }
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    expect(await get('once')).toBe(`${winner}`);
  });

  it('If-Match replaces only what was read', async () => {
    const { ETag } = await put('versioned', 'one');
    const attempts = await Promise.allSettled(
      ['two', 'three'].map((body) => put('versioned', body, { IfMatch: ETag })),
    );
    expect(attempts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(put('versioned', 'four', { IfMatch: ETag })).rejects.toMatchObject({
      name: 'PreconditionFailed',
      $metadata: { httpStatusCode: 412 },
    });
    await expect(put('absent', 'x', { IfMatch: ETag })).rejects.toMatchObject({ name: 'NoSuchKey' });
  });

  it('conditions on reads hold too', async () => {
    const { ETag } = await put('read', 'x');
    await expect(
      s3.send(new GetObjectCommand({ Bucket, Key: 'read', IfNoneMatch: ETag })),
    ).rejects.toMatchObject({ $metadata: { httpStatusCode: 304 } });
  });
});

describe('who may not list', () => {
  it('is told 403 instead of 404', async () => {
    const principal = front.addPrincipal({
      name: 'reader',
      roleArn: role('reader'),
      policies: [allow('s3:GetObject', `arn:aws:s3:::${Bucket}/*`)],
    });
    const reader = new S3Client(clientFor(front, principal));
    await put('there', 'yes');
    expect(await get('there', reader)).toBe('yes');
    await expect(get('missing', reader)).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(get('missing')).rejects.toMatchObject({ name: 'NoSuchKey' });
    reader.destroy();
  });
});
