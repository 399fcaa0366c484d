import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RateBuckets } from '../../adapters/aws/rate-buckets.ts';
import { decideRate, type Micros } from '../../core/rate-limit.ts';

const NOW = 1_700_000_000_000_000;
let holders = 0;
const holder = () => `app-${process.pid}-${holders++}`;

/** @param make one process of several with the same counts */
export function rateBucketsContract(name: string, make: () => RateBuckets): void {
  describe(`${name}: counts of requests`, () => {
    it('give each holder a burst and then the rate, and say when there is the next', async () => {
      const buckets = make();
      const limit = { requestsPerMinute: 60, burst: 2 };
      const [app, batch] = [holder(), holder()];
      const take = (at: Micros, who = app) => buckets.take(who, limit, NOW + at);
      expect([await take(0), await take(0), await take(0)]).toEqual([undefined, undefined, NOW + 1_000_000]);
      expect(await take(0, batch)).toBeUndefined();
      expect([await take(1_000_000), await take(1_000_000)]).toEqual([undefined, NOW + 2_000_000]);
      expect([await take(60_000_000), await take(60_000_000), await take(60_000_000)]).toEqual([
        ...[undefined, undefined, NOW + 61_000_000],
      ]);
    });

    it('are common to all processes, also when they come at once', async () => {
      const processes = [make(), make(), make()];
      const limit = { requestsPerMinute: 1, burst: 5 };
      const who = holder();
      const takes = Array.from({ length: 12 }, (_, i) => processes[i % 3]?.take(who, limit, NOW));
      const answers = await Promise.allSettled(takes);
      const taken = answers.filter(
        ({ status, ...rest }) => status === 'fulfilled' && !('value' in rest && rest.value),
      );
      expect(taken).toHaveLength(5);
    });

    it('are what the algorithm says, whatever comes when, through whichever process', async () => {
      const steps = fc.array(fc.record({ pause: fc.nat(3_000_000), process: fc.nat(1) }), { maxLength: 12 });
      const limits = fc.record({
        requestsPerMinute: fc.constantFrom(30, 60, 7000),
        burst: fc.integer({ min: 1, max: 3 }),
      });
      await fc.assert(
        fc.asyncProperty(steps, limits, async (sequence, limit) => {
          const processes = [make(), make()];
          const who = holder();
          let now = NOW;
          let usedUntil: Micros | undefined;
          for (const { pause, process: index } of sequence) {
            now += pause;
            const expected = decideRate(usedUntil, now, limit);
            const retryAt = await processes[index]?.take(who, limit, now);
            expect(retryAt).toBe(expected.allowed ? undefined : expected.retryAt);
            if (expected.allowed) usedUntil = expected.usedUntil;
          }
        }),
        { numRuns: 25 },
      );
    });
  });
}
