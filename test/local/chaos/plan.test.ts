import fc from 'fast-check';
import {
  KINDS,
  LONG_TOKENS,
  planFaults,
  planRequests,
  SHORT_TOKENS,
  SPELL_RATE,
  SPELL_SECONDS,
} from '../../../local/chaos/plan.ts';

const run = fc.record({
  requests: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 1_000_000 })),
  seed: fc.nat(),
});

describe('the plan of faults', () => {
  it('follows from the seed', () => {
    const text = (options: { requests: number; seed: number }) => JSON.stringify(planFaults(options));
    fc.assert(
      fc.property(run, ({ requests, seed }) => text({ requests, seed }) === text({ seed, requests })),
    );
    expect(planFaults({ requests: 1000, seed: 1 })).not.toEqual(planFaults({ requests: 1000, seed: 2 }));
  });

  it('has every kind, in the order of their beginning, with traffic before and behind, bounded in number and time', () => {
    const isWithin = (value: number, { min, max }: { min: number; max: number }) =>
      value >= min && value <= max;
    fc.assert(
      fc.property(run, ({ requests, seed }) => {
        const plan = planFaults({ requests, seed });
        const within = { min: Math.floor(requests * 0.05), max: requests * 0.9 };
        return (
          KINDS.every((kind) => plan.some((fault) => fault.kind === kind)) &&
          plan.length <= 700 &&
          plan.every(({ at }, index) => at >= (plan[index - 1]?.at ?? 0) && isWithin(at, within)) &&
          plan.every(
            ({ draw, seconds, rate }) =>
              draw >= 0 && draw < 1 && isWithin(seconds, SPELL_SECONDS) && isWithin(rate, SPELL_RATE),
          )
        );
      }),
    );
  });

  it('grows with the load: dozens of kills in 10,000 requests', () => {
    const plan = planFaults({ requests: 10_000, seed: 1 });
    const count = (wanted: string): number => plan.filter(({ kind }) => kind === wanted).length;
    expect([count('worker-killed'), count('node-lost'), count('apiserver-restarted')]).toEqual([30, 6, 4]);
  });
});

describe('the requests', () => {
  const some = fc.record({ requests: fc.integer({ min: 1, max: 5000 }), seed: fc.nat() });

  it('follow from the seed; a few are long, spread over the load, with others behind them', () => {
    fc.assert(
      fc.property(some, ({ requests, seed }) => {
        const sizes = planRequests({ requests, seed });
        const long = sizes.flatMap((tokens, number) => (tokens === LONG_TOKENS ? [number] : []));
        const short = sizes.filter((tokens) => tokens !== LONG_TOKENS);
        return (
          sizes.length === requests &&
          sizes.join() === planRequests({ requests, seed }).join() &&
          long.length >= 1 &&
          long.length <= Math.max(5, Math.ceil(requests * 0.005)) &&
          long.every((number) => number <= requests * 0.8) &&
          short.every((tokens) => tokens >= SHORT_TOKENS.min && tokens < SHORT_TOKENS.max)
        );
      }),
      { numRuns: 30 },
    );
  });
});
