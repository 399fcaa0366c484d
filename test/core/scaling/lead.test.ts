import fc from 'fast-check';
import { decide, type FleetMemory, initialMemory, parseMemory } from '../../../core/scaling/decide.ts';
import { LEAD_PARTS, partsOf, secondsToWarm } from '../../../core/scaling/lead.ts';
import type { PoolMemory } from '../../../core/scaling/memory.ts';
import type { LeadParts, ReplicaObservation, WorkerObservation } from '../../../core/scaling/types.ts';
import { NOW, policyOf, poolOf, poolPolicy, replicaOf, snapshotOf, workerOf } from './fixtures.ts';

const ZERO: LeadParts = { boot: 0, image: 0, fill: 0, load: 0, firstToken: 0, other: 0 };
const sum = (parts: LeadParts): number => LEAD_PARTS.reduce((total, part) => total + parts[part], 0);
const policy = policyOf([poolPolicy({ expectedLeadSeconds: 40 })]);

const warmUp = (parts: NonNullable<WorkerObservation['warmUp']>['parts'], startedAt = NOW - 40) => ({
  ...{ parts, startedAt, failures: 0, completedBytes: 0, totalBytes: 0 },
});

/** Created at −100 s, bound at −60, its worker up at −40, its gate open at 0. */
const seen = (more: Partial<ReplicaObservation> = {}): ReplicaObservation =>
  replicaOf('od', 0, {
    ...{ createdAt: NOW - 100, boundAt: NOW - 60, workerStartedAt: NOW - 40, warmAt: NOW },
    ...more,
  });
const spoke = (replica: ReplicaObservation) =>
  workerOf(replica, 'od', { warmUp: warmUp({ fill: 25, load: 12, firstToken: 2 }) });

/** Learns from replicas that turned warm one after the other. */
function learnAll(
  samples: { replica: ReplicaObservation; worker?: WorkerObservation }[],
  start = initialMemory(),
): FleetMemory {
  let memory = decide(snapshotOf({ at: NOW - 1000, pools: { od: poolOf([]) } }), policy, start).memory;
  samples.forEach(({ replica, worker }, index) => {
    const at = (replica.warmAt ?? NOW) + 1;
    const one = { ...replica, podUid: `uid-${index}` };
    const workers = worker ? [{ ...worker, podUid: one.podUid }] : [];
    memory = { ...memory, at: at - 5 };
    memory = decide(snapshotOf({ at, pools: { od: poolOf([one]) }, workers }), policy, memory).memory;
  });
  return memory;
}

