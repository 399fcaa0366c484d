import fc from 'fast-check';
import { decide, type FleetMemory, initialMemory } from '../../../core/scaling/decide.ts';
import { quantile, recurringLevel } from '../../../core/scaling/history.ts';
import type { FleetPolicy, Plan, PoolObservation, Snapshot } from '../../../core/scaling/types.ts';
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

/** A memory of a fleet that has ticked five seconds ago. */
const memoryOf = (overrides: Partial<FleetMemory> = {}): FleetMemory => ({
  ...initialMemory(),
  at: NOW - 5,
  lastWorkAt: NOW - 5,
  ...overrides,
});

const rate = (perSecond: number): FleetMemory['arrivals'] => ({
  level: 0,
  levelAt: NOW,
  completedSince: 0,
  fast: perSecond,
  slow: perSecond,
});

const plan = (scene: Scene, policy: FleetPolicy, memory = memoryOf()): Plan =>
  decide(snapshotOf(scene), policy, memory).plan;

const rulesOf = ({ reasons }: Plan): string[] => reasons.map(({ rule }) => rule);

const warmPool = (name: string, count: number, overrides: Partial<PoolObservation> = {}) => ({
  [name]: poolOf(warmReplicas(name, count), overrides),
});

/** One on-demand pool: a replica serves 1 request/s (2 slots, 2 s), 40 s lead time. */
const simple = (overrides: Partial<FleetPolicy> = {}) => policyOf([poolPolicy()], overrides);

describe('need', () => {
  it('serves what arrives and works the backlog off within the target wait', () => {
    // 3/s arrive for replicas of 1/s each; 3 warm ones keep up; 20 wait and are to be served within 10 s: 2 more.
    const scene = { backlog: 20, pools: warmPool('od', 3) };
    const result = plan(scene, simple(), memoryOf({ arrivals: rate(3) }));
    expect(result.wanted).toBe(5);
    expect(result.reasons[0]).toMatchObject({
      rule: 'need',
      numbers: { arrivalRate: 3, backlog: 20, need: 5 },
    });
  });

  it('counts the backlog that builds up until new capacity is warm', () => {
    // 2/s too many for 40 s: 80 will wait.
    const result = plan({ pools: warmPool('od', 1) }, simple(), memoryOf({ arrivals: rate(3) }));
    expect(result.reasons[0]?.numbers.expectedBacklog).toBe(80);
    expect(result.wanted).toBe(11);
  });

  it('credits replicas that are on their way with the time they will have served by then', () => {
    const starting = replicaOf('od', 1, { phase: 'starting', createdAt: NOW - 30 });
    const pools = { od: poolOf([...warmReplicas('od', 1), starting]) };
    const result = plan({ pools }, simple(), memoryOf({ arrivals: rate(3) }));
    expect(result.reasons[0]?.numbers.expectedBacklog).toBe(80 - 30);
  });

  it('shrinks no further than to what it would not have to grow from again', () => {
    // 5/s for replicas of 1/s, 50 wait: 20 warm ones are through with them long before others were warm; 5 would need 10.
    const scene = (count: number) => ({ backlog: 50, pools: warmPool('od', count) });
    const memory = memoryOf({ arrivals: rate(5) });
    expect(plan(scene(5), simple(), memory).wanted).toBe(10);
    expect(plan(scene(20), simple(), memory).wanted).toBe(6);
    expect(plan(scene(6), simple(), memory).wanted).toBe(6);
  });

  it('follows a slower service without being told', () => {
    const memory = memoryOf({ arrivals: rate(2) });
    const slow = { requests: 25, busySlotSeconds: 200, leadSeconds: 0, leadLearnedFrom: [], current: 4 };
    const scene = { pools: warmPool('od', 8) };
    expect(plan(scene, simple(), memory).wanted).toBe(2);
    expect(plan(scene, simple(), { ...memory, pools: { od: slow } }).wanted).toBe(8);
  });

  it('does not believe a backlog while a warm replica has stood idle: the counter is late', () => {
    const replicas = warmReplicas('od', 2);
    const idle = replicas.map((replica) => workerOf(replica, 'od', { lastActiveAt: NOW - 20 }));
    const scene = { backlog: 500, pools: { od: poolOf(replicas) } };
    expect(plan({ ...scene, workers: idle }, simple()).wanted).toBe(1);
    const busy = idle.map((worker) => ({ ...worker, lastActiveAt: NOW - 2 }));
    expect(plan({ ...scene, workers: busy }, simple()).wanted).toBe(42);
  });

  it('believes the backlog when the idle worker is not heard of any more: it may be dead', () => {
    const replicas = warmReplicas('od', 1);
    const silent = { lastActiveAt: NOW - 60, renewedAt: NOW - 30 };
    const workers = replicas.map((replica) => workerOf(replica, 'od', silent));
    expect(plan({ backlog: 500, pools: { od: poolOf(replicas) }, workers }, simple()).wanted).toBe(46);
  });

  it('adds the interactive load, with room for the next request', () => {
    const replicas = warmReplicas('od', 2);
    const workers = replicas.map((replica) => workerOf(replica, 'od', { busyInteractive: 2 }));
    const result = plan({ pools: { od: poolOf(replicas) }, workers }, simple());
    expect(rulesOf(result)).toContain('interactive-load');
    expect(result.wanted).toBe(3);
  });
});

