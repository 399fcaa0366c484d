import { instanceNoticesOf } from '../spot/failures.ts';
import { standingOf } from '../spot/quarantine.ts';
import { type Doomed, doomedOf, type Supply, supplyOf } from '../spot/supply.ts';
import { leadSeconds } from './lead.ts';
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
  /** Live replicas that are to go for good and that the workload's `replicas` still counts: drained, or doomed in an elastic pool. */
  draining: ReplicaObservation[];
  /** Live replicas on instances that EC2 takes back. A persistent one comes back on another; in place of an elastic one another is asked for. */
  doomed: Doomed[];
  /** Instances that EC2 advised to replace, which their group does. */
  advised: ReadonlySet<string>;
  supply: Supply;
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

/**
 * Sorts a snapshot by what the rules ask of it. A pool that can't be read keeps what it had. Where `blind` is not empty, zeros of
 * the queue and the workers mean nothing.
 */
export function viewFleet(snapshot: Snapshot, policy: FleetPolicy, memory: FleetMemory): FleetView {
  const blind: string[] = [];
  if (!snapshot.queue.ok) blind.push(`the queue can't be read: ${snapshot.queue.error}`);
  if (!snapshot.workers.ok) blind.push(`the workers can't be read: ${snapshot.workers.error}`);
  const workers = snapshot.workers.ok ? snapshot.workers.value : [];
  const pools = policy.pools.map((pool) => viewPool(pool, policy, snapshot, memory));
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

function viewPool(policy: PoolPolicy, fleet: FleetPolicy, snapshot: Snapshot, memory: FleetMemory): PoolView {
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
      doomed: [],
      advised: new Set(),
      supply: {
        ...{ standing: standingOf(memory.quarantines[policy.name], snapshot.at), returning: 0 },
        ...{ given: current, sure: current, ceiling: current, probe: current, mayStillGive: true },
      },
      current,
      warm: current,
      pending: [],
    };
  }
  const observed = reading.value;
  const notices = instanceNoticesOf(snapshot, policy.name);
  const live = observed.replicas.filter((replica) => isLive(replica, policy, observed.desiredReplicas));
  const doomed = doomedOf(live, observed, notices, snapshot.at);
  const isDoomed = new Set(doomed.map(({ replica }) => replica.podUid));
  const lasting = live.filter(({ podUid }) => !isDoomed.has(podUid));
  const going = [
    ...(policy.kind === 'elastic' ? doomed.map(({ replica }) => replica) : []),
    ...lasting.filter((replica) => replica.drainDeadline !== undefined),
  ];
  // More pods than desired: the controller is about to delete that many of those.
  const leaving = Math.max(0, live.length - observed.desiredReplicas);
  const draining = going.slice(Math.min(leaving, going.length));
  const staying = lasting.filter((replica) => replica.drainDeadline === undefined);
  const pending = staying.filter((replica) => replica.phase !== 'warm');
  const missing = Math.max(0, observed.desiredReplicas - live.length);
  const current = Math.max(0, observed.desiredReplicas - draining.length);
  const warm = staying.length - pending.length;
  const supply = supplyOf({
    ...{ at: snapshot.at, policy: fleet, kind: policy.kind, observed, live, doomed, current, warm, notices },
    quarantine: memory.quarantines[policy.name],
    leadSeconds: leadSeconds(policy, memory.pools[policy.name]),
  });
  return {
    policy,
    observed,
    live,
    draining,
    doomed,
    advised: new Set(notices.flatMap((one) => (one.kind === 'rebalance' ? [one.instanceId] : []))),
    supply,
    current,
    warm,
    // What the pool fails to give is not on its way: those come last that have no node.
    pending: [
      ...pending.toSorted((a, b) => Number(a.node === undefined) - Number(b.node === undefined)),
      ...Array<undefined>(missing).fill(undefined),
    ].slice(0, Math.max(0, supply.sure - warm)),
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
