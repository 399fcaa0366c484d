import fc from 'fast-check';
import { decide, type FleetMemory, initialMemory, parseMemory } from '../../../core/scaling/decide.ts';
import type { Command, Plan, PoolObservation, Snapshot } from '../../../core/scaling/types.ts';
import { apply, removedBy } from './apply.ts';
import { earlier, type World, worlds } from './scenes.ts';

const history = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 4 });

/** What is remembered after the same fleet was seen a few times with other backlogs. */
function remember(world: World, backlogs: number[]): FleetMemory {
  return backlogs.reduce<FleetMemory>((memory, backlog, index) => {
    const snapshot = earlier(world, 5 * (backlogs.length - index), backlog);
    return decide(snapshot, world.policy, memory).memory;
  }, initialMemory());
}

const poolOf = (snapshot: Snapshot, name: string): PoolObservation => {
  const reading = snapshot.pools[name];
  if (!reading?.ok) throw new Error(`no reading of ${name}`);
  return reading.value;
};

const withBacklog = (snapshot: Snapshot, backlog: number): Snapshot => {
  const inFlight = snapshot.queue.ok ? snapshot.queue.value.inFlight : 0;
  return { ...snapshot, queue: { ok: true, value: { backlog, inFlight } } };
};

const shrinks = (command: Command): boolean =>
  command.kind === 'drain' ||
  command.kind === 'terminate-instance' ||
  ((command.kind === 'set-replicas' || command.kind === 'set-nodes') && command.to < command.from);

const busyOf = (snapshot: Snapshot): Map<string, number> =>
  new Map(
    snapshot.workers.ok
      ? snapshot.workers.value.map((worker) => [worker.podUid, worker.busyQueue + worker.busyInteractive])
      : [],
  );

const RUNS = { numRuns: 150 };