describe('the expected wait', () => {
  const waitOf = (scene: Scene) => plan(scene, simple()).numbers.expectedWaitSeconds;

  it('is the backlog over what the warm replicas serve', () => {
    expect(waitOf({ backlog: 20, pools: warmPool('od', 4) })).toBe(5);
    expect(waitOf({ backlog: 0, pools: warmPool('od', 4) })).toBe(0);
  });

  it('begins with the lead time when nothing is warm', () => {
    const starting = [0, 1].map((index) => replicaOf('od', index, { phase: 'starting' }));
    expect(waitOf({ backlog: 20, pools: { od: poolOf(starting) } })).toBe(40 + 10);
    expect(waitOf({ backlog: 20, pools: { od: poolOf([]) } })).toBe(40 + 20);
  });
});

describe('hold', () => {
  const pools = warmPool('od', 6);

  it('keeps the highest need of 1.5 lead times', () => {
    const memory = memoryOf({
      needs: [
        [NOW - 59, 6],
        [NOW - 20, 3],
      ],
    });
    const result = plan({ pools }, simple(), memory);
    expect(result.wanted).toBe(6);
    expect(rulesOf(result)).toContain('hold');
  });

  it('lets go after that', () => {
    const memory = memoryOf({
      needs: [
        [NOW - 61, 6],
        [NOW - 20, 3],
      ],
    });
    expect(plan({ pools }, simple(), memory).wanted).toBe(3);
  });
});

describe('recurring demand', () => {
  const spell = (from: number, seconds: number, value: number): [number, number][] =>
    Array.from({ length: seconds / 5 }, (_, index) => [from + 5 * index, value]);

  it('is a floor once it came twice, further apart than the hold', () => {
    const demand = [...spell(NOW - 600, 60, 5), ...spell(NOW - 300, 60, 4)];
    const result = plan({ pools: warmPool('od', 6) }, simple(), memoryOf({ demand }));
    expect(result.wanted).toBe(4);
    expect(rulesOf(result)).toContain('recurring-demand');
  });

  it('is none after a single burst, however long', () => {
    const demand = spell(NOW - 600, 300, 5);
    expect(plan({ pools: warmPool('od', 6) }, simple(), memoryOf({ demand })).wanted).toBe(1);
  });

  it('asks for what the attainment needs, not for the rarest peak', () => {
    const quiet = spell(0, 880, 2);
    expect(quantile([...quiet, ...spell(880, 10, 9)], 0.98)).toBe(2);
    expect(quantile([...quiet, ...spell(880, 20, 9)], 0.98)).toBe(9);
    expect(quantile(spell(0, 10, 9), 0.98)).toBe(0);
  });

  it('is not raised by a single late sample of a demand that wavers', () => {
    const demand = [...spell(NOW - 600, 60, 5), ...spell(NOW - 540, 240, 4), ...spell(NOW - 300, 10, 5)];
    expect(recurringLevel(demand, 30, 5, 18)).toBe(0);
  });

  it.each([
    ['too close together', [...spell(0, 30, 5), ...spell(30, 10, 0), ...spell(40, 30, 5)], 0],
    ['far enough apart', [...spell(0, 30, 5), ...spell(30, 70, 0), ...spell(100, 30, 3)], 3],
    ['up to the limit', [...spell(0, 30, 9), ...spell(30, 70, 0), ...spell(100, 30, 9)], 7],
    ['too short the second time', [...spell(0, 30, 5), ...spell(30, 70, 0), ...spell(100, 10, 5)], 0],
  ])('counts a level when its spells are %s', (_, demand, level) => {
    expect(recurringLevel(demand, 60, 7, 18)).toBe(level);
  });
});

