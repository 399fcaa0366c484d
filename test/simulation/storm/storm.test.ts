import fc from 'fast-check';
import { hasSpotCapacity, STORM_SECONDS, stormArrivals, stormPlan } from '../../../simulation/storm/plan.ts';
import { playStorm, type StormRow } from '../../../simulation/storm/storm.ts';
import { StormWorld, TIMES } from '../../../simulation/storm/world.ts';

const POOLS = [
  { name: 'od', capacityType: 'on-demand', min: 0, max: 4, pricePerHour: 1 },
  { name: 'spot', capacityType: 'spot', min: 0, max: 4, pricePerHour: 0.45 },
] as const;

const arrivalsOf = (at: number[], service = 4) => ({
  at: Float64Array.from(at),
  service: Float64Array.from(at, () => service),
  durationSeconds: at.at(-1) ?? 0,
});
const calm = { seed: 1, durationSeconds: 600, interruptions: [], withoutCapacity: [] };
const worldOf = (plan = {}, at: number[] = [], service = 4) =>
  new StormWorld({ plan: { ...calm, ...plan }, arrivals: arrivalsOf(at, service), slots: 1, pools: POOLS });
const until = (world: StormWorld, at: number) => {
  while (world.now < at) world.step(0.25);
};

describe('the plan of a storm', () => {
  it('interrupts every three minutes, and has two windows of four minutes, one in each half', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { interruptions, withoutCapacity } = stormPlan(seed);
        expect(interruptions.map(({ at }) => at)).toEqual([180, 360, 540, 720, 900, 1080, 1260, 1440, 1620]);
        expect(withoutCapacity.map(({ from, until }) => until - from)).toEqual([240, 240]);
        const [first, second] = withoutCapacity;
        expect(first?.from).toBeGreaterThanOrEqual(0);
        expect(first?.until).toBeLessThanOrEqual(STORM_SECONDS / 2 + 0.5);
        expect(second?.from).toBeGreaterThanOrEqual(STORM_SECONDS / 2);
        expect(second?.until).toBeLessThanOrEqual(STORM_SECONDS + 0.5);
      }),
    );
  });

  it('is the same for the same seed, and another for another', () => {
    expect(stormPlan(3)).toEqual(stormPlan(3));
    expect(stormPlan(3)).not.toEqual(stormPlan(4));
    expect([...stormArrivals(3).at]).toEqual([...stormArrivals(3).at]);
  });

  it('says when there is spot capacity', () => {
    const plan = { ...calm, withoutCapacity: [{ from: 10, until: 20 }] };
    expect([9.9, 10, 19.9, 20].map((at) => hasSpotCapacity(plan, at))).toEqual([true, false, false, true]);
  });
});

describe('the world', () => {
  it('boots, loads and serves, and pays from launch to end', () => {
    const world = worldOf({}, [1], 4);
    world.replicas.set('od', 1);
    world.desired.set('od', 1);
    until(world, 100);
    expect(world.service.waits[0]).toBeCloseTo(TIMES.boot + TIMES.load - 1, 0);
    expect(world.service.results[0]).toBe(1);
    expect(world.nodeSeconds.get('od')).toBeCloseTo(100, 0);
    world.terminate(world.instances[0]?.id ?? '');
    world.desired.set('od', 0);
    until(world, 200);
    expect(world.nodeSeconds.get('od')).toBeCloseTo(100, 0);
  });

  it('takes a spot instance back two minutes after the notice: what it serves then is cut off and starts again', () => {
    const world = worldOf({ interruptions: [{ at: 10, pick: 0 }] }, [5, 125], 300);
    world.seed('spot', 'spot');
    world.seed('od', 'od');
    until(world, 11);
    expect(world.notices).toEqual([
      { kind: 'interruption', pool: 'spot', instanceId: expect.any(String), at: 10, endsAt: 130 },
    ]);
    until(world, 131);
    expect(world.service.interrupted.size).toBe(1);
    // Kubernetes shows the pod for another while.
    expect(world.pods.filter(({ workload }) => workload === 'spot')).toHaveLength(1);
    until(world, 900);
    expect([...world.service.results]).toEqual([1, 1]);
  });

  it('refuses spot launches in a window, tells of each, and tries again each minute', () => {
    const world = worldOf({ withoutCapacity: [{ from: 0, until: 90 }] });
    world.replicas.set('spot', 1);
    world.desired.set('spot', 1);
    until(world, 100);
    expect(world.notices.map(({ kind, at }) => [kind, Math.round(at)])).toEqual([
      ['launch-failure', 0],
      ['launch-failure', 60],
    ]);
    expect(world.instances).toEqual([]);
    until(world, 125);
    expect(world.instances).toHaveLength(1);
  });

  it('tries again at once when it is asked for more', () => {
    const world = worldOf({ withoutCapacity: [{ from: 0, until: 20 }] });
    world.desired.set('spot', 1);
    until(world, 30);
    expect(world.instances).toEqual([]);
    world.desired.set('spot', 2);
    until(world, 31);
    expect(world.instances).toHaveLength(2);
  });

  it('lets a drained pod finish, until its deadline: then it gives the rest back', () => {
    const world = worldOf({}, [1, 1], 50);
    world.seed('od', 'od');
    world.seed('spot', 'spot');
    until(world, 2);
    for (const pod of world.pods) world.drain(pod, pod.workload === 'od' ? 100 : 20);
    until(world, 60);
    expect([world.service.interrupted.size, [...world.service.results].filter(Boolean).length]).toEqual([
      1, 1,
    ]);
  });
});

describe('the storm', () => {
  const SECONDS = 600;
  let rows: Map<string, StormRow>;
  beforeAll(() => {
    const played = playStorm({ plan: stormPlan(1, SECONDS), arrivals: stormArrivals(1, SECONDS) });
    rows = new Map(played.map((row) => [row.variant, row]));
  });
  const row = (variant: string) => rows.get(variant) as StormRow;

  it('loses nothing and answers nothing twice, under any variant', () => {
    for (const { requests } of rows.values())
      expect(requests).toEqual({
        submitted: requests.submitted,
        succeeded: requests.submitted,
        lost: 0,
        duplicated: 0,
      });
    expect(row('paddock').requests.submitted).toBeGreaterThan(500);
  });

  it('interrupts under 1% under paddock, for much less than all on-demand', () => {
    expect(row('paddock').interruptedShare).toBeLessThan(0.01);
    expect(row('paddock').costShare).toBeLessThan(0.85);
    expect(row('all-on-demand')).toMatchObject({ costShare: 1, interrupted: 0 });
    expect(row('all-on-demand').nodeSeconds.spot).toBe(0);
  });

  it('is the same each time', () => {
    expect(
      playStorm({ plan: stormPlan(1, SECONDS), arrivals: stormArrivals(1, SECONDS) }, ['paddock'])[0],
    ).toEqual(row('paddock'));
  });
});
