import fc from 'fast-check';
import { costOf, type PoolPrice } from '../../../core/cost/cost.ts';

const prices: PoolPrice[] = [
  { name: 'od', capacityType: 'on-demand', pricePerHour: 2 },
  { name: 'spot', capacityType: 'spot', pricePerHour: 0.9, onDemandPricePerHour: 2 },
];

it('counts what there was from look to look, by pool, and what it had cost all on-demand', () => {
  const samples = [
    { at: 0, nodesByPool: { od: 1, spot: 0 } },
    { at: 1800, nodesByPool: { od: 1, spot: 4 } },
  ];
  expect(costOf(samples, prices, 0, 3600)).toEqual({
    pools: [
      { pool: 'od', capacityType: 'on-demand', nodeSeconds: 3600, dollars: 2 },
      { pool: 'spot', capacityType: 'spot', nodeSeconds: 7200, dollars: 1.8 },
    ],
    dollars: 3.8,
    allOnDemandDollars: 6,
    saving: 0.3667,
    from: '1970-01-01T00:00:00.000Z',
    until: '1970-01-01T01:00:00.000Z',
    unseenSeconds: 3600,
  });
});

it('counts nothing from before the time asked for, and nothing before the first look', () => {
  const samples = [{ at: 0, nodesByPool: { od: 3 } }];
  expect(costOf(samples, prices, 3540, 3600).pools[0]).toMatchObject({ nodeSeconds: 180 });
  const late = costOf([{ at: 3590, nodesByPool: { od: 1 } }], prices, 0, 3600);
  expect(late).toMatchObject({ from: '1970-01-01T00:59:50.000Z', unseenSeconds: 0 });
  expect(late.pools[0]).toMatchObject({ nodeSeconds: 10 });
});

it('takes a pool that could not be read to have what it had', () => {
  const samples = [
    { at: 0, nodesByPool: { od: 1, spot: 2 } },
    { at: 10, nodesByPool: { od: 1 } },
    { at: 20, nodesByPool: { od: 1, spot: 0 } },
  ];
  expect(costOf(samples, prices, 0, 30).pools.map(({ nodeSeconds }) => nodeSeconds)).toEqual([30, 40]);
});

it('of nothing costs nothing', () => {
  expect(costOf([], prices, 0, 60)).toMatchObject({ dollars: 0, allOnDemandDollars: 0, saving: 0 });
});

it('is the same whether one looks at all of the time or at its parts', () => {
  const sample = fc.record({ after: fc.integer({ min: 1, max: 400 }), od: fc.nat(5), spot: fc.nat(5) });
  fc.assert(
    fc.property(
      fc.array(sample, { minLength: 1, maxLength: 20 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (steps, cut) => {
        let at = 0;
        const samples = steps.map(({ after, ...nodesByPool }) => {
          at += after;
          return { at, nodesByPool };
        });
        const [from, until] = [samples[0]?.at ?? 0, at + 100];
        const middle = Math.round(from + cut * (until - from));
        const whole = costOf(samples, prices, from, until);
        const parts = [costOf(samples, prices, from, middle), costOf(samples, prices, middle, until)];
        expect(parts.reduce((sum, { dollars }) => sum + dollars, 0)).toBeCloseTo(whole.dollars, 3);
        expect(whole.saving).toBeGreaterThanOrEqual(0);
        expect(whole.saving).toBeLessThanOrEqual(0.55);
      },
    ),
  );
});
