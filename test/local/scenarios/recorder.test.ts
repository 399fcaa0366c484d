import { evenly } from '../../../local/scenarios/load.ts';
import { Recorder } from '../../../local/scenarios/recorder.ts';
import { BURST } from '../../../simulation/burst.ts';

const POOLS = [
  { name: 'base', capacityType: 'on-demand', pricePerHour: 1 },
  { name: 'spot', capacityType: 'spot', pricePerHour: 0.5 },
] as const;
const ticks = { count: 0, errors: 0, p50Ms: 0, p99Ms: 0 };
const T0 = 1_000_000;

describe('the scenario recorder', () => {
  it('measures waits from the first start and latency to the readable result', () => {
    const recorder = new Recorder(POOLS);
    recorder.start(T0, 1, { base: 1 });
    recorder.submitted('a', T0);
    recorder.started('a', T0 + 2_000);
    recorder.cutOff('a');
    recorder.started('a', T0 + 9_000);
    recorder.written('a');
    recorder.readable('a', T0 + 12_000, { status: 'completed' });
    const result = recorder.result({ scenario: 's', at: T0 + 20_000, ticks });
    expect(result.waitSeconds.max).toBe(2);
    expect(result.latencySeconds.max).toBe(12);
    expect(result.scaling.interrupted).toBe(1);
    expect(result.requests).toEqual({
      submitted: 1,
      succeeded: 1,
      failed: 0,
      lost: 0,
      duplicated: 0,
      cold: 0,
    });
  });

  it('knows what began before its submission was answered', () => {
    const recorder = new Recorder(POOLS);
    recorder.start(T0, 0, {});
    recorder.started('', T0);
    recorder.started('a', T0 + 5);
    recorder.written('a');
    recorder.submitted('a', T0);
    recorder.written('a');
    recorder.readable('a', T0 + 9, { status: 'completed' });
    const { requests, waitSeconds } = recorder.result({ scenario: 's', at: T0 + 20, ticks });
    expect(requests).toMatchObject({ submitted: 1, succeeded: 1, duplicated: 1 });
    expect(waitSeconds.max).toBe(0.01);
  });

  it('tells what woke a fleet, and how soon', () => {
    const recorder = new Recorder(POOLS);
    recorder.start(T0, 0, {});
    expect(recorder.result({ scenario: 's', at: T0, ticks }).wake).toBeUndefined();
    recorder.woken({ trigger: 'gateway', executionSeconds: 0.02, tickSeconds: 0.5 });
    recorder.woken({ trigger: 'alarm', executionSeconds: 30, tickSeconds: 31 });
    expect(recorder.result({ scenario: 's', at: T0, ticks }).wake).toMatchObject({
      ...{ triggers: { gateway: 1, alarm: 1 }, executionSeconds: { max: 30 }, tickSeconds: { max: 31 } },
    });
  });

  it('tells everyone who waits for the same result', async () => {
    const recorder = new Recorder(POOLS);
    recorder.submitted('a', T0);
    const told: string[] = [];
    const waits = ['first', 'second'].map((who) => recorder.whenReadable('a').then(() => told.push(who)));
    recorder.readable('a', T0 + 1, { status: 'completed' });
    await Promise.race([Promise.all(waits), new Promise((resolve) => setImmediate(resolve))]);
    expect(told).toEqual(['first', 'second']);
  });

  it('counts as lost what has no result, as failed what says so, as duplicated what was written twice', () => {
    const recorder = new Recorder(POOLS);
    recorder.start(T0, 1, {});
    for (const id of ['lost', 'failed', 'twice']) recorder.submitted(id, T0);
    recorder.readable('failed', T0 + 1, { status: 'failed' });
    recorder.written('twice');
    recorder.written('twice');
    recorder.readable('twice', T0 + 1, { status: 'completed' });
    expect(recorder.outstanding).toEqual(['lost']);
    const result = recorder.result({ scenario: 's', at: T0 + 2, ticks });
    expect(result.requests).toEqual({
      submitted: 3,
      succeeded: 1,
      failed: 1,
      lost: 1,
      duplicated: 1,
      cold: 0,
    });
  });

  it('integrates desired replicas and prices node time by pool', () => {
    const recorder = new Recorder(POOLS);
    recorder.desiredReplicas(9, T0 - 5_000);
    recorder.start(T0, 1, { base: 1 });
    recorder.desiredReplicas(3, T0 + 10_000);
    recorder.runningNodes({ base: 1, spot: 2 }, T0 + 10_000);
    recorder.desiredReplicas(1, T0 + 20_000);
    const { scaling, costDollars } = recorder.result({ scenario: 's', at: T0 + 30_000, ticks });
    expect(scaling.replicaSeconds).toBe(10 + 30 + 10);
    expect(scaling.peakReplicas).toBe(3);
    expect(scaling.finalReplicas).toBe(1);
    expect(scaling.nodeSeconds).toEqual({ 'on-demand': 30, spot: 40 });
    expect(costDollars).toBeCloseTo((30 * 1 + 40 * 0.5) / 3600, 4);
  });

  it('counts the first scale-out from the moment the load needs more', () => {
    const recorder = new Recorder(POOLS);
    recorder.start(T0, 1, {});
    recorder.desiredReplicas(2, T0 + 1_000);
    recorder.loadExceedsCapacity(T0 + 60_000);
    recorder.desiredReplicas(1, T0 + 61_000);
    recorder.desiredReplicas(4, T0 + 63_000);
    expect(recorder.result({ scenario: 's', at: T0 + 70_000, ticks }).scaling.firstScaleOutSeconds).toBe(3);
  });

  it('wakes who waits for a result, also when it came first', async () => {
    const recorder = new Recorder(POOLS);
    recorder.submitted('a', T0);
    const waiting = recorder.whenReadable('a');
    recorder.readable('a', T0 + 1, { status: 'completed' });
    await waiting;
    await recorder.whenReadable('a');
    expect(recorder.progress()).toMatchObject({ submitted: 1, answered: 1 });
  });
});

describe('the burst', () => {
  it('is 696 requests, evenly spaced within each phase', () => {
    const arrivals = evenly(BURST);
    const within = (from: number, to: number) =>
      arrivals.filter((a) => a.offsetSeconds >= from && a.offsetSeconds < to).length;
    expect(arrivals).toHaveLength(696);
    expect([within(0, 60), within(60, 120), within(120, 300), within(300, 480)]).toEqual([18, 300, 360, 18]);
  });
});
