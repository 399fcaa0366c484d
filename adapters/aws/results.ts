import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ConflictError, mapAwsError, NotFoundError, UnavailableError } from '../errors.ts';

/** Where results lie. Each key is written once. Throws UnavailableError and RefusedError. */
export interface ResultStore {
  exists(key: string): Promise<boolean>;
  /** Writes the object unless the key is taken; `exists` leaves the first one as it is. */
  writeOnce(key: string, body: string): Promise<'written' | 'exists'>;
  /** Undefined while there is no such object. */
  read(key: string): Promise<string | undefined>;
}

export class S3ResultStore implements ResultStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(
    bucket: string,
    client = new S3Client({ requestHandler: { connectionTimeout: 3000, requestTimeout: 30_000 } }),
  ) {
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
      if (mapped instanceof ConflictError) return 'exists';
      throw mapped;
    }
  }

  async read(key: string): Promise<string | undefined> {
    try {
      const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
      return await Body?.transformToString();
    } catch (error) {
      const mapped = mapAwsError(error, `read ${key} from ${this.#bucket}`);
      if (mapped instanceof NotFoundError) return undefined;
      throw mapped;
    }
  }

  close(): void {
    this.#client.destroy();
  }
}
