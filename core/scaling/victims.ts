import type { ReplicaObservation, Seconds, WorkerObservation } from './types.ts';
import type { FleetView, PoolView } from './view.ts';

/** What is known of a replica when it is to go. */
export interface Leaving {
  at: Seconds;
  drainDeadlineSeconds: Seconds;
  /** By pod UID. */
  workers: ReadonlyMap<string, WorkerObservation>;
}

export const leavingOf = (view: FleetView, drainDeadlineSeconds: Seconds): Leaving => ({
  at: view.at,
  drainDeadlineSeconds,
  workers: new Map(view.workers.map((worker) => [worker.podUid, worker])),
});

const busySlots = (worker: WorkerObservation | undefined): number =>
  worker ? worker.busyQueue + worker.busyInteractive : 0;

const isMarked = (replica: ReplicaObservation): boolean => replica.drainDeadline !== undefined;

/** Bound to no node: it can't have taken a request, so it needs no drain. */
const isUnassigned = (replica: ReplicaObservation): boolean => replica.phase === 'unassigned';

/**
 * Whether a drained replica may be removed: it is past its deadline, or idle *and* its worker has seen the mark (an idle
 * worker that has not may take a message this very moment).
 */
export function isDrained(replica: ReplicaObservation, leaving: Leaving): boolean {
  if (replica.drainDeadline === undefined) return false;
  if (leaving.at >= replica.drainDeadline) return true;
  const worker = leaving.workers.get(replica.podUid);
  // Never heard of: it has not come far enough to take a message, or it is dead and the deadline settles it.
  if (!worker) return replica.warmAt === undefined;
  if (busySlots(worker) > 0) return false;
  if (worker.state === 'draining') return true;
  const markedAt = replica.drainDeadline - leaving.drainDeadlineSeconds;
  return worker.state === 'loading' && worker.renewedAt > markedAt;
}

/** Chooses `count` replicas to give up, those first whose loss costs least: not bound, not warm, idle, young. */
export function chooseVictims(pool: PoolView, count: number, leaving: Leaving): ReplicaObservation[] {
  const staying = pool.live.filter((replica) => !isMarked(replica));
  return staying.sort((a, b) => compareVictims(a, b, leaving)).slice(0, count);
}

const PHASE_ORDER = { unassigned: 0, starting: 1, warm: 2, draining: 2, terminating: 2 } as const;

function compareVictims(a: ReplicaObservation, b: ReplicaObservation, { workers }: Leaving): number {
  return (
    PHASE_ORDER[a.phase] - PHASE_ORDER[b.phase] ||
    busySlots(workers.get(a.podUid)) - busySlots(workers.get(b.podUid)) ||
    b.createdAt - a.createdAt ||
    compareNames(a, b)
  );
}

const compareNames = (a: ReplicaObservation, b: ReplicaObservation): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

/**
 * How many replicas the workload can be lowered by so that its controller removes none that may still be serving.
 * `missing` counts desired replicas that have no pod yet: those go first and hurt nobody.
 */
export function safelyRemovable(pool: PoolView, missing: number, leaving: Leaving): number {
  const mayGo = (replica: ReplicaObservation) => isUnassigned(replica) || isDrained(replica, leaving);
  if (pool.policy.kind === 'persistent') return safeOrdinals(pool, mayGo);
  const order = removalOrder(pool.live, mayGo);
  const blocked = order.findIndex((replica) => !mayGo(replica));
  return missing + (blocked === -1 ? order.length : blocked);
}

/**
 * The order in which a ReplicaSet removes pods: unassigned, then unready (those still starting may be `Pending`, which
 * goes before `Running`), then lowest deletion cost, which are the marked ones, then youngest. Where the order is open
 * (creation times have whole seconds) the one that may not go comes first.
 */
function removalOrder(
  live: readonly ReplicaObservation[],
  mayGo: (replica: ReplicaObservation) => boolean,
): ReplicaObservation[] {
  const rank = (replica: ReplicaObservation) => {
    if (isUnassigned(replica)) return 0;
    if (isMarked(replica)) return 2;
    return replica.phase === 'starting' ? 1 : 3;
  };
  return [...live].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      Math.floor(b.createdAt) - Math.floor(a.createdAt) ||
      Number(mayGo(a)) - Number(mayGo(b)),
  );
}

/** A StatefulSet removes its highest ordinals, whatever they do. */
function safeOrdinals(pool: PoolView, mayGo: (replica: ReplicaObservation) => boolean): number {
  const byOrdinal = new Map(pool.live.map((replica) => [replica.ordinal ?? 0, replica]));
  const desired = pool.observed?.desiredReplicas ?? 0;
  let removable = 0;
  for (let ordinal = desired - 1; ordinal >= 0; ordinal -= 1) {
    const replica = byOrdinal.get(ordinal);
    if (replica && !mayGo(replica)) break;
    removable += 1;
  }
  return removable;
}
