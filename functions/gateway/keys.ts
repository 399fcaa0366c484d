import { createHash, timingSafeEqual } from 'node:crypto';
import type { ApiKeysReader } from '../../adapters/aws/api-keys.ts';
import { ApiError } from '../../core/openai/errors.ts';
import type { ApiKeys } from '../../core/protocol/api-keys.ts';
import { messageOf } from '../shared/async.ts';
import type { Log } from '../shared/telemetry.ts';

export interface KeyCheckerOptions {
  keys: ApiKeysReader;
  /** Epoch milliseconds. */
  now: () => number;
  log: Log;
}

/** A revoked key works this long at most, while Secrets Manager answers. */
const TTL_MS = 60_000;
/** An unknown key may be a new one: it has the secret read again, but nobody can have it read more often than this. */
const RECHECK_MS = 5000;
/** While Secrets Manager does not answer, keys that were read are good for so long. */
const STALE_MS = 600_000;
const MAX_KEY_LENGTH = 200;

const unauthorized = (message: string): ApiError => new ApiError(401, message, { code: 'invalid_api_key' });

/** Tells from an `Authorization` header who calls. */
export class KeyChecker {
  readonly #options: KeyCheckerOptions;
  #kept: { at: number; keys: ApiKeys } | undefined;
  /** When an unknown key last had the secret read. */
  #recheckedAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(options: KeyCheckerOptions) {
    this.#options = options;
  }

  /**
   * The name of the key's holder.
   * @throws ApiError 401; 503 when no keys could be read
   */
  async check(authorization: string | undefined): Promise<string> {
    const presented = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (!presented) {
      throw unauthorized(
        'Give your API key in the header "Authorization: Bearer KEY". "paddock keys create" makes one.',
      );
    }
    if (presented.length > MAX_KEY_LENGTH) throw unauthorized('The API key is not valid.');
    const digest = createHash('sha256').update(presented).digest();
    const isOld = this.#age() > TTL_MS;
    if (isOld) await this.#read();
    let name = this.#find(digest);
    const { now } = this.#options;
    // Counted apart from the readings once a minute: after one of those a new key would be refused here, and taken by other processes.
    if (name === undefined && !isOld && now() - this.#recheckedAt > RECHECK_MS) {
      this.#recheckedAt = now();
      await this.#read();
      name = this.#find(digest);
    }
    if (name === undefined) throw unauthorized('The API key is not valid.');
    return name;
  }

  /** Every key is compared, whichever fits: the time tells nothing. */
  #find(digest: Buffer): string | undefined {
    let found: string | undefined;
    for (const { name, sha256 } of this.#kept?.keys.keys ?? []) {
      if (timingSafeEqual(digest, Buffer.from(sha256, 'hex'))) found = name;
    }
    return found;
  }

  #age(): number {
    return this.#kept ? this.#options.now() - this.#kept.at : Number.POSITIVE_INFINITY;
  }

  /** Requests that come together share one reading. */
  async #read(): Promise<void> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #readOnce(): Promise<void> {
    const { keys, now, log } = this.#options;
    try {
      this.#kept = { at: now(), keys: await keys.read() };
    } catch (error) {
      log.error(`The API keys can't be read: ${messageOf(error)}`);
      if (this.#age() <= STALE_MS) return;
      throw new ApiError(503, 'The API keys can not be checked right now. Try again.', { retryAfter: 5 });
    }
  }
}