it('finds a level that recurs for long enough, and none in a single spell', () => {
  const samples = (count: number, from: number, value: number): [number, number][] =>
    Array.from({ length: count }, (_, index) => [from + 5 * index, value]);
  const count = fc.integer({ min: 1, max: 40 });
  const level = fc.integer({ min: 1, max: 50 });
  fc.assert(
    fc.property(count, count, level, level, (first, second, low, more) => {
      const once = samples(first, 0, low + more);
      expect(recurringLevel(once, 60, 1000, 18)).toBe(0);
      const pause = samples(20, 5 * first, 0);
      const again = [...once, ...pause, ...samples(second, 5 * (first + 20), low)];
      expect(recurringLevel(again, 60, 1000, 18)).toBe(Math.min(first, second) < 4 ? 0 : low);
    }),
  );
});

describe('activation and scale to zero', () => {
  const asleep = { pools: warmPool('od', 0) };

  it.each([
    [0, 0],
    [2, 0],
    [3, 1],
  ])('with a threshold of 3, %i waiting messages want %i replicas', (backlog, wanted) => {
    const rested = memoryOf({ lastWorkAt: NOW - 3600 });
    const result = plan({ ...asleep, backlog }, simple({ activationBacklog: 3 }), rested);
    expect(result.wanted).toBe(wanted);
    expect(result.again).toBe(wanted > 0);
  });

  it('sleeps after idleSeconds without work, not before', () => {
    const scene = { pools: warmPool('od', 1) };
    const tooEarly = plan(scene, simple(), memoryOf({ lastWorkAt: NOW - 299 }));
    expect(tooEarly.wanted).toBe(1);
    const result = plan(scene, simple(), memoryOf({ lastWorkAt: NOW - 300 }));
    expect(result.wanted).toBe(0);
    expect(rulesOf(result)).toContain('idle');
    expect(result.commands.map(({ kind }) => kind)).toEqual(['drain']);
  });

  it('does not sleep while a request is served, however long it takes', () => {
    const [replica] = warmReplicas('od', 1);
    if (!replica) throw new Error('no replica');
    const workers = [workerOf(replica, 'od', { busyInteractive: 1, lastActiveAt: NOW - 5000 })];
    const memory = memoryOf({ lastWorkAt: NOW - 5000 });
    expect(plan({ pools: { od: poolOf([replica]) }, workers }, simple(), memory).wanted).toBe(1);
  });

  it('does not kill the replica that a message woke while its node still starts', () => {
    const replica = replicaOf('od', 0, { phase: 'unassigned', createdAt: NOW - 900 });
    const scene = { backlog: 1, pools: { od: poolOf([replica], { desiredNodes: 1 }) } };
    expect(plan(scene, simple(), memoryOf({ lastWorkAt: NOW - 900 })).commands).toEqual([]);
  });

  it('never sleeps with a minimum', () => {
    const memory = memoryOf({ lastWorkAt: NOW - 9999 });
    expect(plan({ pools: warmPool('od', 1) }, simple({ minReplicas: 1 }), memory).wanted).toBe(1);
  });
});

describe('schedule floors', () => {
  // NOW is Tuesday 2023-11-14, 22:13:20 UTC, 07:13:20 on Wednesday in Tokyo.
  const floor = (overrides = {}) => ({
    days: [2],
    from: '22:00',
    to: '23:00',
    timeZone: 'UTC',
    replicas: 4,
    ...overrides,
  });

  it.each([
    ['within', floor(), 4],
    ['on another day', floor({ days: [1, 3] }), 0],
    ['long before it begins', floor({ from: '22:30' }), 0],
    ['when its replicas could just be warm in time', floor({ from: '22:15' }), 4],
    ['at its last minute', floor({ to: '22:14' }), 4],
    ['when it has ended', floor({ to: '22:13' }), 0],
    ['over midnight, in the evening', floor({ from: '20:00', to: '06:00' }), 4],
    ['over midnight, on the wrong evening', floor({ days: [3], from: '20:00', to: '06:00' }), 0],
    ['in another zone', floor({ days: [3], from: '07:00', to: '08:00', timeZone: 'Asia/Tokyo' }), 4],
    [
      'over midnight, the morning after',
      floor({ days: [2], from: '20:00', to: '08:00', timeZone: 'Asia/Tokyo' }),
      4,
    ],
  ])('%s', (_, window, wanted) => {
    expect(plan({ pools: warmPool('od', 0) }, simple({ schedule: [window] })).wanted).toBe(wanted);
  });

  it('still grows when nothing else can be seen', () => {
    const snapshot: Snapshot = {
      ...snapshotOf({ pools: warmPool('od', 1) }),
      queue: { ok: false, error: 'timed out' },
    };
    const result = decide(snapshot, simple({ schedule: [floor()] }), memoryOf()).plan;
    expect(result).toMatchObject({ summary: 'blind', wanted: 4 });
    expect(result.commands).toContainEqual(expect.objectContaining({ kind: 'set-replicas', to: 4 }));
    expect(result.reasons.find(({ rule }) => rule === 'blind')?.text).toContain('timed out');
  });
});

