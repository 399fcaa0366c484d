import { createHash } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { ModelName } from '../../core/protocol/model-names.ts';
import {
  type Layer,
  MIRROR_MANIFESTS_PREFIX,
  mirrorBlobKey,
  mirrorManifestKey,
  nameOfManifestKey,
} from '../../core/protocol/models.ts';
import { mapAwsError, NotFoundError, RefusedError } from '../errors.ts';
import { objectOptions } from './client-options.ts';
import { S3ModelMirror } from './model-mirror.ts';

/** What is known of a part that S3 has. */
export interface KeptPart {
  md5: string;
  etag: string;
  crc32?: string | undefined;
}

/** An upload that was begun, so that a later run goes on with it. */
export interface KeptUpload {
  uploadId: string;
  partBytes: number;
  /** By number, from 1. */
  parts: Record<string, KeptPart>;
}

/** Where begun uploads are remembered, by key. */
export interface UploadNotes {
  read(key: string): KeptUpload | undefined;
  write(key: string, upload: KeptUpload | undefined): void;
}

export interface BlobUpload {
  layer: Layer;
  /** The blob from its first byte on. */
  content: AsyncIterable<Uint8Array>;
  /** Told of bytes that S3 has, and of those that it had before. */
  onProgress(bytes: number): void;
  signal: AbortSignal;
}

/** S3 takes 10,000 parts at most; 5 MiB each at least, the last one aside. */
const MAX_PARTS = 10_000;
const MIB = 1024 * 1024;
const SMALLEST_PART = 8 * MIB;
const AT_ONCE = 4;

/** Writes models into the mirror. Throws UnavailableError, RefusedError and NotFoundError. */
export class S3MirrorUpload {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #notes: UploadNotes;
  readonly #mirror: S3ModelMirror;

  constructor(bucket: string, notes: UploadNotes, client = new S3Client(objectOptions(120_000))) {
    this.#bucket = bucket;
    this.#notes = notes;
    this.#client = client;
    this.#mirror = new S3ModelMirror(bucket, client);
  }

  /** Blobs get there only after their content was checked: its size is enough to know one. */
  async has({ digest, bytes }: Layer): Promise<boolean> {
    return (await this.#mirror.blob(digest))?.bytes === bytes;
  }

  manifest(name: ModelName): Promise<string | undefined> {
    return this.#mirror.manifest(name);
  }

  async models(): Promise<ModelName[]> {
    const names: ModelName[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await this.#send('list the mirror', (s3) =>
        s3.send(
          new ListObjectsV2Command({
            Bucket: this.#bucket,
            Prefix: MIRROR_MANIFESTS_PREFIX,
            ContinuationToken,
          }),
        ),
      );
      for (const { Key = '' } of page.Contents ?? []) {
        const name = nameOfManifestKey(Key);
        if (name) names.push(name);
      }
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken);
    return names;
  }

