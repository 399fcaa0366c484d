import type { Folded, Work } from './counters.ts';
import { learnLead } from './lead.ts';
import type { FleetMemory, PoolMemory } from './memory.ts';
import type { PoolPolicy, Seconds } from './types.ts';
import type { FleetView } from './view.ts';

/** Evidence for the service rate fades over this much busy time. */
const BUSY_SECONDS = 300;
/** The stated guess weighs as much as this many slot-seconds, or requests of its own length if those take longer. */
const GUESS_SLOT_SECONDS = 60;
const GUESS_REQUESTS = 5;
/** A service rate is never taken to be less than this share of the stated one. */
const SLOWEST = 0.02;

const freshPool = (): PoolMemory => ({
  requests: 0,
  busySlotSeconds: 0,
  leadSeconds: 0,
  leadLearnedFrom: [],
  current: 0,
});

/** Learns each pool's service rate from what its workers did and its lead time from the replicas that turned warm. */
export function learn(view: FleetView, memory: FleetMemory, folded: Folded): FleetMemory['pools'] {
  const pools: FleetMemory['pools'] = {};
  const workers = new Map(view.workers.map((worker) => [worker.podUid, worker]));
  for (const pool of view.pools) {
    const before = memory.pools[pool.policy.name] ?? freshPool();
    pools[pool.policy.name] = {
      ...learnServiceRate(before, folded.byPool.get(pool.policy.name), view.at - memory.at),
      ...learnLead(before, pool, memory, workers),
      current: pool.current,
    };
  }
  return pools;
}

function learnServiceRate(
  before: PoolMemory,
  done: Work | undefined,
  elapsed: Seconds,
): Pick<PoolMemory, 'requests' | 'busySlotSeconds'> {
  if (!done || elapsed <= 0) return { requests: before.requests, busySlotSeconds: before.busySlotSeconds };
  // An idle pool forgets nothing; one with many busy slots forgets by the clock, not by their sum.
  const kept = Math.exp(-Math.min(elapsed, done.busySlotSeconds) / BUSY_SECONDS);
  return {
    requests: Math.max(0, before.requests * kept + done.requests),
    busySlotSeconds: before.busySlotSeconds * kept + done.busySlotSeconds,
  };
}

/**
 * Requests per second that one warm, busy replica of the pool completes. The stated guess fades as evidence comes in
 * and is gone when there is twice as much of it as the guess weighs.
 */
export function serviceRate(pool: PoolPolicy, learned: PoolMemory | undefined): number {
  const stated = pool.expectedSecondsPerRequest;
  const evidence = learned?.busySlotSeconds ?? 0;
  const full = Math.max(GUESS_SLOT_SECONDS, GUESS_REQUESTS * stated);
  const guess = full * Math.max(0, 1 - evidence / (2 * full));
  const perSlot = ((learned?.requests ?? 0) + guess / stated) / (evidence + guess);
  // However slow it looks, a rate of nothing would ask for endless replicas.
  return Math.max(perSlot, SLOWEST / stated) * pool.slots;
}