describe('bounds, steps and the cost cap', () => {
  const load = memoryOf({ arrivals: rate(30) });

  it.each([
    ['the maximum', { maxReplicas: 7 }, 7, 'maximum'],
    ['a step out', { maxStepOut: 3 }, 5, 'step-out'],
    ['the cost cap', { costCapPerHour: 4.5 }, 4, 'cost-cap'],
  ])('%s limits growth', (_, overrides, wanted, rule) => {
    const result = plan({ pools: warmPool('od', 2) }, simple(overrides), load);
    expect(result.wanted).toBe(wanted);
    expect(rulesOf(result)).toContain(rule);
    expect(result.pricePerHour).toBe(wanted);
  });

  it.each([
    ['the minimum', { minReplicas: 3 }, 3, 'minimum'],
    ['a step in', { maxStepIn: 2 }, 6, 'step-in'],
  ])('%s limits shrinking', (_, overrides, wanted, rule) => {
    const result = plan({ pools: warmPool('od', 8) }, simple(overrides));
    expect(result.wanted).toBe(wanted);
    expect(rulesOf(result)).toContain(rule);
  });

  it('a cap that was lowered is kept at once', () => {
    expect(plan({ pools: warmPool('od', 8) }, simple({ costCapPerHour: 5 }), load).wanted).toBe(5);
  });
});

