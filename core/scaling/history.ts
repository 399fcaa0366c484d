import { arrivalRate } from './arrivals.ts';
import type { Point } from './memory.ts';
import { because, type Rule, raiseTo, round } from './rules.ts';
import type { Seconds } from './types.ts';

const HOLD_LEADS = 1.5;
/** However fast a replica gets warm, the estimates behind the need move slower. */
const SHORTEST_HOLD_TICKS = 6;
const REMEMBERED_SECONDS = 900;
/** One sample of demand covers at most this long: ticks that did not happen say nothing. */
const LONGEST_SAMPLE_SECONDS = 90;
/** Samples closer than this are one. */
const SHORTEST_SAMPLE_SECONDS = 4;

export const holdSeconds = (leadSeconds: Seconds, tickSeconds: Seconds): Seconds =>
  Math.max(HOLD_LEADS * leadSeconds, SHORTEST_HOLD_TICKS * tickSeconds);

/** Scale in only to the highest need of the last while, in proportion to what it would cost to be wrong. */
export const hold: Rule = (wanted, { policy, view, memory, capacity }) => {
  const seconds = holdSeconds(capacity.leadSeconds, policy.tickSeconds);
  const needs = memory.needs.filter(([at, need]) => at >= view.at - seconds && need > wanted.units);
  const highest = needs[0]?.[1] ?? wanted.units;
  const next = { needs: [...needs, [view.at, round(wanted.units)] satisfies Point] };
  if (highest <= wanted.units) return { memory: next };
  return {
    wanted: raiseTo(wanted, highest),
    reason: because('hold', `${round(highest)} replicas were needed within the last ${round(seconds)} s.`, {
      need: wanted.units,
      highest,
      holdSeconds: seconds,
    }),
    memory: next,
  };
};

/**
 * A floor from what keeps happening: the attainment quantile of the last quarter of an hour's demand, but only up to a
 * level that was reached again after a gap longer than the hold, and for long enough to matter to the attainment. One
 * burst never raises it, nor does one late sample; a recurring one does.
 */
export const recurringFloor: Rule = (wanted, { policy, view, memory, capacity }) => {
  const demand = remember(memory.demand, view.at, arrivalRate(memory.arrivals) / capacity.serviceRate);
  const level = quantile(demand, policy.attainment);
  const apart = holdSeconds(capacity.leadSeconds, policy.tickSeconds);
  const floor = recurringLevel(demand, apart, level, (1 - policy.attainment) * REMEMBERED_SECONDS);
  if (floor <= wanted.units) return { memory: { demand } };
  return {
    wanted: raiseTo(wanted, floor),
    reason: because(
      'recurring-demand',
      `Demand for ${round(floor)} replicas came more than once in the last ${REMEMBERED_SECONDS / 60} minutes.`,
      { floor, quantile: level, attainment: policy.attainment },
    ),
    memory: { demand },
  };
};

function remember(demand: Point[], at: Seconds, value: number): Point[] {
  const kept = demand.filter(([then]) => then > at - REMEMBERED_SECONDS);
  const last = kept.at(-1);
  if (last && at - last[0] < SHORTEST_SAMPLE_SECONDS) {
    kept[kept.length - 1] = [last[0], Math.max(last[1], round(value))];
  } else {
    kept.push([at, round(value)]);
  }
  return kept;
}

/** How long each sample stands for, seconds. */
const durations = (demand: Point[]): number[] =>
  demand.map(([at], index) => {
    const before = demand[index - 1]?.[0] ?? at - SHORTEST_SAMPLE_SECONDS;
    return Math.min(LONGEST_SAMPLE_SECONDS, at - before);
  });

/** The level that demand stayed at or under for the given share of the remembered time; unobserved time counts as 0. */
export function quantile(demand: Point[], share: number): number {
  const seconds = durations(demand);
  const values = Float64Array.from(demand, ([, value]) => value);
  const highestFirst = Uint16Array.from(demand.keys()).sort((a, b) => (values[b] ?? 0) - (values[a] ?? 0));
  let above = (1 - share) * REMEMBERED_SECONDS;
  for (const index of highestFirst) {
    above -= seconds[index] ?? 0;
    if (above < 0) return values[index] ?? 0;
  }
  return 0;
}

/**
 * The highest level up to `limit` that demand reached in several spells, more than `apart` seconds from each other, of
 * which all but the longest together lasted `enough` seconds; 0 if there is none.
 */
export function recurringLevel(demand: Point[], apart: Seconds, limit: number, enough: Seconds): number {
  const seconds = durations(demand);
  const levels = new Set(demand.map(([, value]) => Math.min(value, limit)).filter((level) => level > 0));
  for (const level of [...levels].sort((a, b) => b - a)) {
    if (secondsBesideLongestSpell(demand, seconds, level, apart) >= enough) return level;
  }
  return 0;
}

function secondsBesideLongestSpell(
  demand: Point[],
  seconds: number[],
  level: number,
  apart: Seconds,
): Seconds {
  let [all, spell, longest] = [0, 0, 0];
  let last = Number.NEGATIVE_INFINITY;
  for (const [index, [at, value]] of demand.entries()) {
    if (value < level) continue;
    if (at - last > apart) spell = 0;
    last = at;
    spell += seconds[index] ?? 0;
    all += seconds[index] ?? 0;
    longest = Math.max(longest, spell);
  }
  return all - longest;
}
