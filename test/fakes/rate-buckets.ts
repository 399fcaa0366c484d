import type { RateBuckets } from '../../adapters/aws/rate-buckets.ts';
import { decideRate, type Micros, type RateLimit } from '../../core/rate-limit.ts';

/** The buckets, in memory. */
export class FakeRateBuckets implements RateBuckets {
  readonly #usedUntil = new Map<string, Micros>();
  asked = 0;
  failure: Error | undefined;

  async take(holder: string, limit: RateLimit, now: Micros): Promise<Micros | undefined> {
    this.asked += 1;
    if (this.failure) throw this.failure;
    const decision = decideRate(this.#usedUntil.get(holder), now, limit);
    if (!decision.allowed) return decision.retryAt;
    this.#usedUntil.set(holder, decision.usedUntil);
    return undefined;
  }
}
