import type {
  FleetPolicy,
  InstanceObservation,
  PoolObservation,
  PoolPolicy,
  ReplicaObservation,
  Snapshot,
  WorkerObservation,
} from '../../../core/scaling/types.ts';
import { defaultPolicy } from '../../../simulation/policy.ts';

/** The time of every hand-made snapshot, epoch seconds: a Tuesday, 22:13:20 UTC. */
export const NOW = 1_700_000_000;

export const poolPolicy = (overrides: Partial<PoolPolicy> = {}): PoolPolicy => ({
  name: 'od',
  capacityType: 'on-demand',
  kind: 'elastic',
  min: 0,
  max: 50,
  slots: 2,
  pricePerHour: 1,
  expectedSecondsPerRequest: 2,
  expectedLeadSeconds: 40,
  ...overrides,
});

export const policyOf = (pools: PoolPolicy[], overrides: Partial<FleetPolicy> = {}): FleetPolicy =>
  defaultPolicy({ fleet: 'f', minReplicas: 0, maxReplicas: 50, pools, ...overrides });

export const replicaOf = (pool: string, index: number, overrides: Partial<ReplicaObservation> = {}) => {
  const replica: ReplicaObservation = {
    name: `${pool}-${index}`,
    podUid: `${pool}-uid-${index}`,
    phase: 'warm',
    awaitingWarmup: false,
    createdAt: NOW - 1000 + index,
    warmAt: NOW - 900 + index,
    node: `${pool}-node-${index}`,
    instanceId: `${pool}-i-${index}`,
    ordinal: index,
    ...overrides,
  };
  if (replica.phase === 'unassigned') {
    delete replica.node;
    delete replica.instanceId;
    delete replica.warmAt;
  }
  if (replica.phase === 'starting') delete replica.warmAt;
  return replica;
};

export const workerOf = (
  replica: ReplicaObservation,
  pool: string,
  overrides: Partial<WorkerObservation> = {},
): WorkerObservation => ({
  replica: replica.name,
  workerId: `worker-${replica.podUid}`,
  podUid: replica.podUid,
  pool,
  state: replica.drainDeadline === undefined ? (replica.phase === 'warm' ? 'warm' : 'loading') : 'draining',
  slots: 2,
  busyQueue: 0,
  busyInteractive: 0,
  completedQueue: 0,
  completedInteractive: 0,
  busySlotSeconds: 0,
  renewedAt: NOW,
  lastActiveAt: NOW - 1,
  ...overrides,
});

export const instanceOf = (replica: ReplicaObservation): InstanceObservation => ({
  instanceId: replica.instanceId ?? '',
  lifecycle: 'in-service',
  ...(replica.node !== undefined && { node: replica.node }),
});

/** A pool at rest around the given replicas: as many desired as there are, one node for each. */
export const poolOf = (
  replicas: ReplicaObservation[],
  overrides: Partial<PoolObservation> = {},
): PoolObservation => ({
  desiredNodes: replicas.length,
  minNodes: 0,
  maxNodes: 50,
  instances: replicas.filter((replica) => replica.instanceId !== undefined).map(instanceOf),
  desiredReplicas: replicas.length,
  replicas,
  ...overrides,
});

export interface Scene {
  at?: number;
  backlog?: number;
  inFlight?: number;
  pools?: Record<string, PoolObservation>;
  workers?: WorkerObservation[];
}

export const snapshotOf = (scene: Scene): Snapshot => ({
  at: scene.at ?? NOW,
  queue: { ok: true, value: { backlog: scene.backlog ?? 0, inFlight: scene.inFlight ?? 0 } },
  workers: { ok: true, value: scene.workers ?? [] },
  pools: Object.fromEntries(
    Object.entries(scene.pools ?? {}).map(([name, value]) => [name, { ok: true as const, value }]),
  ),
});

/** `count` warm replicas of a pool. */
export const warmReplicas = (pool: string, count: number): ReplicaObservation[] =>
  Array.from({ length: count }, (_, index) => replicaOf(pool, index));