  /** Makes a model visible: last of all, when each of its blobs is there. */
  async putManifest(name: ModelName, manifest: string): Promise<void> {
    const Key = mirrorManifestKey(name);
    const ContentType = 'application/vnd.docker.distribution.manifest.v2+json';
    await this.#send(`write ${Key}`, (s3) =>
      s3.send(new PutObjectCommand({ Bucket: this.#bucket, Key, Body: manifest, ContentType })),
    );
  }

  /**
   * Uploads a blob part by part; it is there once its whole content has the right digest, or never. One that was begun is gone
   * on with: what is read of it is compared, and only what S3 lacks is sent.
   * @throws RefusedError `DigestMismatch`: the content is not what its digest promises
   */
  async putBlob(upload: BlobUpload): Promise<void> {
    const Key = mirrorBlobKey(upload.layer.digest);
    // S3 takes no multipart upload without a part.
    if (upload.layer.bytes === 0) {
      await this.#send(`write ${Key}`, (s3) =>
        s3.send(new PutObjectCommand({ Bucket: this.#bucket, Key, Body: '' })),
      );
      return;
    }
    const kept = this.#notes.read(Key) ?? (await this.#begin(Key, upload.layer.bytes));
    try {
      const hash = await this.#sendParts(Key, kept, upload);
      if (hash !== upload.layer.digest) await this.#refuse(Key, kept, upload.layer, hash);
      await this.#complete(Key, kept);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      this.#notes.write(Key, undefined);
      // Someone, or the bucket's rule, has ended it.
      throw new NotFoundError(
        `what an earlier run has sent of ${Key} is gone: run it again, it begins anew (${error.message})`,
        error.code,
        error,
      );
    }
    this.#notes.write(Key, undefined);
  }

  async #begin(Key: string, bytes: number): Promise<KeptUpload> {
    const partBytes = Math.max(SMALLEST_PART, Math.ceil(bytes / MAX_PARTS / MIB) * MIB);
    const { UploadId = '' } = await this.#send(`begin ${Key}`, (s3) =>
      s3.send(new CreateMultipartUploadCommand({ Bucket: this.#bucket, Key, ChecksumAlgorithm: 'CRC32' })),
    );
    const upload = { uploadId: UploadId, partBytes, parts: {} };
    this.#notes.write(Key, upload);
    return upload;
  }

  /** @returns the digest of all that was read */
  async #sendParts(
    Key: string,
    kept: KeptUpload,
    { layer, content, onProgress, signal }: BlobUpload,
  ): Promise<string> {
    const hash = createHash('sha256');
    const running = new Set<Promise<void>>();
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    let number = 0;
    try {
      for await (const part of partsOf(content, kept.partBytes)) {
        either.throwIfAborted();
        number += 1;
        hash.update(part);
        const md5 = createHash('md5').update(part).digest('hex');
        if (kept.parts[number]?.md5 === md5) {
          onProgress(part.length);
          continue;
        }
        const sending = this.#sendPart(Key, kept, { number, part, md5 }, either).then(() =>
          onProgress(part.length),
        );
        const tracked = sending
          .catch((error: unknown) => failed.abort(error))
          .finally(() => running.delete(tracked));
        running.add(tracked);
        if (running.size >= AT_ONCE) await Promise.race(running);
      }
    } finally {
      await Promise.all(running);
    }
    either.throwIfAborted();
    if (number !== Math.ceil(layer.bytes / kept.partBytes)) return 'another length';
    return `sha256:${hash.digest('hex')}`;
  }

  async #sendPart(
    Key: string,
    kept: KeptUpload,
    { number, part, md5 }: { number: number; part: Buffer; md5: string },
    abortSignal: AbortSignal,
  ): Promise<void> {
    const { ETag = '', ChecksumCRC32 } = await this.#send(`write part ${number} of ${Key}`, (s3) =>
      s3.send(
        new UploadPartCommand({
          ...{ Bucket: this.#bucket, Key, UploadId: kept.uploadId, PartNumber: number, Body: part },
          ChecksumAlgorithm: 'CRC32',
        }),
        { abortSignal },
      ),
    );
    kept.parts[number] = { md5, etag: ETag, ...(ChecksumCRC32 && { crc32: ChecksumCRC32 }) };
    this.#notes.write(Key, kept);
  }

  async #complete(Key: string, { uploadId, parts }: KeptUpload): Promise<void> {
    const Parts = Object.entries(parts)
      .map(([number, { etag, crc32 }]) => ({
        ...{ PartNumber: Number(number), ETag: etag },
        ...(crc32 && { ChecksumCRC32: crc32 }),
      }))
      .sort((a, b) => a.PartNumber - b.PartNumber);
    await this.#send(`complete ${Key}`, (s3) =>
      s3.send(
        new CompleteMultipartUploadCommand({
          Bucket: this.#bucket,
          Key,
          UploadId: uploadId,
          MultipartUpload: { Parts },
        }),
      ),
    );
  }

  async #refuse(Key: string, { uploadId }: KeptUpload, { digest }: Layer, hash: string): Promise<never> {
    this.#notes.write(Key, undefined);
    await this.#send(`give up ${Key}`, (s3) =>
      s3.send(new AbortMultipartUploadCommand({ Bucket: this.#bucket, Key, UploadId: uploadId })),
    );
    throw new RefusedError(`what came for ${digest} has ${hash}: nothing of it is kept`, 'DigestMismatch');
  }

  async #send<T>(what: string, call: (client: S3Client) => Promise<T>): Promise<T> {
    try {
      return await call(this.#client);
    } catch (error) {
      throw mapAwsError(error, `${what} in ${this.#bucket}`);
    }
  }
}

/** Pieces of the same length, the last one aside. */
async function* partsOf(content: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Buffer> {
  let pieces: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of content) {
    let rest = chunk;
    while (length + rest.length >= bytes) {
      const head = rest.subarray(0, bytes - length);
      yield Buffer.concat([...pieces, head]);
      rest = rest.subarray(head.length);
      pieces = [];
      length = 0;
    }
    if (rest.length > 0) pieces.push(rest);
    length += rest.length;
  }
  if (length > 0) yield Buffer.concat(pieces);
}
