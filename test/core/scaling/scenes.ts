import fc from 'fast-check';
import type {
  FleetPolicy,
  PoolObservation,
  PoolPolicy,
  ReplicaObservation,
  Snapshot,
  WorkerObservation,
} from '../../../core/scaling/types.ts';
import { instanceOf, NOW, policyOf, poolPolicy, replicaOf, snapshotOf, workerOf } from './fixtures.ts';

export interface World {
  policy: FleetPolicy;
  snapshot: Snapshot;
}

const replicaSeed = fc.record({
  phase: fc.constantFrom('unassigned', 'starting', 'warm', 'warm', 'warm', 'draining', 'terminating'),
  age: fc.integer({ min: 1, max: 600 }),
  busyQueue: fc.integer({ min: 0, max: 2 }),
  interactive: fc.boolean(),
  deadlineIn: fc.integer({ min: -60, max: 110 }),
  seen: fc.boolean(),
  strayCost: fc.boolean(),
});

const poolSeed = fc.record({
  spot: fc.boolean(),
  persistent: fc.boolean(),
  price: fc.integer({ min: 1, max: 4 }),
  seconds: fc.integer({ min: 1, max: 8 }),
  max: fc.integer({ min: 3, max: 20 }),
  replicas: fc.array(replicaSeed, { maxLength: 8 }),
  missing: fc.integer({ min: 0, max: 2 }),
  extraNodes: fc.integer({ min: -2, max: 3 }),
  emptyNodes: fc.integer({ min: 0, max: 2 }),
  bootingNodes: fc.integer({ min: 0, max: 2 }),
});

type PoolSeed = typeof poolSeed extends fc.Arbitrary<infer T> ? T : never;

/** Fleets of one to three pools in any state, tidy or not; the policy has no step limit unless asked for. */
export const worlds: fc.Arbitrary<World> = fc
  .record({
    pools: fc.array(poolSeed, { minLength: 1, maxLength: 3 }),
    min: fc.integer({ min: 0, max: 3 }),
    max: fc.integer({ min: 3, max: 30 }),
    backlog: fc.integer({ min: 0, max: 300 }),
  })
  .map(({ pools, min, max, backlog }) => build(pools, min, max, backlog));

function build(seeds: PoolSeed[], minReplicas: number, maxReplicas: number, backlog: number): World {
  const policies: PoolPolicy[] = [];
  const pools: Record<string, PoolObservation> = {};
  const workers: WorkerObservation[] = [];
  seeds.forEach((seed, index) => {
    // The first pool is on-demand: a fleet without one is refused by the configuration.
    const policy = poolPolicy({
      name: `p${index}`,
      capacityType: seed.spot && index > 0 ? 'spot' : 'on-demand',
      kind: seed.persistent ? 'persistent' : 'elastic',
      pricePerHour: seed.price,
      expectedSecondsPerRequest: seed.seconds,
      max: Math.max(seed.max, seed.replicas.length + seed.missing),
    });
    const { pool, busy } = observe(policy, seed);
    policies.push(policy);
    pools[policy.name] = pool;
    workers.push(...busy);
  });
  const inFlight = workers.reduce((total, worker) => total + worker.busyQueue, 0);
  return {
    policy: policyOf(policies, { minReplicas, maxReplicas }),
    snapshot: snapshotOf({ backlog, inFlight, pools, workers }),
  };
}

function observe(policy: PoolPolicy, seed: PoolSeed): { pool: PoolObservation; busy: WorkerObservation[] } {
  const busy: WorkerObservation[] = [];
  const replicas = seed.replicas.map((one, index): ReplicaObservation => {
    const phase = phaseOf(seed, index);
    const replica = replicaOf(policy.name, index, {
      phase,
      createdAt: NOW - one.age,
      warmAt: NOW - one.age / 2,
      ...(phase === 'draining' && { drainDeadline: NOW + one.deadlineIn }),
      ...(phase === 'warm' && one.strayCost && { hasStrayCost: true }),
    });
    const serves = phase === 'warm' || phase === 'draining';
    if (serves || phase === 'starting') {
      const slots = serves
        ? { busyQueue: one.busyQueue, busyInteractive: one.interactive && one.busyQueue < 2 ? 1 : 0 }
        : {};
      const state = phase === 'draining' && !one.seen ? { state: 'warm' as const } : {};
      busy.push(workerOf(replica, policy.name, { ...slots, ...state, lastActiveAt: NOW - one.age / 3 }));
    }
    return replica;
  });
  const live = replicas.filter((replica) => replica.phase !== 'terminating').length;
  const spare = Array.from({ length: seed.emptyNodes }, (_, index) => ({
    instanceId: `${policy.name}-spare-${index}`,
    lifecycle: 'in-service' as const,
    node: `${policy.name}-spare-node-${index}`,
  }));
  const booting = Array.from({ length: seed.bootingNodes }, (_, index) => ({
    instanceId: `${policy.name}-booting-${index}`,
    lifecycle: 'pending' as const,
  }));
  const instances = [
    ...replicas.filter((replica) => replica.instanceId !== undefined).map(instanceOf),
    ...spare,
    ...booting,
  ];
  return {
    busy,
    pool: {
      desiredNodes: Math.max(0, instances.length + seed.extraNodes),
      minNodes: 0,
      maxNodes: policy.max,
      instances,
      // A StatefulSet's number is its highest ordinal's; a pod of it that goes comes back.
      desiredReplicas: (seed.persistent ? replicas.length : live) + seed.missing,
      replicas,
    },
  };
}

/** A StatefulSet's highest ordinals are those that drain, or those that are not warm yet; the others are warm. */
function phaseOf(seed: PoolSeed, index: number): ReplicaObservation['phase'] {
  const phases = seed.replicas.slice(index).map((one) => one.phase as ReplicaObservation['phase']);
  const [phase = 'warm'] = phases;
  if (!seed.persistent) return phase;
  if (phase === 'draining' && seed.missing === 0 && phases.every((other) => other === phase)) return phase;
  const isCold = (other: string) => other === 'unassigned' || other === 'starting';
  return isCold(phase) &&
    phases.every(
      (other, above) => isCold(other) && (phase === 'starting' || above === 0 || other === 'unassigned'),
    )
    ? phase
    : 'warm';
}

/** The same fleet a while earlier, so that there is something to remember. */
export function earlier(world: World, seconds: number, backlog: number): Snapshot {
  const snapshot = structuredClone(world.snapshot);
  snapshot.at -= seconds;
  if (snapshot.queue.ok) snapshot.queue.value.backlog = backlog;
  return snapshot;
}
