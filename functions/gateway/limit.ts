import type { RateBuckets } from '../../adapters/aws/rate-buckets.ts';
import { ApiError } from '../../core/openai/errors.ts';
import type { Micros, RateLimit } from '../../core/rate-limit.ts';
import { messageOf } from '../shared/async.ts';
import type { Log } from '../shared/telemetry.ts';

export interface KeyLimitOptions {
  buckets: RateBuckets;
  limit: RateLimit;
  /** Epoch milliseconds. */
  now: () => number;
  log: Log;
}

/** How many requests the keys of one name may submit, over all processes of the function. */
export class KeyLimit {
  readonly #options: KeyLimitOptions;
  /** Before this there is nothing to ask the table for: shares only get taken. */
  readonly #emptyUntil = new Map<string, Micros>();

  constructor(options: KeyLimitOptions) {
    this.#options = options;
  }

  /**
   * Counts one submission. A table that does not answer refuses nobody: the limit guards a fleet, and is not worth its
   * stop.
   * @throws ApiError 429
   */
  async take(owner: string): Promise<void> {
    const { buckets, limit, now, log } = this.#options;
    const at = now() * 1000;
    let retryAt = this.#emptyUntil.get(owner);
    if (retryAt === undefined || retryAt <= at) {
      try {
        retryAt = await buckets.take(owner, limit, at);
      } catch (error) {
        log.warn(`A request could not be counted: ${messageOf(error)}`, { owner });
        return;
      }
    }
    if (retryAt === undefined) return;
    this.#emptyUntil.set(owner, retryAt);
    const seconds = Math.max(1, Math.ceil((retryAt - at) / 1_000_000));
    const { requestsPerMinute, burst } = limit;
    throw new ApiError(
      429,
      `Rate limit reached for "${owner}": ${requestsPerMinute} requests a minute, ${burst} at once. Try again in ${seconds} s.`,
      { code: 'rate_limit_exceeded', retryAfter: seconds },
    );
  }
}
