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

/** Whether nothing of a replica's work would end with its instance. */
export const isIdle = (replica: ReplicaObservation, leaving: Leaving): boolean =>
  isDrained(replica, leaving) && busySlots(leaving.workers.get(replica.podUid)) === 0;

/**
 * Whether a drained replica may be removed: it is past its deadline, or idle *and* its worker has seen the mark (an idle
 * worker that has not may take a message this very moment).
 */
function isDrained(replica: ReplicaObservation, leaving: Leaving): boolean {
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

/**
 * Chooses `count` replicas to give up, those first whose loss costs least: not bound, not warm, idle, young. Those that are
 * drained, or whose instances EC2 takes back, go anyway.
 */
export function chooseVictims(pool: PoolView, count: number, leaving: Leaving): ReplicaObservation[] {
  const doomed = new Set(pool.doomed.map(({ replica }) => replica.podUid));
  return pool.live
    .filter((replica) => !doomed.has(replica.podUid) && !isMarked(replica))
    .sort((a, b) => PHASE_RANK[a.phase] - PHASE_RANK[b.phase] || compareVictims(a, b, leaving))
    .slice(0, count);
}

const PHASE_RANK = { unassigned: 0, starting: 1, warm: 2, draining: 2, terminating: 2 } as const;

function compareVictims(a: ReplicaObservation, b: ReplicaObservation, { workers }: Leaving): number {
  return (
    busySlots(workers.get(a.podUid)) - busySlots(workers.get(b.podUid)) ||
    b.createdAt - a.createdAt ||
    compareNames(a, b)
  );
}

const compareNames = (a: ReplicaObservation, b: ReplicaObservation): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;

/**
 * How many pods an elastic workload can be lowered by so that its controller removes only those meant to go: the first
 * in its order that are drained, or unassigned and chosen.
 *
 * @param chosen unassigned replicas that were chosen to go; the controller takes unassigned ones before all others
 */
export function safelyRemovable(pool: PoolView, chosen: number, leaving: Leaving): number {
  const unassigned = pool.live.filter(isUnassigned).length;
  // The drained ones wait until the unassigned that stay are bound: else those would go in their place.
  if (unassigned > chosen) return chosen;
  const mayGo = (replica: ReplicaObservation) => isUnassigned(replica) || isDrained(replica, leaving);
  return countWhile(removalOrder(pool.live, mayGo), mayGo);
}

function countWhile<T>(items: readonly T[], holds: (item: T) => boolean): number {
  const first = items.findIndex((item) => !holds(item));
  return first === -1 ? items.length : first;
}

/**
 * The order in which a ReplicaSet removes pods: unassigned, then unready (those still starting may be `Pending`, which
 * goes before `Running`), then lowest deletion cost, which are the marked ones and those with a stray cost, then
 * youngest. A drained pod may still be Ready when a busy marked one is not any more, which then goes first. Where the
 * order is open (creation times have whole seconds) the one that may not go comes first.
 */
function removalOrder(
  live: readonly ReplicaObservation[],
  mayGo: (replica: ReplicaObservation) => boolean,
): ReplicaObservation[] {
  const rank = (replica: ReplicaObservation) => {
    if (isUnassigned(replica)) return 0;
    if (isMarked(replica) || replica.hasStrayCost) return 2;
    return replica.phase === 'starting' ? 1 : 3;
  };
  return [...live].sort(
    (a, b) =>
      rank(a) - rank(b) ||
      Number(a.isReady ?? false) - Number(b.isReady ?? false) ||
      Math.floor(b.createdAt) - Math.floor(a.createdAt) ||
      Number(mayGo(a)) - Number(mayGo(b)),
  );
}

/** How many of its highest ordinals a StatefulSet can lose: those without a pod, unassigned or drained. */
export function safelyRemovableOrdinals(pool: PoolView, leaving: Leaving): number {
  const byOrdinal = new Map(pool.live.map((replica) => [replica.ordinal ?? 0, replica]));
  const desired = pool.observed?.desiredReplicas ?? 0;
  const fromTheTop = Array.from({ length: desired }, (_, index) => byOrdinal.get(desired - 1 - index));
  return countWhile(
    fromTheTop,
    (replica) => !replica || isUnassigned(replica) || isDrained(replica, leaving),
  );
}