describe('spread over pools', () => {
  const spot = poolPolicy({ name: 'spot', capacityType: 'spot', pricePerHour: 0.4 });
  const both = (overrides: Partial<FleetPolicy> = {}) => policyOf([poolPolicy(), spot], overrides);
  const quarantines = {
    spot: {
      ...{ since: NOW - 300, until: NOW + 60, failures: 2 },
      settled: { since: NOW - 300, until: NOW + 60, failures: 2 },
      ...{ code: 'UnfulfillableCapacity', provenAt: 0, recent: [], foldedTo: NOW - 300 },
    },
  };
  const wantedOf = (policy: FleetPolicy, pools: Record<string, PoolObservation>, memory: FleetMemory) =>
    plan({ pools }, policy, memory).wantedByPool;
  const empty = { ...warmPool('od', 0), ...warmPool('spot', 0) };
  // Ten replicas' worth once they are warm.
  const ten = memoryOf({ needs: [[NOW - 1, 10]] });
  const awake = { backlog: 1 };

  it('takes the on-demand base first, then spot up to its share', () => {
    expect(plan({ ...awake, pools: empty }, both(), ten).wantedByPool).toEqual({ od: 2, spot: 8 });
    expect(plan({ ...awake, pools: empty }, both({ onDemandBase: 4 }), ten).wantedByPool).toEqual({
      od: 4,
      spot: 6,
    });
    expect(plan({ ...awake, pools: empty }, both({ spotShare: 0 }), ten).wantedByPool).toEqual({
      od: 10,
      spot: 0,
    });
  });

  it('prefers the pool whose service is cheapest, not the one whose node is', () => {
    const fast = poolPolicy({ name: 'fast', pricePerHour: 3, expectedSecondsPerRequest: 0.5 });
    const policy = policyOf([poolPolicy(), fast]);
    const pools = { ...warmPool('od', 0), ...warmPool('fast', 0) };
    // Four times the rate for three times the price: three of them do the work of ten.
    expect(plan({ ...awake, pools }, policy, ten).wantedByPool).toEqual({ od: 0, fast: 3 });
  });

  it('does not ask a quarantined pool, and says so', () => {
    const result = plan({ ...awake, pools: empty }, both(), { ...ten, quarantines });
    expect(result.wantedByPool).toEqual({ od: 10, spot: 0 });
    expect(rulesOf(result)).toContain('quarantine');
  });

  it('keeps what a quarantined pool has', () => {
    const pools = { ...warmPool('od', 1), ...warmPool('spot', 4) };
    expect(wantedOf(both(), pools, { ...ten, quarantines })).toEqual({ od: 6, spot: 4 });
  });

  it('leaves a pool that cannot be read as it was and fills up with the others', () => {
    const pools = { current: 3, requests: 0, busySlotSeconds: 0, leadSeconds: 0, leadLearnedFrom: [] };
    const memory = { ...ten, pools: { spot: pools } };
    const snapshot = snapshotOf({ pools: warmPool('od', 1) });
    snapshot.pools.spot = { ok: false, error: 'the node group is gone' };
    const result = decide(snapshot, both(), memory).plan;
    expect(result.wantedByPool).toEqual({ od: 7, spot: 3 });
    expect(result.commands.some((command) => 'pool' in command && command.pool === 'spot')).toBe(false);
    expect(result.reasons.find(({ rule }) => rule === 'pool-blind')?.text).toContain(
      'the node group is gone',
    );
  });

  it('gives up the dearest first; for one that is still on its way a warm one only if it serves nobody, one in two', () => {
    const hold = memoryOf({ needs: [[NOW - 1, 3]] });
    const warm = { ...warmPool('od', 3), ...warmPool('spot', 2) };
    expect(wantedOf(both(), warm, hold)).toEqual({ od: 1, spot: 2 });
    const starting = [0, 1].map((index) =>
      replicaOf('spot', index, { phase: 'starting', createdAt: NOW - 1 }),
    );
    const warmOnes = [0, 1, 2].map((index) => replicaOf('od', index));
    const pools = { od: poolOf(warmOnes), spot: poolOf(starting) };
    expect(wantedOf(both(), pools, hold)).toEqual({ od: 2, spot: 2 });
    const workers = warmOnes.map((replica) => workerOf(replica, 'od', { busyQueue: 2 }));
    expect(plan({ pools, workers }, both(), hold).wantedByPool).toMatchObject({ od: 3 });
  });

  it('says when more is wanted than all pools can give', () => {
    const policy = policyOf([poolPolicy({ max: 3 }), { ...spot, max: 2 }]);
    const result = plan({ ...awake, pools: empty }, policy, ten);
    expect(result.wantedByPool).toEqual({ od: 3, spot: 2 });
    expect(rulesOf(result)).toContain('no-pool');
  });
});

describe('again', () => {
  it.each([
    ['rests', {}, {}, false],
    ['something waits', { backlog: 1 }, {}, true],
    ['something is served', { inFlight: 1 }, {}, true],
    ['something arrived lately', {}, { lastWorkAt: NOW - 30 }, true],
    ['the alarm may not have fallen back', {}, { lastWorkAt: NOW - 179 }, true],
    ['the alarm has fallen back', {}, { lastWorkAt: NOW - 180 }, false],
  ])('%s', (_, scene, memory, again) => {
    const rested = memoryOf({ lastWorkAt: NOW - 3600, ...memory });
    const result = plan({ pools: warmPool('od', 1), ...scene }, simple({ minReplicas: 1 }), rested);
    expect(result.again).toBe(again);
  });

  it('goes on for a while after a fleet fell asleep: its alarm has to fall back before it can wake it', () => {
    const policy = simple({ activationBacklog: 3 });
    const empty = { pools: { od: poolOf([], { desiredReplicas: 0 }) } };
    expect(plan(empty, policy, memoryOf({ lastWorkAt: NOW - 60 })).again).toBe(true);
    expect(plan(empty, policy, memoryOf({ lastWorkAt: NOW - 180 })).again).toBe(false);
    // Fewer than wake it are no work.
    expect(plan({ ...empty, backlog: 2 }, policy, memoryOf({ lastWorkAt: NOW - 180 })).again).toBe(false);
  });

  it('goes on while anything moves', () => {
    const rested = memoryOf({ lastWorkAt: NOW - 3600 });
    const moving = {
      od: poolOf([replicaOf('od', 0, { phase: 'terminating' }), replicaOf('od', 1)], { desiredReplicas: 1 }),
    };
    expect(plan({ pools: moving }, simple({ minReplicas: 1 }), rested).again).toBe(true);
  });
});
