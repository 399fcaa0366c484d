import { arrivalRate } from './arrivals.ts';
import type { Context } from './rules.ts';
import { because, type Rule, raiseNow, round } from './rules.ts';
import { sum } from './view.ts';

/** Draining a backlog much faster than the lead time buys little: those requests have waited that long already. */
const DRAIN_SHARE_OF_LEAD = 0.25;
/** Interactive requests are refused, not queued, when all slots are taken: keep some free for the next. */
const INTERACTIVE_UTILIZATION = 0.8;
/** A fleet with a warm replica that did nothing for this long has no backlog, whatever the late counter says. */
const STALE_AFTER_SECONDS = 15;
/** A worker that was not heard of for this long is no witness: it may be dead, its pod not yet removed. */
const HEARD_WITHIN_SECONDS = 10;

/**
 * Replicas that serve what arrives, and work off the backlog that will have built up by the time new capacity could be
 * warm, within the target wait.
 */
export const needNow: Rule = (wanted, context) => {
  const { policy, view, memory, capacity } = context;
  const lead = capacity.leadSeconds;
  const rate = arrivalRate(memory.arrivals);
  const demand = rate / capacity.serviceRate;
  const backlog = isStale(context) ? 0 : view.queue.backlog;
  const interactive = interactiveUnits(context);
  const drainSeconds = Math.max(policy.targetWaitSeconds, DRAIN_SHARE_OF_LEAD * lead);
  const expectedWith = (units: number) =>
    Math.max(0, backlog + (rate - Math.max(0, units - interactive) * capacity.serviceRate) * lead);
  const needWith = (units: number) => demand + expectedWith(units) / drainSeconds / capacity.serviceRate;
  const growTo = needWith(capacity.warm + capacity.pendingWithinLead);
  // Scaling in changes what is expected: this many would still work the backlog off in time.
  const shrinkTo = demand + backlog / (drainSeconds + lead) / capacity.serviceRate;
  const units = Math.max(growTo, shrinkTo);
  // Giving up a replica that is nearly warm must not make a fresh one necessary.
  const keep = Math.max(units, needWith(capacity.warm));
  return {
    wanted: { ...wanted, units, now: units, keep },
    reason: because(
      'need',
      `${round(rate)} requests/s arrive and ${backlog} wait; one replica serves ${round(capacity.serviceRate)}/s ` +
        `and takes ${round(lead)} s to get warm: ${round(units)} are needed.`,
      {
        arrivalRate: rate,
        backlog,
        inFlight: view.queue.inFlight,
        expectedBacklog: expectedWith(capacity.warm + capacity.pendingWithinLead),
        drainSeconds,
        leadSeconds: lead,
        serviceRate: capacity.serviceRate,
        warm: capacity.warm,
        pending: capacity.pending,
        demand,
        need: units,
      },
    ),
  };
};

/** SQS counters can be a minute late. A warm replica that has stood idle for a while proves that nothing waited. */
function isStale({ view }: Context): boolean {
  return view.workers.some(
    (worker) =>
      worker.state === 'warm' &&
      worker.busyQueue + worker.busyInteractive === 0 &&
      view.at - worker.renewedAt <= HEARD_WITHIN_SECONDS &&
      worker.lastActiveAt > 0 &&
      view.at - worker.lastActiveAt > STALE_AFTER_SECONDS,
  );
}

/** Slots that proxied requests keep busy, with room for the next ones. */
export const interactiveLoad: Rule = (wanted, context) => {
  const units = interactiveUnits(context);
  if (units === 0) return {};
  return {
    wanted: {
      ...wanted,
      ...{ units: wanted.units + units, now: wanted.now + units, keep: wanted.keep + units },
    },
    reason: because(
      'interactive-load',
      `${context.view.busyInteractive} slots serve interactive requests; with room for the next that is ${round(units)} replicas more.`,
      { busyInteractive: context.view.busyInteractive, units },
    ),
  };
};

const interactiveUnits = (context: Context): number =>
  slotsToUnits(context, (worker) => worker.busyInteractive) / INTERACTIVE_UTILIZATION;

/** Never fewer replicas than the requests being served fill. */
export const inFlightFloor: Rule = (wanted, context) => {
  const units = slotsToUnits(context, (worker) => worker.busyQueue + worker.busyInteractive);
  if (units <= wanted.units) return {};
  return {
    wanted: raiseNow(wanted, units),
    reason: because('in-flight', `What is being served right now fills ${round(units)} replicas.`, {
      busySlots: context.view.busyQueue + context.view.busyInteractive,
      units,
    }),
  };
};

type Worker = Context['view']['workers'][number];

const slotsToUnits = ({ view, capacity }: Context, busy: (worker: Worker) => number): number =>
  sum(view.workers, (worker) => (busy(worker) / worker.slots) * (capacity.weight[worker.pool] ?? 1));
