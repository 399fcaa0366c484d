import type { FleetMemory } from './memory.ts';
import type { Seconds } from './types.ts';
import type { FleetView } from './view.ts';

const FAST_SECONDS = 10;
const SLOW_SECONDS = 60;

/**
 * Arrivals since the last complete reading = change of (backlog + in flight) + completions, as two exponential
 * averages. Counters are approximate and late, so a sample may be negative: it is kept, for the next one makes up
 * for it, and only the averages stop at zero.
 */
export function estimateArrivals(
  view: FleetView,
  memory: FleetMemory,
  completedQueue: number,
): FleetMemory['arrivals'] {
  const before = memory.arrivals;
  const completedSince = before.completedSince + completedQueue;
  if (view.blind.length > 0) return { ...before, completedSince };
  const level = view.queue.backlog + view.queue.inFlight;
  if (before.level === null) return { ...before, level, levelAt: view.at, completedSince: 0 };
  const elapsed = view.at - before.levelAt;
  if (elapsed <= 0) return { ...before, level, completedSince };
  const sample = (level - before.level + completedSince) / elapsed;
  return {
    level,
    levelAt: view.at,
    completedSince: 0,
    fast: average(before.fast, sample, elapsed, FAST_SECONDS),
    slow: average(before.slow, sample, elapsed, SLOW_SECONDS),
  };
}

function average(before: number, sample: number, elapsed: Seconds, over: Seconds): number {
  const weight = 1 - Math.exp(-elapsed / over);
  return Math.max(0, before + (sample - before) * weight);
}

/** Requests per second that arrive: a rise counts at once, a fall only when it lasts. */
export const arrivalRate = (arrivals: FleetMemory['arrivals']): number =>
  Math.max(arrivals.fast, arrivals.slow);
