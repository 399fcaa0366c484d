import fc from 'fast-check';
import type { Arrivals } from '../../simulation/arrivals.ts';
import { SimulatedFleet } from '../../simulation/fleet.ts';
import { burstyArrivals, steadyArrivals } from '../../simulation/generate.ts';
import { keda } from '../../simulation/rules/keda.ts';
import { RULE_NAMES, simulate } from '../../simulation/simulate.ts';

const arrivalsAt = (at: number[], service: number): Arrivals => ({
  at: Float64Array.from(at),
  service: Float64Array.from(at, () => service),
  durationSeconds: at.at(-1) ?? 0,
});
const fleetOf = (arrivals: Arrivals, overrides = {}) =>
  new SimulatedFleet(arrivals, {
    slots: 1,
    leadSeconds: 10,
    maxReplicas: 50,
    counterLagSeconds: 0,
    seed: 1,
    ...overrides,
  });

describe('the simulated fleet', () => {
  it('serves first come, first served, as many at a time as there are slots', () => {
    const fleet = fleetOf(arrivalsAt([0, 0, 0], 4), { slots: 2 });
    fleet.advance(100);
    expect([...fleet.waits]).toEqual([0, 0, 4]);
    expect(fleet.isDone).toBe(true);
  });

  it('a new replica takes requests from the moment it is warm, not at the next tick', () => {
    const fleet = fleetOf(arrivalsAt([0, 0], 30));
    fleet.advance(3);
    fleet.add(1);
    fleet.advance(100);
    expect([...fleet.waits]).toEqual([0, 13]);
  });

  it('a drained replica takes nothing more and finishes what it has, even when it is removed', () => {
    const fleet = fleetOf(arrivalsAt([0, 1], 5));
    fleet.advance(2);
    const [only] = fleet.replicas;
    if (!only) throw new Error('no replica');
    fleet.drain(only, 99);
    fleet.add(1);
    fleet.remove(only);
    fleet.advance(100);
    expect(fleet.cutOff).toBe(0);
    expect(fleet.waits[1]).toBe(11);
    expect(fleet.isDone).toBe(true);
  });

  it('an undrained replica that is removed busy is cut off, and its request starts again', () => {
    const fleet = fleetOf(arrivalsAt([0], 5));
    fleet.add(1);
    fleet.advance(1);
    const [first] = fleet.replicas;
    if (!first) throw new Error('no replica');
    fleet.remove(first);
    fleet.advance(12);
    expect(fleet.cutOff).toBe(1);
    expect(fleet.inFlight).toBe(1);
    fleet.advance(100);
    expect(fleet.isDone).toBe(true);
  });

  it('counts replica-seconds of what was wanted at the time', () => {
    const fleet = fleetOf(arrivalsAt([0], 1));
    fleet.advance(10);
    fleet.add(2);
    fleet.advance(20);
    fleet.finish();
    expect(fleet.replicaSeconds).toBe(10 + 30);
  });

  it('tells late counters as they were', () => {
    const fleet = fleetOf(arrivalsAt([0, 0, 0], 100), { counterLagSeconds: 10 });
    fleet.advance(1);
    expect(fleet.readCounters()).toEqual({ backlog: 0, inFlight: 0 });
    fleet.advance(11);
    expect(fleet.readCounters()).toEqual({ backlog: 2, inFlight: 1 });
  });

  it('serves every request exactly once, whatever the rule', () => {
    const scene = fc.record({
      rule: fc.constantFrom(...RULE_NAMES),
      seed: fc.nat(1000),
      slots: fc.integer({ min: 1, max: 4 }),
      leadSeconds: fc.integer({ min: 0, max: 60 }),
      counterLagSeconds: fc.constantFrom(0, 60),
    });
    fc.assert(
      fc.property(scene, ({ rule, seed, ...options }) => {
        const load = { seed, durationSeconds: 300, requestsPerSecond: 1, serviceSeconds: 3 };
        const arrivals = burstyArrivals(load);
        const result = simulate(rule, arrivals, options);
        expect(result.waitSeconds.max).toBeGreaterThanOrEqual(0);
        expect(result.endedAt).toBeGreaterThanOrEqual(300);
        if (rule === 'paddock') expect(result.cutOff).toBe(0);
        expect(simulate(rule, arrivals, options)).toEqual(result);
      }),
      { numRuns: 40 },
    );
  });
});

describe('generated arrivals', () => {
  const load = { seed: 3, durationSeconds: 3600, requestsPerSecond: 2, serviceSeconds: 4 };

  it.each([
    ['steady', steadyArrivals, 0.05],
    ['bursty', burstyArrivals, 0.4],
  ])('%s: the stated rate, the stated service time, the same for the same seed', (_, generate, tolerance) => {
    const arrivals = generate(load);
    expect(Math.abs(arrivals.at.length / 3600 / 2 - 1)).toBeLessThan(tolerance);
    expect(arrivals.service.reduce((a, b) => a + b, 0) / arrivals.service.length).toBeCloseTo(4, 0);
    expect(generate(load)).toEqual(arrivals);
    expect(generate({ ...load, seed: 4 }).at).not.toEqual(arrivals.at);
  });

  it('bursty ones cost more replicas at their peak than steady ones', () => {
    const bursty = simulate('paddock', burstyArrivals(load));
    const steady = simulate('paddock', steadyArrivals(load));
    expect(bursty.peakReplicas).toBeGreaterThan(2 * steady.peakReplicas);
  });
});

describe("KEDA's rule", () => {
  it('holds the highest recommendation of five minutes and lets go then', () => {
    const fleet = fleetOf(arrivalsAt(Array<number>(20).fill(0), 2), { leadSeconds: 0 });
    const rule = keda();
    const replicas: number[] = [];
    for (let at = 0; at <= 330; at += 15) {
      fleet.advance(at);
      rule.tick(fleet);
      replicas.push(fleet.replicas.length);
    }
    expect(replicas.slice(0, 20).every((count) => count === 4)).toBe(true);
    expect(replicas.at(-1)).toBe(1);
  });
});
