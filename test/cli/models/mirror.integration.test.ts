import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { S3MirrorUpload } from '../../../adapters/aws/mirror-upload.ts';
import { FolderOrigin } from '../../../adapters/registry/folder.ts';
import { HttpRegistry } from '../../../adapters/registry/registry.ts';
import { mirrorModel } from '../../../cli/models/mirror.ts';
import { uploadNotes } from '../../../cli/models/notes.ts';
import { parseModelName } from '../../../core/protocol/model-names.ts';
import { mirrorBlobKey } from '../../../core/protocol/models.ts';
import { type Front, startFront } from '../../../local/front/front.ts';
import { inventModel } from '../../../local/registry/invented.ts';
import { type RegistryStandIn, startRegistryStandIn } from '../../../local/registry/stand-in.ts';

/** Two parts of an upload, the last one small. */
const WEIGHTS = 9 * 1024 * 1024;
const Bucket = 'models';
const dir = mkdtempSync(join(tmpdir(), 'paddock-mirror-test-'));
let front: Front;
let registry: RegistryStandIn;
let s3: S3Client;
let upload: S3MirrorUpload;
let parts = 0;

beforeAll(async () => {
  front = await startFront({ accountId: '111122223333', region: 'eu-central-1' });
  const { accessKeyId, secretAccessKey } = front.admin;
  const credentials = { accessKeyId, secretAccessKey };
  s3 = new S3Client({ endpoint: front.url, region: front.region, credentials, maxAttempts: 1 });
  await s3.send(new CreateBucketCommand({ Bucket }));
  registry = await startRegistryStandIn({ inventBytes: WEIGHTS });
  upload = new S3MirrorUpload(Bucket, uploadNotes(join(dir, 'notes'), Bucket), s3);
  front.onRequest(({ operation, status }) => {
    if (operation === 'UploadPart' && status === 200) parts += 1;
  });
});
afterAll(async () => {
  s3.destroy();
  await registry.stop();
  await front.stop();
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  registry.fault = () => undefined;
  parts = 0;
});

const mirror = (
  model: string,
  more: { signal?: AbortSignal; force?: boolean; onProgress?: (done: number) => void } = {},
) =>
  mirrorModel(parseModelName(model), {
    ...{ origin: new HttpRegistry(registry.url), upload, force: false, pauseMs: 1 },
    ...{ onProgress: () => {}, signal: new AbortController().signal },
    ...more,
  });
const weightsOf = (model: string) =>
  [...inventModel(parseModelName(model), WEIGHTS).blobs].find(([, blob]) => blob.length >= WEIGHTS) as [
    string,
    Buffer,
  ];
const stored = async (digest: string) => {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: mirrorBlobKey(digest) }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
};

describe('mirroring', () => {
  it('copies every byte, and tells how far it is', async () => {
    const seen: number[] = [];
    await mirror('whole', { onProgress: (done) => seen.push(done) });

    const [digest, content] = weightsOf('whole');
    expect((await stored(digest)).equals(content)).toBe(true);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(await upload.models()).toContainEqual(parseModelName('whole'));
  });

  it.each([1, 5_000_000, WEIGHTS - 1])(
    'reads on when the registry breaks off after %i bytes',
    async (cutAfterBytes) => {
      const model = `broken-${cutAfterBytes}`;
      const [digest, content] = weightsOf(model);
      let answers = 0;
      registry.fault = (asked) => (asked === digest && answers++ === 0 ? { cutAfterBytes } : undefined);
      await mirror(model);

      expect(answers).toBe(2);
      expect((await stored(digest)).equals(content)).toBe(true);
    },
    30_000,
  );

  it('keeps nothing of what is not as its digest promises', async () => {
    registry.fault = () => ({ spoil: true });
    await expect(mirror('spoiled')).rejects.toThrow(/nothing of it is kept/);

    expect(await upload.manifest(parseModelName('spoiled'))).toBeUndefined();
    expect(await upload.has({ digest: weightsOf('spoiled')[0], bytes: WEIGHTS + 4 })).toBe(false);
    registry.fault = () => undefined;
    expect(await mirror('spoiled')).toMatchObject({ outcome: 'mirrored' });
  });

  it('goes on with an upload that was interrupted: what S3 has is not sent again', async () => {
    const end = front.inject({ service: 's3', operation: 'CompleteMultipartUpload', kind: 'error' });
    await expect(mirror('halted')).rejects.toThrow(/complete/);
    end();
    expect(await upload.manifest(parseModelName('halted'))).toBeUndefined();
    const sentBefore = parts;
    await mirror('halted');

    expect(sentBefore).toBe(2);
    // The small files of the model aside, of which each is one part.
    expect(parts - sentBefore).toBeLessThanOrEqual(2);
    expect((await stored(weightsOf('halted')[0])).equals(weightsOf('halted')[1])).toBe(true);
    expect(readdirSync(join(dir, 'notes'))).toEqual([]);
  });

  it('begins anew when the upload that it would go on with is gone', async () => {
    const end = front.inject({ service: 's3', operation: 'CompleteMultipartUpload', kind: 'error' });
    await expect(mirror('expired')).rejects.toThrow();
    end();
    const notes = uploadNotes(join(dir, 'notes'), Bucket);
    const key = mirrorBlobKey(weightsOf('expired')[0]);
    const kept = notes.read(key);
    if (!kept) throw new Error('nothing was noted');
    notes.write(key, { ...kept, uploadId: 'gone' });

    await expect(mirror('expired')).rejects.toThrow(/is gone: run it again/);
    expect(await mirror('expired')).toMatchObject({ outcome: 'mirrored' });
  });

  it('is stopped in the middle without a model that is half there', async () => {
    const stop = new AbortController();
    await expect(
      mirror('stopped', { signal: stop.signal, onProgress: () => stop.abort() }),
    ).rejects.toThrow();

    expect(await upload.manifest(parseModelName('stopped'))).toBeUndefined();
  });

  it('sends blobs that models share once, and everything with force', async () => {
    await mirror('first');
    parts = 0;
    await mirror('second');
    expect(parts).toBe(2);
    parts = 0;
    await mirror('second', { force: true });
    expect(parts).toBe(4);
  });

  it('says at once which file of a folder is missing', async () => {
    const store = join(dir, 'store');
    const { manifest } = inventModel(parseModelName('holes'), WEIGHTS);
    mkdirSync(join(store, 'manifests/registry.ollama.ai/library/holes'), { recursive: true });
    writeFileSync(join(store, 'manifests/registry.ollama.ai/library/holes/latest'), manifest);

    await expect(
      mirrorModel(parseModelName('holes'), {
        ...{ origin: new FolderOrigin(store), upload, force: true, pauseMs: 60_000 },
        ...{ onProgress: () => {}, signal: new AbortController().signal },
      }),
    ).rejects.toThrow(/sha256-[0-9a-f]{64} is not there/);
  });

  it('says that the registry does not have a model', async () => {
    const empty = await startRegistryStandIn();
    const origin = new HttpRegistry(empty.url);
    const options = {
      origin,
      upload,
      force: false,
      onProgress: () => {},
      signal: new AbortController().signal,
    };
    await expect(mirrorModel(parseModelName('none'), options)).rejects.toThrow(
      /the registry does not have it/,
    );
    await empty.stop();
  });
});