describe('the parts of the lead time', () => {
  it('are told apart by what the pod, its node and its worker say', () => {
    const replica = seen();
    expect(partsOf(replica, NOW, spoke(replica), ZERO)).toEqual({
      ...{ boot: 40, image: 20, fill: 25, load: 12, firstToken: 2, other: 1 },
    });
  });

  it('are taken as usual where they were not seen', () => {
    const usual = { boot: 30, image: 15, fill: 20, load: 10, firstToken: 1, other: 1 };
    const { boundAt: _, workerStartedAt: __, ...bare } = seen();
    expect(partsOf(bare, NOW, undefined, usual)).toEqual({ ...usual, other: 24 });
    const worker = workerOf(bare, 'od', { warmUp: warmUp({ load: 12, firstToken: 2 }, NOW - 40) });
    expect(partsOf(bare, NOW, worker, usual)).toEqual({
      ...{ boot: 45, image: 15, fill: 0, load: 12, firstToken: 2, other: 26 },
    });
  });

  it('always add up to the whole, whatever is missing or wrong', () => {
    const time = fc.option(fc.integer({ min: NOW - 500, max: NOW + 500 }), { nil: undefined });
    const duration = fc.option(fc.double({ min: 0, max: 1000, noNaN: true }), { nil: undefined });
    const parts = fc.record({ fill: duration, load: duration, firstToken: duration });
    const usual = fc.record(
      Object.fromEntries(
        LEAD_PARTS.map((part) => [part, fc.double({ min: 0, max: 300, noNaN: true })]),
      ) as Record<keyof LeadParts, fc.Arbitrary<number>>,
    );
    fc.assert(
      fc.property(
        time,
        time,
        time,
        fc.nat(1000),
        fc.option(parts, { nil: undefined }),
        usual,
        (boundAt, started, spokeAt, lead, said, before) => {
          const replica = {
            ...seen(),
            createdAt: NOW - lead,
            boundAt,
            workerStartedAt: started,
          } as ReplicaObservation;
          const worker =
            said &&
            workerOf(replica, 'od', { warmUp: warmUp(JSON.parse(JSON.stringify(said)), spokeAt ?? NOW) });
          const result = partsOf(replica, NOW, worker, before);
          expect(sum(result)).toBeCloseTo(lead, 6);
          return LEAD_PARTS.every((part) => result[part] >= 0);
        },
      ),
    );
  });

  it('are learned per pool, and their sum is the learned lead time', () => {
    const leads = fc.array(
      fc.record({ lead: fc.integer({ min: 1, max: 600 }), isHeard: fc.boolean(), isBound: fc.boolean() }),
      {
        minLength: 1,
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(leads, (all) => {
        const samples = all.map(({ lead, isHeard, isBound }, index) => {
          const warmAt = NOW + index * 1000;
          const replica = seen({
            createdAt: warmAt - lead,
            boundAt: warmAt - lead / 2,
            workerStartedAt: warmAt - lead / 3,
            warmAt,
          });
          if (!isBound) delete replica.boundAt;
          return { replica, ...(isHeard && { worker: spoke(replica) }) };
        });
        const { pools } = learnAll(samples);
        const { leadSeconds = 0, leadParts } = pools.od ?? {};
        let expected = 0;
        all.forEach(({ lead }, index) => {
          expected = index === 0 ? lead : expected + 0.3 * (lead - expected);
        });
        expect(leadSeconds).toBeCloseTo(expected, 6);
        expect(leadSeconds).toBe(sum(leadParts ?? ZERO));
      }),
      { numRuns: 40 },
    );
  });

  it('go on from a memory of before they were measured', () => {
    const old = { ...initialMemory(), at: NOW - 1000 } as Record<string, unknown>;
    for (const field of ['warmUps', 'replacements', 'suspects']) delete old[field];
    old.pools = { od: { requests: 0, busySlotSeconds: 0, leadSeconds: 60, leadLearnedFrom: [], current: 0 } };
    const replica = seen();
    const { pools } = learnAll([{ replica, worker: spoke(replica) }], parseMemory(old));
    // 60 s and 100 s at 0.3.
    expect(pools.od?.leadSeconds).toBeCloseTo(72, 6);
    expect(pools.od?.leadParts).toMatchObject({
      boot: expect.closeTo(12, 6),
      other: expect.closeTo(42.3, 6),
    });
  });

  it('are in the plan, as they add up', () => {
    const replica = seen();
    const memory = learnAll([{ replica, worker: spoke(replica) }]);
    const { plan } = decide(snapshotOf({ at: NOW + 5, pools: { od: poolOf([replica]) } }), policy, memory);
    expect(plan.leads).toEqual({
      od: {
        seconds: 100,
        parts: { boot: 40, image: 20, fill: 25, load: 12, firstToken: 2, other: 1 },
        deviation: 0,
      },
    });
  });
});

describe('the time until a replica on its way is warm', () => {
  const learned: PoolMemory = {
    ...{ requests: 0, busySlotSeconds: 0, leadLearnedFrom: [], current: 1, leadSeconds: 100 },
    leadParts: { boot: 40, image: 20, fill: 25, load: 12, firstToken: 2, other: 1 },
  };
  const left = (replica: ReplicaObservation | undefined, worker?: WorkerObservation) =>
    secondsToWarm(replica, worker, poolPolicy(), learned, NOW);
  const on = (phase: 'unassigned' | 'starting', age: number) =>
    replicaOf('od', 0, { phase, createdAt: NOW - age });

  it('is what is left of the lead time while it keeps to it', () => {
    expect(left(undefined)).toBe(100);
    expect(left(on('unassigned', 30))).toBe(70);
    expect(left(on('starting', 50))).toBe(50);
  });

  it('is never less than the parts ahead of it, however late they begin', () => {
    expect(left(on('unassigned', 500))).toBe(59);
    expect(left(on('starting', 500))).toBe(39);
    const loading = on('starting', 500);
    const up = (parts: object, completedBytes = 0) =>
      workerOf(loading, 'od', { warmUp: { ...warmUp(parts), completedBytes, totalBytes: 100 } });
    expect(left(loading, up({}, 40))).toBe(25 * 0.6 + 14);
    expect(left(loading, up({ fill: 25, load: 3 }))).toBe(2);
    expect(left(loading, up({ fill: 25, load: 12, firstToken: 2 }))).toBe(0);
  });

  it('makes the fleet ask for more when nodes are late: what has none yet will not help in time', () => {
    const late = Array.from({ length: 3 }, (_, index) =>
      // Not so late that the pool counts as one without capacity.
      replicaOf('od', index, { phase: 'unassigned', createdAt: NOW - 170 }),
    );
    const want = (parts: LeadParts) => {
      const memory = { ...initialMemory(), at: NOW - 5, pools: { od: { ...learned, leadParts: parts } } };
      return decide(
        snapshotOf({ backlog: 300, pools: { od: poolOf(late, { desiredReplicas: 3 }) } }),
        policy,
        memory,
      ).plan.wanted;
    };
    const blind = want({ ...ZERO, other: 100 });
    expect(want(learned.leadParts ?? ZERO)).toBeGreaterThan(blind);
  });
});