describe('decide, whatever the fleet looks like', () => {
  it('stays within the bounds of the fleet and of every pool', () => {
    fc.assert(
      fc.property(worlds, history, (world, backlogs) => {
        const { plan } = decide(world.snapshot, world.policy, remember(world, backlogs));
        expect(plan.wanted).toBeLessThanOrEqual(world.policy.maxReplicas);
        for (const pool of world.policy.pools) {
          expect(plan.wantedByPool[pool.name]).toBeGreaterThanOrEqual(pool.min);
          expect(plan.wantedByPool[pool.name]).toBeLessThanOrEqual(pool.max);
        }
        const room = world.policy.pools
          .filter(({ capacityType }) => capacityType === 'on-demand')
          .reduce((total, pool) => total + pool.max, 0);
        expect(plan.wanted).toBeGreaterThanOrEqual(Math.min(world.policy.minReplicas, room));
      }),
      RUNS,
    );
  });

  it('wants no less when more waits', () => {
    fc.assert(
      fc.property(worlds, history, fc.nat(500), (world, backlogs, more) => {
        const memory = remember(world, backlogs);
        const backlog = world.snapshot.queue.ok ? world.snapshot.queue.value.backlog : 0;
        const { plan: less, memory: next } = decide(world.snapshot, world.policy, memory);
        // What a failing pool lacks may be taken over by fewer, stronger replicas.
        if (Object.keys(next.quarantines).length > 0) return;
        const bigger = decide(withBacklog(world.snapshot, backlog + more), world.policy, memory).plan;
        expect(bigger.wanted).toBeGreaterThanOrEqual(less.wanted);
      }),
      RUNS,
    );
  });

  it('takes nothing from a pool that an upgrade works on, and grows with the load as ever', () => {
    const mark = fc.record({ spareNodes: fc.nat(1), replicas: fc.nat(6) });
    fc.assert(
      fc.property(worlds, history, mark, (world, backlogs, upgrade) => {
        const memory = remember(world, backlogs);
        const pools = Object.fromEntries(
          Object.entries(world.snapshot.pools).map(([name, reading]) => [
            name,
            reading.ok ? { ok: true as const, value: { ...reading.value, upgrade } } : reading,
          ]),
        );
        const { plan } = decide({ ...world.snapshot, pools }, world.policy, memory);
        expect(plan.commands.filter(shrinks)).toEqual([]);
        expect(plan.again).toBe(true);
        // It goes on to want what it wants; what differs is that nothing goes.
        expect(plan.wanted).toBe(decide(world.snapshot, world.policy, memory).plan.wanted);
      }),
      RUNS,
    );
  });

  it('never wants less than what is in flight fills, as far as the bounds allow', () => {
    fc.assert(
      fc.property(worlds, history, (world, backlogs) => {
        const [pool] = world.policy.pools;
        if (!pool) return;
        const policy = { ...world.policy, pools: [pool] };
        const only = {
          ...world.snapshot,
          pools: { [pool.name]: { ok: true as const, value: poolOf(world.snapshot, pool.name) } },
        };
        const workers = world.snapshot.workers.ok ? world.snapshot.workers.value : [];
        const snapshot: Snapshot = {
          ...only,
          workers: { ok: true, value: workers.filter((one) => one.pool === pool.name) },
        };
        const { plan } = decide(snapshot, policy, remember({ policy, snapshot }, backlogs));
        const busy = [...busyOf(snapshot).values()].reduce((total, slots) => total + slots, 0);
        const fills = Math.ceil(busy / pool.slots - 0.1);
        expect(plan.wanted).toBeGreaterThanOrEqual(Math.min(fills, policy.maxReplicas, pool.max));
      }),
      RUNS,
    );
  });

  it('shrinks nothing when the queue or the workers cannot be read', () => {
    fc.assert(
      fc.property(worlds, history, fc.constantFrom('queue', 'workers'), (world, backlogs, broken) => {
        const snapshot: Snapshot = { ...world.snapshot, [broken]: { ok: false, error: 'timed out' } };
        const { plan, memory } = decide(snapshot, world.policy, remember(world, backlogs));
        expect(plan.summary).toBe('blind');
        expect(plan.commands.filter(shrinks)).toEqual([]);
        expect(plan.again).toBe(true);
        expect(memory.lastWorkAt).toBe(snapshot.at);
      }),
      RUNS,
    );
  });

  it('leaves a pool alone that cannot be read', () => {
    fc.assert(
      fc.property(worlds, history, (world, backlogs) => {
        const memory = remember(world, backlogs);
        const snapshot = structuredClone(world.snapshot);
        snapshot.pools.p0 = { ok: false, error: 'timed out' };
        const { plan } = decide(snapshot, world.policy, memory);
        expect(plan.commands.filter((command) => 'pool' in command && command.pool === 'p0')).toEqual([]);
        expect(plan.wantedByPool.p0).toBe(memory.pools.p0?.current ?? 0);
      }),
      RUNS,
    );
  });

  it('answers the same input with the same output and leaves the input as it was', () => {
    fc.assert(
      fc.property(worlds, history, (world, backlogs) => {
        const memory = remember(world, backlogs);
        const before = structuredClone({ world, memory });
        const first = decide(world.snapshot, world.policy, memory);
        expect(decide(world.snapshot, world.policy, memory)).toEqual(first);
        expect({ world, memory }).toEqual(before);
      }),
      RUNS,
    );
  });

  it('wants no further change once its plan is carried out', () => {
    fc.assert(
      fc.property(worlds, history, (world, backlogs) => {
        const first = decide(world.snapshot, world.policy, remember(world, backlogs));
        const after = applyTo(world, world.snapshot, first.plan);
        const second = decide(after, world.policy, first.memory);
        // Pools that fail, and the way back to spot, take several ticks: test/core/spot/fallback.property.test.ts.
        if (Object.keys(first.memory.quarantines).length > 0) return;
        if ([first, second].some(({ plan }) => plan.reasons.some(({ rule }) => rule === 'return-to-spot')))
          return;
        const grows = (command: Command) =>
          command.kind === 'cancel-drain' ||
          ((command.kind === 'set-replicas' || command.kind === 'set-nodes') && command.to > command.from);
        expect(second.plan.commands.filter(grows)).toEqual([]);
        // A cancelled drain makes a warm replica of one that counted as gone: others may then go.
        if (first.plan.commands.some(({ kind }) => kind === 'cancel-drain')) return;
        expect(second.plan.commands.filter(({ kind }) => kind === 'drain')).toEqual([]);
        expect(second.plan.wantedByPool).toEqual(first.plan.wantedByPool);
      }),
      RUNS,
    );
  });

  it('never lets a controller remove a replica that is busy and not drained', () => {
    fc.assert(
      fc.property(worlds, history, fc.nat(3), (world, backlogs, ticks) => {
        let { snapshot } = world;
        let memory = remember(world, backlogs);
        for (let tick = 0; tick <= ticks; tick += 1) {
          const decision = decide(snapshot, world.policy, memory);
          expectHarmless(world, snapshot, decision.plan);
          snapshot = { ...applyTo(world, snapshot, decision.plan), at: snapshot.at + 5 };
          memory = decision.memory;
        }
      }),
      RUNS,
    );
  });

  it('terminates only instances that no pod is on, and never those that others wait for', () => {
    fc.assert(
      fc.property(worlds, history, (world, backlogs) => {
        const { plan } = decide(world.snapshot, world.policy, remember(world, backlogs));
        for (const command of plan.commands) {
          if (command.kind !== 'terminate-instance') continue;
          const pool = poolOf(world.snapshot, command.pool);
          expect(pool.replicas.map((replica) => replica.instanceId)).not.toContain(command.instanceId);
          const hasJoined = pool.instances.find((one) => one.instanceId === command.instanceId)?.node;
          expect(hasJoined && seekersAfter(world, plan, command.pool) > 0).toBeFalsy();
        }
        for (const { name } of world.policy.pools) expect(nodesAfter(world, plan, name)).toBe(true);
      }),
      RUNS,
    );
  });

  it('remembers in plain JSON that reads back as it was', () => {
    fc.assert(
      fc.property(worlds, history, (world, backlogs) => {
        const { memory } = decide(world.snapshot, world.policy, remember(world, backlogs));
        expect(parseMemory(JSON.parse(JSON.stringify(memory)))).toEqual(memory);
      }),
      RUNS,
    );
  });
});

