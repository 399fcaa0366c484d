import fc from 'fast-check';
import {
  type Failure,
  foldFailures,
  LATEST_NOTICE_SECONDS,
  type Quarantine,
  quarantineSeconds,
  standingOf,
} from '../../../core/spot/quarantine.ts';

const BACKOFF = { quarantineSeconds: 180, quarantineMaxSeconds: 3600 };
const T = 1_800_000_000;
const fail = (seconds: number, code = 'InsufficientInstanceCapacity'): Failure => ({ at: T + seconds, code });
const fold = (before: Quarantine | undefined, failures: Failure[], seconds: number) =>
  foldFailures(before, failures, T + seconds, BACKOFF);

/** What the rest of the system sees of it. */
const visible = (quarantine: Quarantine | undefined) =>
  quarantine && {
    since: quarantine.since,
    until: quarantine.until,
    failures: quarantine.failures,
    code: quarantine.code,
  };

describe('a quarantine', () => {
  it('lasts three minutes after the first failure', () => {
    const quarantine = fold(undefined, [fail(0)], 5);
    expect(visible(quarantine)).toEqual({
      since: T,
      until: T + 180,
      failures: 1,
      code: 'InsufficientInstanceCapacity',
    });
    expect(standingOf(quarantine, T + 179)).toBe('quarantined');
    expect(standingOf(quarantine, T + 180)).toBe('half-open');
  });

  it('takes all failures within it for one', () => {
    expect(fold(undefined, [fail(0), fail(1), fail(60), fail(179)], 200)?.failures).toBe(1);
  });

  it.each([
    [1, 180],
    [2, 225],
    [3, 281.25],
    [14, 3274.181],
    [15, 3600],
    [60, 3600],
  ])('after %i failures in a row lasts %i s', (failures, seconds) => {
    expect(quarantineSeconds(failures, BACKOFF)).toBeCloseTo(seconds, 3);
  });

  it('is a quarter longer when the pool fails again before it has given capacity for as long', () => {
    const first = fold(undefined, [fail(0)], 5);
    expect(fold(first, [fail(0), fail(359)], 365)).toMatchObject({ failures: 2, until: T + 359 + 225 });
  });

  it('is forgotten when the pool lasted as long as it was left alone', () => {
    const first = fold(undefined, [fail(0)], 5);
    expect(fold(first, [], 359)).toBeDefined();
    expect(fold(first, [], 360)).toBeUndefined();
    expect(fold(first, [fail(0), fail(360)], 365)).toMatchObject({ failures: 1 });
  });

  it('is over for good once the pool has given an instance', () => {
    const quarantine = { ...(fold(undefined, [fail(0)], 5) as Quarantine), provenAt: T + 240 };
    expect(standingOf(quarantine, T + 240)).toBe('trusted');
    const again = fold(quarantine, [fail(250)], 255);
    expect(standingOf(again, T + 255)).toBe('quarantined');
    expect(standingOf(again, T + 250 + 225)).toBe('half-open');
  });

  it('comes to the same in whatever order, how often and how late failures become known, and whenever ticks look', () => {
    const failure = fc.record({
      at: fc.integer({ min: 0, max: 7200 }).map((seconds) => T + seconds),
      code: fc.constantFrom('InsufficientInstanceCapacity', 'UnfulfillableCapacity'),
    });
    const heard = fc.record({
      failure,
      delays: fc.array(fc.integer({ min: 0, max: LATEST_NOTICE_SECONDS - 1 }), {
        minLength: 1,
        maxLength: 3,
      }),
    });
    fc.assert(
      fc.property(
        fc.array(heard, { maxLength: 25 }),
        fc.array(fc.integer({ min: 0, max: 8200 }), { maxLength: 40 }),
        (all, ticks) => {
          const END = T + 8300;
          let remembered: Quarantine | undefined;
          for (const at of [...ticks.map((tick) => T + tick).sort((a, b) => a - b), END]) {
            const known = all.flatMap(({ failure, delays }) =>
              delays.some((delay) => failure.at + delay <= at) ? [failure] : [],
            );
            remembered = foldFailures(remembered, known, at, BACKOFF);
          }
          const once = foldFailures(undefined, all.map(({ failure }) => failure).reverse(), END, BACKOFF);
          expect(visible(remembered)).toEqual(visible(once));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('never asks twice within the backoff, and remembers no more than a quarter of an hour', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 36_000 }), { minLength: 1, maxLength: 300 }),
        (times) => {
          let remembered: Quarantine | undefined;
          let asked = Number.NEGATIVE_INFINITY;
          for (const at of times.map((time) => T + time).sort((a, b) => a - b)) {
            // Asked whenever it may be, and it always refuses.
            if (standingOf(remembered, at) === 'quarantined') continue;
            expect(at - asked).toBeGreaterThanOrEqual(BACKOFF.quarantineSeconds);
            asked = at;
            remembered = foldFailures(remembered, [{ at, code: 'x' }], at, BACKOFF);
            expect(remembered?.until).toBeGreaterThanOrEqual(at + BACKOFF.quarantineSeconds);
            expect(remembered?.recent.every((time) => time > at - LATEST_NOTICE_SECONDS)).toBe(true);
          }
        },
      ),
    );
  });
});
