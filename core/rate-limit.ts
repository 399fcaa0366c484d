/** So many requests a minute in the long run, and at most `burst` at once. */
export interface RateLimit {
  /** 1 to 60,000. */
  requestsPerMinute: number;
  /** At least 1. */
  burst: number;
}

/** Microseconds: whole numbers, which every store holds exactly, also at 60,000 a minute. */
export type Micros = number;

/** What each request takes up of the time of its holder. */
export const intervalOf = ({ requestsPerMinute }: RateLimit): Micros =>
  Math.round(60_000_000 / requestsPerMinute);

/** How far the time taken up may lie ahead of the clock for one more request. */
export const toleranceOf = (limit: RateLimit): Micros => (limit.burst - 1) * intervalOf(limit);

/**
 * The generic cell rate algorithm, a token bucket in one number: `usedUntil`, the time up to which a holder's requests
 * take up their share. It lies in the past when the bucket is full.
 */
export type RateDecision =
  | { allowed: true; usedUntil: Micros }
  /** Nothing before `retryAt` can be allowed, whoever asks. */
  | { allowed: false; retryAt: Micros };

/** @param usedUntil undefined for a holder that never came */
export function decideRate(usedUntil: Micros | undefined, now: Micros, limit: RateLimit): RateDecision {
  const used = Math.max(usedUntil ?? now, now);
  const retryAt = used - toleranceOf(limit);
  if (retryAt > now) return { allowed: false, retryAt };
  return { allowed: true, usedUntil: used + intervalOf(limit) };
}
