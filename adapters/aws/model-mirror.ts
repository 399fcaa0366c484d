import { GetObjectCommand, HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { ModelName } from '../../core/protocol/model-names.ts';
import { mirrorBlobKey, mirrorManifestKey } from '../../core/protocol/models.ts';
import { mapAwsError, NotFoundError } from '../errors.ts';
import { objectOptions } from './client-options.ts';

export interface MirroredBlob {
  bytes: number;
  /** Another one once the blob was written again, with whatever content. */
  version: string;
}

/** Models in the region's own bucket, as a pod reads them. Throws UnavailableError and RefusedError. */
export interface ModelMirror {
  /** Undefined when it does not have the model. */
  manifest(name: ModelName): Promise<string | undefined>;
  /** Undefined when it does not have the blob. */
  blob(digest: string): Promise<MirroredBlob | undefined>;
  /** From where the blob can be had for some hours, in ranges too, without further credentials. */
  blobUrl(digest: string): Promise<string>;
}

/**
 * A signed address outlasts the longest fill: 400 GB at 125 MB/s take an hour. It ends sooner with the credentials that
 * signed it; a fill that goes on after that asks for a new one when it is tried again.
 */
const URL_SECONDS = 6 * 3600;

export class S3ModelMirror implements ModelMirror {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(bucket: string, client = new S3Client(objectOptions())) {
    this.#bucket = bucket;
    this.#client = client;
  }

  async manifest(name: ModelName): Promise<string | undefined> {
    const Key = mirrorManifestKey(name);
    try {
      const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key }));
      return (await Body?.transformToString()) ?? '';
    } catch (error) {
      return absent(error, `read ${Key} of the mirror ${this.#bucket}`);
    }
  }

  async blob(digest: string): Promise<MirroredBlob | undefined> {
    const Key = mirrorBlobKey(digest);
    try {
      const head = await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key }));
      const { ContentLength: bytes = 0, ETag, LastModified } = head;
      return { bytes, version: `${ETag} ${LastModified?.toISOString()}` };
    } catch (error) {
      return absent(error, `look for ${Key} in the mirror ${this.#bucket}`);
    }
  }

  async blobUrl(digest: string): Promise<string> {
    const command = new GetObjectCommand({ Bucket: this.#bucket, Key: mirrorBlobKey(digest) });
    try {
      return await getSignedUrl(this.#client, command, { expiresIn: URL_SECONDS });
    } catch (error) {
      throw mapAwsError(error, `sign an address of the mirror ${this.#bucket}`);
    }
  }
}

function absent(error: unknown, what: string): undefined {
  const mapped = mapAwsError(error, what);
  if (mapped instanceof NotFoundError) return undefined;
  throw mapped;
}
