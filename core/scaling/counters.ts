import type { FleetMemory, WorkerCounters } from './memory.ts';
import type { FleetView } from './view.ts';

/** A worker that is in no reading for this long is forgotten, counters and all. */
const KEEP_COUNTERS_SECONDS = 900;

/** Requests of either kind (those in progress count half) and the busy slot-seconds that they took. */
export interface Work {
  requests: number;
  busySlotSeconds: number;
}

/** What the workers did since they were last read. */
export interface Folded {
  counters: FleetMemory['counters'];
  /** Queue completions, whole fleet. */
  completedQueue: number;
  byPool: Map<string, Work>;
}

/**
 * Folds the workers' counters by worker id: a restarted container has a new id and starts at zero, a dead
 * worker's last counts still count, once. The very first tick only notes where the counters stand.
 */
export function foldCounters(view: FleetView, memory: FleetMemory): Folded {
  const first = memory.at === 0;
  const counters: FleetMemory['counters'] = {};
  const byPool: Folded['byPool'] = new Map();
  let completedQueue = 0;
  for (const worker of view.workers) {
    const before = memory.counters[worker.workerId];
    const now: WorkerCounters = {
      pool: worker.pool,
      // A request in progress counts half: else a wave of long ones looks like a pool that completes nothing.
      credit:
        worker.completedQueue + worker.completedInteractive + (worker.busyQueue + worker.busyInteractive) / 2,
      completedQueue: worker.completedQueue,
      busySlotSeconds: Math.round(worker.busySlotSeconds * 1000) / 1000,
      seenAt: view.at,
    };
    counters[worker.workerId] = now;
    if (first) continue;
    completedQueue += increase(now.completedQueue, before?.completedQueue);
    const pool = byPool.get(worker.pool) ?? { requests: 0, busySlotSeconds: 0 };
    pool.requests += now.credit - (before?.credit ?? 0);
    pool.busySlotSeconds += increase(now.busySlotSeconds, before?.busySlotSeconds);
    byPool.set(worker.pool, pool);
  }
  for (const id of Object.keys(memory.counters)) {
    const before = memory.counters[id];
    if (before && !(id in counters) && view.at - before.seenAt < KEEP_COUNTERS_SECONDS) counters[id] = before;
  }
  return { counters, completedQueue, byPool };
}

const increase = (now: number, before = 0): number => Math.max(0, now - before);
