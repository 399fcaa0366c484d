import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { ConflictError, mapAwsError, NotFoundError, RefusedError, UnavailableError } from '../errors.ts';
import { objectOptions } from './client-options.ts';

/** Where results lie. Each key is written once. Throws UnavailableError and RefusedError. */
export interface ResultStore {
  exists(key: string): Promise<boolean>;
  /** Writes the object unless the key is taken; `exists` leaves the first one as it is. One of the same content counts as written. */
  writeOnce(key: string, body: string): Promise<'written' | 'exists'>;
  /** Undefined while there is no such object. */
  read(key: string): Promise<string | undefined>;
}

/** A stored object and what names its content. */
export interface Versioned {
  body: string;
  etag: string;
}

/** Objects that change: who replaces one states which content it has seen. Throws UnavailableError and RefusedError. */
export interface StatusStore {
  /** Undefined while there is no such object. */
  open(key: string): Promise<Versioned | undefined>;
  /** Writes the object unless the key is taken. */
  writeOnce(key: string, body: string): Promise<'written' | 'exists'>;
  /** The new etag; undefined, and nothing is written, when the object is another one by now or gone. */
  replace(key: string, body: string, etag: string): Promise<string | undefined>;
  /** False, and nothing is deleted, when the object is another one by now or gone. */
  deleteIf(key: string, etag: string): Promise<boolean>;
  /** Fine to repeat, also when there is no such object. */
  delete(key: string): Promise<void>;
}

export class S3ResultStore implements ResultStore, StatusStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(bucket: string, client = new S3Client(objectOptions())) {
    this.#bucket = bucket;
    this.#client = client;
  }

  /** Needs `s3:ListBucket` beside `s3:GetObject`: without it S3 answers 403 for a key that is not there. */
  async exists(key: string): Promise<boolean> {
    try {
      await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
      return true;
    } catch (error) {
      const mapped = mapAwsError(error, `look for ${key} in ${this.#bucket}`);
      if (mapped instanceof NotFoundError) return false;
      throw mapped;
    }
  }

  async writeOnce(key: string, body: string): Promise<'written' | 'exists'> {
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: body,
      ContentType: 'application/json',
      IfNoneMatch: '*',
    });
    try {
      await this.#client.send(command);
      return 'written';
    } catch (error) {
      const mapped = mapAwsError(error, `write ${key} to ${this.#bucket}`);
      // 409 only says that another write of the key is under way: S3 asks for a retry, and that one settles it.
      if (mapped instanceof ConflictError && mapped.code === 'ConditionalRequestConflict') {
        throw new UnavailableError(mapped.message, mapped.code, error);
      }
      if (!(mapped instanceof ConflictError)) throw mapped;
      return (await this.#ownEtag(key, body)) === undefined ? 'exists' : 'written';
    }
  }

  /**
   * Names what is stored if it is what was to be written. A write whose answer was lost (a 5xx, a time-out) is repeated, by the SDK
   * too, and S3 refuses the repetition: that the key is taken then says nothing about by whom. Who may only write can't tell.
   */
  async #ownEtag(key: string, body: string): Promise<string | undefined> {
    try {
      const stored = await this.open(key);
      return stored?.body === body ? stored.etag : undefined;
    } catch (error) {
      if (error instanceof RefusedError) return undefined;
      throw error;
    }
  }

  async read(key: string): Promise<string | undefined> {
    return (await this.open(key))?.body;
  }

  async open(key: string): Promise<Versioned | undefined> {
    try {
      const { Body, ETag = '' } = await this.#client.send(
        new GetObjectCommand({ Bucket: this.#bucket, Key: key }),
      );
      return { body: (await Body?.transformToString()) ?? '', etag: ETag };
    } catch (error) {
      const mapped = mapAwsError(error, `read ${key} from ${this.#bucket}`);
      if (mapped instanceof NotFoundError) return undefined;
      throw mapped;
    }
  }

  async replace(key: string, body: string, etag: string): Promise<string | undefined> {
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: body,
      ContentType: 'application/json',
      IfMatch: etag,
    });
    try {
      const { ETag = '' } = await this.#client.send(command);
      return ETag;
    } catch (error) {
      const mapped = mapAwsError(error, `replace ${key} in ${this.#bucket}`);
      if (mapped instanceof ConflictError) return await this.#ownEtag(key, body);
      if (mapped instanceof NotFoundError) return undefined;
      throw mapped;
    }
  }

  /** Needs `s3:GetObject` beside `s3:DeleteObject`. */
  async deleteIf(key: string, etag: string): Promise<boolean> {
    try {
      await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key, IfMatch: etag }));
      return true;
    } catch (error) {
      const mapped = mapAwsError(error, `delete ${key} from ${this.#bucket} as it was read`);
      if (mapped instanceof ConflictError || mapped instanceof NotFoundError) return false;
      throw mapped;
    }
  }

  async delete(key: string): Promise<void> {
    try {
      await this.#client.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
    } catch (error) {
      throw mapAwsError(error, `delete ${key} from ${this.#bucket}`);
    }
  }

  close(): void {
    this.#client.destroy();
  }
}
