import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decideRate, intervalOf, type Micros, type RateLimit } from '../../core/rate-limit.ts';

const limits = fc.record({
  requestsPerMinute: fc.integer({ min: 1, max: 60_000 }),
  burst: fc.integer({ min: 1, max: 1000 }),
});
const pauses = fc.array(fc.nat(5_000_000), { maxLength: 200 });

/** When the requests that came so were allowed. */
function allowedAt(times: readonly Micros[], limit: RateLimit): Micros[] {
  let usedUntil: Micros | undefined;
  return times.filter((now) => {
    const decision = decideRate(usedUntil, now, limit);
    if (decision.allowed) usedUntil = decision.usedUntil;
    return decision.allowed;
  });
}

const timesOf = (gaps: readonly number[]): Micros[] => {
  let now = 1_700_000_000_000_000;
  return gaps.map((gap) => (now += gap));
};

describe('a rate limit', () => {
  it('lets through no more than its burst and its rate, in any span of time', () => {
    fc.assert(
      fc.property(limits, pauses, (limit, gaps) => {
        const allowed = allowedAt(timesOf(gaps), limit);
        allowed.forEach((from, first) => {
          allowed.slice(first).forEach((to, count) => {
            expect(count + 1).toBeLessThanOrEqual(limit.burst + (to - from) / intervalOf(limit) + 1e-6);
          });
        });
      }),
      { numRuns: 50 },
    );
  });

  it('refuses nobody who keeps to the rate', () => {
    fc.assert(
      fc.property(limits, fc.array(fc.nat(1_000_000), { maxLength: 50 }), (limit, more) => {
        const times = timesOf(more.map((extra) => intervalOf(limit) + extra));
        expect(allowedAt(times, limit)).toEqual(times);
      }),
    );
  });

  it('says when there is one again: then there is, and just before there is none', () => {
    fc.assert(
      fc.property(limits, fc.nat(1e9), fc.nat(1e9), (limit, usedUntil, now) => {
        const decision = decideRate(usedUntil, now, limit);
        if (decision.allowed) return;
        expect(decideRate(usedUntil, decision.retryAt, limit).allowed).toBe(true);
        expect(decideRate(usedUntil, decision.retryAt - 1, limit).allowed).toBe(false);
      }),
    );
  });
});