function replicasAfter(world: World, plan: Plan, name: string): number {
  const set = plan.commands.find((one) => one.kind === 'set-replicas' && one.pool === name);
  return set?.kind === 'set-replicas' ? set.to : poolOf(world.snapshot, name).desiredReplicas;
}

/** Replicas that have no node yet once the plan is carried out. */
function seekersAfter(world: World, plan: Plan, name: string): number {
  const bound = poolOf(world.snapshot, name).replicas.filter(
    ({ phase }) => phase !== 'unassigned' && phase !== 'terminating',
  );
  return replicasAfter(world, plan, name) - bound.length;
}

/** Desired nodes never fall below desired replicas by termination. */
function nodesAfter(world: World, plan: Plan, name: string): boolean {
  const pool = poolOf(world.snapshot, name);
  const terminated = plan.commands.filter((one) => one.kind === 'terminate-instance' && one.pool === name);
  const replicas = replicasAfter(world, plan, name);
  return (
    terminated.length === 0 || pool.desiredNodes - terminated.length >= Math.min(replicas, pool.maxNodes)
  );
}

const isPersistent = (world: World, name: string): boolean =>
  world.policy.pools.find((pool) => pool.name === name)?.kind === 'persistent';

function applyTo(world: World, snapshot: Snapshot, plan: Plan): Snapshot {
  const next = structuredClone(snapshot);
  for (const command of plan.commands) {
    if (command.kind !== 'set-replicas' || !isPersistent(world, command.pool)) continue;
    for (const replica of removedBy(poolOf(next, command.pool), command.to, true))
      replica.phase = 'terminating';
  }
  return apply(next, plan.commands);
}

function expectHarmless(world: World, snapshot: Snapshot, plan: Plan): void {
  const busy = busyOf(snapshot);
  for (const command of plan.commands) {
    if (command.kind !== 'set-replicas' || command.to >= command.from) continue;
    const pool = poolOf(snapshot, command.pool);
    for (const replica of removedBy(pool, command.to, isPersistent(world, command.pool))) {
      const past = replica.drainDeadline !== undefined && replica.drainDeadline <= snapshot.at;
      const serving = (busy.get(replica.podUid) ?? 0) > 0;
      expect({ replica: replica.name, harm: serving && !past }).toEqual({
        replica: replica.name,
        harm: false,
      });
    }
  }
}
