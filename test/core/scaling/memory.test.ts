import { decide, type FleetMemory, initialMemory, parseMemory } from '../../../core/scaling/decide.ts';
import type { WorkerObservation } from '../../../core/scaling/types.ts';
import {
  NOW,
  policyOf,
  poolOf,
  poolPolicy,
  replicaOf,
  type Scene,
  snapshotOf,
  warmReplicas,
  workerOf,
} from './fixtures.ts';

const policy = policyOf([poolPolicy({ max: 300 })], { maxReplicas: 300 });
const [replica] = warmReplicas('od', 1);
if (!replica) throw new Error('no replica');

/** Ticks with the scenes one after the other, five seconds apart. */
function play(scenes: Scene[], memory = initialMemory()): FleetMemory {
  return scenes.reduce<FleetMemory>((before, scene, index) => {
    const pools = { od: poolOf([replica as NonNullable<typeof replica>]) };
    return decide(snapshotOf({ at: NOW + 5 * index, pools, ...scene }), policy, before).memory;
  }, memory);
}
const counting = (completedQueue: number, overrides: Partial<WorkerObservation> = {}) =>
  workerOf(replica, 'od', { completedQueue, ...overrides });

describe('arrivals', () => {
  it('are the change of what is in the queue plus what was completed', () => {
    const workers = (done: number) => [counting(done)];
    const memory = play([
      { backlog: 10, inFlight: 2, workers: workers(100) },
      { backlog: 14, inFlight: 2, workers: workers(106) },
    ]);
    // 4 more wait and 6 were completed in 5 s.
    expect(memory.arrivals.fast).toBeCloseTo(2 * (1 - Math.exp(-0.5)), 6);
  });

  it('count a dead worker once, its last counts included, and a restarted one from zero', () => {
    const before = [counting(50, { workerId: 'a' })];
    const dead = play([
      { workers: before },
      { workers: [counting(55, { workerId: 'a' }), counting(3, { workerId: 'b' })] },
    ]);
    const same = play([{ workers: [counting(55, { workerId: 'a' }), counting(3, { workerId: 'b' })] }], {
      ...dead,
      arrivals: { ...dead.arrivals, fast: 0 },
    });
    expect(dead.arrivals.fast).toBeCloseTo((8 / 5) * (1 - Math.exp(-0.5)), 6);
    expect(same.arrivals.fast).toBe(0);
  });

  it('lose nothing over ticks that could not read the queue', () => {
    const unreadable = snapshotOf({
      at: NOW + 5,
      pools: { od: poolOf(warmReplicas('od', 1)) },
      workers: [counting(10)],
    });
    unreadable.queue = { ok: false, error: 'timed out' };
    const first = play([{ workers: [counting(0)] }]);
    const blind = decide(unreadable, policy, first).memory;
    const after = play([{ at: NOW + 10, backlog: 10, workers: [counting(20)] }], blind);
    expect(blind.arrivals.fast).toBe(0);
    // 10 wait, 20 completed, in 10 s.
    expect(after.arrivals.fast).toBeCloseTo(3 * (1 - Math.exp(-1)), 6);
  });

  it('are never negative, however wrong a counter was', () => {
    const memory = play([{ backlog: 1000 }, { backlog: 0 }, { backlog: 0 }]);
    expect(memory.arrivals).toMatchObject({ fast: 0, slow: 0 });
  });
});

describe('learning', () => {
  it('takes the lead time of a replica that turned warm since the last tick, once', () => {
    const fresh = replicaOf('od', 9, { createdAt: NOW - 66, warmAt: NOW + 3 });
    const pools = { od: poolOf([fresh]) };
    const memory = play([{ pools: { od: poolOf([]) } }, { pools }, { pools }]);
    expect(memory.pools.od?.leadSeconds).toBe(69);
  });

  it('ignores replicas that were warm before: they may have been restarted since', () => {
    expect(play([{}, {}]).pools.od?.leadSeconds).toBe(0);
  });

  it('lets the stated guess fade as evidence comes in', () => {
    const rates = [10, 200].map((busySlotSeconds) => {
      const memory = play([
        { workers: [counting(0)] },
        { workers: [counting(busySlotSeconds / 10, { busySlotSeconds })] },
      ]);
      return decide(snapshotOf({ at: NOW + 5, pools: { od: poolOf(warmReplicas('od', 1)) } }), policy, memory)
        .plan.numbers.serviceRate;
    });
    // Stated: 2 s per request on 2 slots, 1/s. Measured: 10 s per request.
    expect(rates[0]).toBeGreaterThan(0.8);
    expect(rates[1]).toBeCloseTo(0.2, 6);
  });
});

it('does not take a wave of long requests for a pool that completes nothing', () => {
  const waves = [50, 100, 150].map((seconds) => [
    counting(0, { busyQueue: 2, busySlotSeconds: 2 * seconds, slots: 2 }),
  ]);
  const pool = poolOf(warmReplicas('od', 1));
  const slow = policyOf([poolPolicy({ expectedSecondsPerRequest: 10 })]);
  let memory = decide(
    snapshotOf({ pools: { od: pool }, workers: [counting(0)] }),
    slow,
    initialMemory(),
  ).memory;
  const rates = waves.map((workers, index) => {
    const scene = { at: NOW + 50 * (index + 1), inFlight: 2, pools: { od: pool }, workers };
    const decision = decide(snapshotOf(scene), slow, memory);
    memory = decision.memory;
    return decision.plan.numbers.serviceRate ?? 0;
  });
  // Two requests that take longer than the 150 s so far: each counts half: 1 in 300 slot-seconds at worst.
  for (const serviceRate of rates) expect(serviceRate).toBeGreaterThan(0.005);
});

describe('memory', () => {
  it('stays well under 100 KB for 200 replicas that were all replaced just now', () => {
    const replicasAt = (from: number) =>
      Array.from({ length: 200 }, (_, index) => ({
        ...replicaOf('od', from + index),
        name: `gpu-on-demand-7d9f8b6c5d-${from + index}`,
        podUid: `0f8fad5b-d9cb-469f-a165-${String(from + index).padStart(12, '0')}`,
      }));
    let memory = initialMemory();
    for (let tick = 0; tick < 400; tick += 1) {
      const replicas = replicasAt(tick < 380 ? 0 : 200);
      const workers = replicas.map((one, index) =>
        workerOf(one, 'od', {
          workerId: one.podUid,
          completedQueue: tick * 7 + index,
          busySlotSeconds: tick * 9.87654321,
        }),
      );
      const scene = {
        at: NOW + 5 * tick,
        backlog: (tick * 37) % 900,
        pools: { od: poolOf(replicas) },
        workers,
      };
      memory = decide(snapshotOf(scene), policy, memory).memory;
    }
    expect(JSON.stringify(memory).length).toBeLessThan(80_000);
  });

  it.each([
    ['nothing', undefined, /can't be understood/],
    ['another version', { ...initialMemory(), v: 2 }, /at v/],
    ['a number that is none', { ...initialMemory(), at: 'now' }, /at at/],
    ['a broken history', { ...initialMemory(), needs: [[1]] }, /at needs\[0\]/],
    ['an unknown field', { ...initialMemory(), extra: 1 }, /extra/],
  ])('is refused when it is %s', (_, json, message) => {
    expect(() => parseMemory(json)).toThrow(message);
  });
});
