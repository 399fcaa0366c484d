import type { FleetMemory } from './memory.ts';
import type {
  FleetPolicy,
  PoolObservation,
  PoolPolicy,
  QueueCounts,
  ReplicaObservation,
  Seconds,
  Snapshot,
  WorkerObservation,
} from './types.ts';

/** A pool as the rules see it. */
export interface PoolView {
  policy: PoolPolicy;
  /** Undefined when its reading failed: the pool is neither grown nor shrunk. */
  observed: PoolObservation | undefined;
  error?: string;
  /** Replicas that exist and are not being deleted. */
  live: ReplicaObservation[];
  /** Live replicas with a drain mark that the workload's `replicas` still counts. */
  draining: ReplicaObservation[];
  /** Replicas that stay: desired ones without those on their way out. */
  current: number;
  warm: number;
  /** Replicas that are not warm yet; undefined for each that is not created yet. */
  pending: (ReplicaObservation | undefined)[];
}

/** The snapshot, sorted by what the rules ask of it. */
export interface FleetView {
  at: Seconds;
  /** Readings without which nothing may shrink: the queue's and the workers'. */
  blind: string[];
  queue: QueueCounts;
  workers: WorkerObservation[];
  pools: PoolView[];
  current: number;
  busyQueue: number;
  busyInteractive: number;
}

const NO_QUEUE: QueueCounts = { backlog: 0, inFlight: 0 };

export function viewFleet(snapshot: Snapshot, policy: FleetPolicy, memory: FleetMemory): FleetView {
  const blind: string[] = [];
  if (!snapshot.queue.ok) blind.push(`the queue can't be read: ${snapshot.queue.error}`);
  if (!snapshot.workers.ok) blind.push(`the workers can't be read: ${snapshot.workers.error}`);
  const workers = snapshot.workers.ok ? snapshot.workers.value : [];
  const pools = policy.pools.map((pool) => viewPool(pool, snapshot, memory));
  return {
    at: snapshot.at,
    blind,
    queue: snapshot.queue.ok ? snapshot.queue.value : NO_QUEUE,
    workers,
    pools,
    current: sum(pools, (pool) => pool.current),
    busyQueue: sum(workers, (worker) => worker.busyQueue),
    busyInteractive: sum(workers, (worker) => worker.busyInteractive),
  };
}

function viewPool(policy: PoolPolicy, snapshot: Snapshot, memory: FleetMemory): PoolView {
  const reading = snapshot.pools[policy.name];
  if (!reading?.ok) {
    const current = memory.pools[policy.name]?.current ?? 0;
    // Blind: what it had is taken to be there still, so that other pools don't replace it.
    const error = reading?.error ?? 'it is missing from the snapshot';
    return {
      policy,
      observed: undefined,
      error,
      live: [],
      draining: [],
      current,
      warm: current,
      pending: [],
    };
  }
  const observed = reading.value;
  const live = observed.replicas.filter((replica) => isLive(replica, policy, observed.desiredReplicas));
  const marked = live.filter((replica) => replica.drainDeadline !== undefined);
  // More pods than desired: the controller is about to delete that many of the marked ones.
  const leaving = Math.max(0, live.length - observed.desiredReplicas);
  const draining = marked.slice(Math.min(leaving, marked.length));
  const staying = live.filter((replica) => replica.drainDeadline === undefined);
  const pending = staying.filter((replica) => replica.phase !== 'warm');
  const missing = Math.max(0, observed.desiredReplicas - live.length);
  return {
    policy,
    observed,
    live,
    draining,
    current: Math.max(0, observed.desiredReplicas - draining.length),
    warm: staying.length - pending.length,
    pending: [...pending, ...Array<undefined>(missing).fill(undefined)],
  };
}

/** Not being deleted. A StatefulSet's pods past its `replicas` are as good as deleted, whatever their number. */
const isLive = (replica: ReplicaObservation, pool: PoolPolicy, desired: number): boolean =>
  replica.phase !== 'terminating' && !(pool.kind === 'persistent' && (replica.ordinal ?? 0) >= desired);

export function sum<T>(items: readonly T[], of: (item: T) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}
