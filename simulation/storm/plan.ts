import type { Arrivals } from '../arrivals.ts';
import { burstyArrivals } from '../generate.ts';
import { seededRandom } from '../random.ts';

/** What EC2 does to the spot capacity while the storm lasts. Times are seconds after its start. */
export interface StormPlan {
  seed: number;
  durationSeconds: number;
  /** One spot instance is taken back at each; `pick` in [0, 1) says which of those in service. */
  interruptions: readonly { at: number; pick: number }[];
  /** No spot instance starts meanwhile. */
  withoutCapacity: readonly { from: number; until: number }[];
}

export const STORM_SECONDS = 1800;
const INTERRUPTION_EVERY_SECONDS = 180;
const WINDOW_SECONDS = 240;
const WINDOWS = 2;

/** Load of the storm: 4,300 requests or so, in loud spells of twelve a second over quiet ones of a half. */
export const STORM_LOAD = { requestsPerSecond: 2.4, serviceSeconds: 4 } as const;
/** Spot's share of the on-demand price. */
export const STORM_SPOT_PRICE = 0.45;

/**
 * One interruption every three minutes, and two windows of four minutes without spot capacity, each at a seeded place in its
 * half of the time. Shorter storms have shorter windows: 240 s of 1,800 are 2/15 of any.
 */
export function stormPlan(seed: number, durationSeconds = STORM_SECONDS): StormPlan {
  const random = seededRandom(seed);
  const interruptions = [];
  for (let at = INTERRUPTION_EVERY_SECONDS; at < durationSeconds; at += INTERRUPTION_EVERY_SECONDS)
    interruptions.push({ at, pick: random() });
  const length = Math.min(WINDOW_SECONDS, (durationSeconds * WINDOW_SECONDS) / STORM_SECONDS);
  const half = durationSeconds / WINDOWS;
  const withoutCapacity = Array.from({ length: WINDOWS }, (_, index) => {
    const from = Math.round(index * half + random() * (half - length));
    return { from, until: from + length };
  });
  return { seed, durationSeconds, interruptions, withoutCapacity };
}

/** Each takes as long as the others, so that the local model servers can be told it. */
export function stormArrivals(seed: number, durationSeconds = STORM_SECONDS): Arrivals {
  const arrivals = burstyArrivals({ seed, durationSeconds, ...STORM_LOAD });
  return { ...arrivals, service: arrivals.service.map(() => STORM_LOAD.serviceSeconds) };
}

export const hasSpotCapacity = ({ withoutCapacity }: StormPlan, at: number): boolean =>
  !withoutCapacity.some(({ from, until }) => at >= from && at < until);
