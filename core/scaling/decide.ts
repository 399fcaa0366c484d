import { quarantinesOf } from '../spot/failures.ts';
import { decideWarmUps } from '../warmup/replicas.ts';
import { activation } from './activation.ts';
import { estimateArrivals } from './arrivals.ts';
import { blindHold } from './blind.ts';
import { bounds, stepLimits } from './bounds.ts';
import { measureCapacity } from './capacity.ts';
import { foldCounters } from './counters.ts';
import { hold, recurringFloor } from './history.ts';
import { learn } from './learning.ts';
import type { FleetMemory } from './memory.ts';
import { inFlightFloor, interactiveLoad, needNow } from './need.ts';
import { makePlan } from './plan.ts';
import type { Context, Rule, Wanted } from './rules.ts';
import { scheduleFloors } from './schedule.ts';
import { spread } from './spread.ts';
import type { Decision, FleetPolicy, Reason, Snapshot } from './types.ts';
import { type FleetView, viewFleet } from './view.ts';

export type { FleetMemory } from './memory.ts';
export { initialMemory, parseMemory } from './memory.ts';

/** From demand to replicas, read top to bottom: each rule may raise or lower what the ones before it want. */
const RULES: readonly Rule[] = [
  needNow,
  interactiveLoad,
  inFlightFloor,
  hold,
  recurringFloor,
  activation,
  scheduleFloors,
  bounds,
  stepLimits,
];

/** When the queue or the workers can't be read: keep what there is; only floors may raise it. */
const BLIND_RULES: readonly Rule[] = [scheduleFloors, bounds, blindHold, stepLimits];

/**
 * Decides one tick. Pure: the time is the snapshot's, the same input gives the same output.
 *
 * @param snapshot what was observed; a failed reading is an error, never zero
 * @param policy what the user asked for
 * @param memory what the last tick returned, or `initialMemory()`
 * @returns the commands with their reasons, and what to remember for the next tick
 */
export function decide(snapshot: Snapshot, policy: FleetPolicy, memory: FleetMemory): Decision<FleetMemory> {
  const known = { ...memory, quarantines: quarantinesOf(snapshot, policy, memory) };
  const view = viewFleet(snapshot, policy, known);
  const learned = observe(view, policy, known);
  const blind = view.blind.length > 0;
  const start: Context = { policy, view, memory: learned, capacity: measureCapacity(view, learned) };
  const { wanted, context, reasons } = applyRules(blind ? BLIND_RULES : RULES, start);
  const shares = spread(wanted, context);
  const warmUps = decideWarmUps(view, context.memory, blind);
  const plan = makePlan(context, shares, reasons, warmUps, wanted);
  return { plan, memory: { ...context.memory, ...warmUps.memory } };
}

/** Folds what is seen into what is known, before anything is decided. */
function observe(view: FleetView, policy: FleetPolicy, memory: FleetMemory): FleetMemory {
  const folded = foldCounters(view, memory);
  const arrivals = estimateArrivals(view, memory, folded.completedQueue);
  const pools = learn(view, memory, folded);
  const isBusy =
    waiting(view, policy) + view.queue.inFlight + view.busyQueue + view.busyInteractive > 0 ||
    folded.completedQueue > 0 ||
    // Who can't see must not conclude that there was nothing.
    view.blind.length > 0;
  const lastActive = Math.max(0, ...view.workers.map((worker) => Math.min(worker.lastActiveAt, view.at)));
  const lastWorkAt = isBusy || memory.at === 0 ? view.at : Math.max(memory.lastWorkAt, lastActive);
  return { ...memory, at: view.at, arrivals, counters: folded.counters, pools, lastWorkAt };
}

/** Messages that are work to do: fewer than wake a sleeping fleet are left waiting on purpose. */
function waiting({ queue, current }: FleetView, { minReplicas, activationBacklog }: FleetPolicy): number {
  const asleep = minReplicas === 0 && current === 0 && queue.backlog < activationBacklog;
  return asleep ? 0 : queue.backlog;
}

function applyRules(
  rules: readonly Rule[],
  start: Context,
): { wanted: Wanted; context: Context; reasons: Reason[] } {
  let wanted: Wanted = { units: 0, now: 0, keep: 0, least: 0, most: Number.POSITIVE_INFINITY };
  let context = start;
  const reasons: Reason[] = [];
  for (const rule of rules) {
    const step = rule(wanted, context);
    if (step.wanted) wanted = step.wanted;
    if (step.reason) reasons.push(step.reason);
    if (step.memory) context = { ...context, memory: { ...context.memory, ...step.memory } };
  }
  return { wanted, context, reasons };
}
