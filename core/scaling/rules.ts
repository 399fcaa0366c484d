import type { Capacity } from './capacity.ts';
import type { FleetMemory } from './memory.ts';
import type { FleetPolicy, Reason } from './types.ts';
import type { FleetView } from './view.ts';

/**
 * What the rules hand on to each other. Capacity is in replicas of the reference pool (the policy's first) and may be a
 * fraction; `least` and `most` bound the number of replicas, whatever their pool.
 */
export interface Wanted {
  /** Grow to this much. */
  units: number;
  /** What arrives and waits needs this much of it; the rest is kept for what may come. */
  now: number;
  /** Shrink to this much, never less than `units`. Between the two everything stays as it is. */
  keep: number;
  least: number;
  most: number;
}

/** What every rule may look at. */
export interface Context {
  policy: FleetPolicy;
  view: FleetView;
  /** Already holds what this tick's observations taught. */
  memory: FleetMemory;
  capacity: Capacity;
}

/** A rule's answer: what it changes, why, and what it will want to know next time. */
export interface Step {
  wanted?: Wanted;
  reason?: Reason;
  memory?: Partial<FleetMemory>;
}

export type Rule = (wanted: Wanted, context: Context) => Step;

/** Nothing grows for this fraction of a replica: it is less than the estimates are worth. */
export const TOLERANCE = 0.1;

/** To what is needed at once. */
export const raiseNow = (wanted: Wanted, units: number): Wanted => ({
  ...raiseTo(wanted, units),
  now: Math.max(wanted.now, units),
});

export const raiseTo = (wanted: Wanted, units: number): Wanted => ({
  ...wanted,
  units: Math.max(wanted.units, units),
  keep: Math.max(wanted.keep, units),
});

export const atLeast = (wanted: Wanted, replicas: number): Wanted => ({
  ...wanted,
  least: Math.max(wanted.least, replicas),
  most: Math.max(wanted.most, replicas),
});

export const atMost = (wanted: Wanted, replicas: number): Wanted => ({
  ...wanted,
  least: Math.min(wanted.least, replicas),
  most: Math.min(wanted.most, replicas),
});

/** Replicas wanted if all were of the reference pool. */
export const replicasOf = (wanted: Wanted): number =>
  Math.min(wanted.most, Math.max(wanted.least, Math.ceil(wanted.units - TOLERANCE)));

/** A reason with its numbers rounded to what a person reads. */
export function because(rule: string, text: string, numbers: Record<string, number>): Reason {
  const rounded: Record<string, number> = {};
  for (const [name, value] of Object.entries(numbers)) rounded[name] = round(value);
  return { rule, text, numbers: rounded };
}

export const round = (value: number): number => Math.round(value * 1000) / 1000;

/** `1 replica`, `2 replicas`. */
export const counted = (count: number, noun: string): string =>
  `${round(count)} ${noun}${count === 1 ? '' : 's'}`;
