import type { Seconds } from '../scaling/types.ts';
import { roundTo } from '../statistics.ts';

/** What a pool's nodes cost, dollars per hour. */
export interface PoolPrice {
  name: string;
  capacityType: 'on-demand' | 'spot';
  pricePerHour: number;
  /** What the same node costs on-demand; default: `pricePerHour`. */
  onDemandPricePerHour?: number | undefined;
}

/** How many instances there were at a time; a pool that could not be read is missing. */
export interface Sample {
  at: Seconds;
  nodesByPool: Readonly<Record<string, number>>;
}

export interface CostReport {
  pools: { pool: string; capacityType: 'on-demand' | 'spot'; nodeSeconds: number; dollars: number }[];
  dollars: number;
  /** Of the same nodes. */
  allOnDemandDollars: number;
  /** Share of that, 0 to 1; negative when spot was the dearer. */
  saving: number;
  /** ISO 8601: what the figures cover. */
  from: string;
  until: string;
  /** Seconds of it in which nobody looked for more than five minutes: the nodes seen last are taken to have stayed. */
  unseenSeconds: number;
}

/** A fleet at rest is looked at once a minute. */
const SEEN_SECONDS = 300;

/**
 * What nodes cost between two times, from looks at how many there were: a number holds until the next look.
 *
 * @param samples oldest first; what lies before `from` counts from there on
 */
export function costOf(
  samples: readonly Sample[],
  prices: readonly PoolPrice[],
  from: Seconds,
  until: Seconds,
): CostReport {
  const nodeSeconds = new Map<string, number>();
  const last: Record<string, number> = {};
  const begins = Math.max(from, samples[0]?.at ?? until);
  let unseenSeconds = 0;
  for (const [index, { at, nodesByPool }] of samples.entries()) {
    Object.assign(last, nodesByPool);
    const next = Math.min(until, samples[index + 1]?.at ?? until);
    const seconds = Math.max(0, next - Math.max(at, from));
    if (next - at > SEEN_SECONDS) unseenSeconds += seconds;
    for (const [pool, nodes] of Object.entries(last))
      nodeSeconds.set(pool, (nodeSeconds.get(pool) ?? 0) + nodes * seconds);
  }
  const pools = prices.map(({ name, capacityType, pricePerHour }) => {
    const seconds = nodeSeconds.get(name) ?? 0;
    return { pool: name, capacityType, nodeSeconds: seconds, dollars: (seconds * pricePerHour) / 3600 };
  });
  const dollars = pools.reduce((sum, pool) => sum + pool.dollars, 0);
  const allOnDemand = prices.reduce(
    (sum, { name, pricePerHour, onDemandPricePerHour = pricePerHour }) =>
      sum + ((nodeSeconds.get(name) ?? 0) * onDemandPricePerHour) / 3600,
    0,
  );
  return {
    pools: pools.map((pool) => ({
      ...pool,
      nodeSeconds: roundTo(pool.nodeSeconds, 1),
      dollars: roundTo(pool.dollars, 4),
    })),
    dollars: roundTo(dollars, 4),
    allOnDemandDollars: roundTo(allOnDemand, 4),
    saving: roundTo(allOnDemand === 0 ? 0 : 1 - dollars / allOnDemand, 4),
    from: iso(Math.min(begins, until)),
    until: iso(until),
    unseenSeconds: Math.round(unseenSeconds),
  };
}

const iso = (at: Seconds): string => new Date(at * 1000).toISOString();
