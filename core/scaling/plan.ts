import type { WarmUps } from '../warmup/replicas.ts';
import { arrivalRate } from './arrivals.ts';
import type { Capacity } from './capacity.ts';
import { holdSeconds } from './history.ts';
import { learnedLead } from './lead.ts';
import { serviceRate } from './learning.ts';
import { nodesAwaited } from './nodes.ts';
import { reconcile } from './reconcile.ts';
import { type Context, round, type Wanted } from './rules.ts';
import type { Spread } from './spread.ts';
import type { Command, Plan, Reason, Seconds } from './types.ts';
import { type FleetView, sum } from './view.ts';
import { forgetWorkers } from './workers.ts';

/**
 * A fleet does not rest before this long after its last work. The alarm on the queue's depth wakes it by a change of state
 * alone: it has to fall back first, which takes a whole minute without a waiting message, and SQS's counters may be a minute
 * late. A loop that rested sooner could leave an alarm that stays on, and the next messages unheard.
 * Source: Amazon SQS, 'Available CloudWatch metrics'; CloudWatch, 'Alarm events and EventBridge'.
 */
const SHORTEST_REST_SECONDS = 180;

/** The plan: what is wanted, the commands that lead there, and the numbers behind it. */
export function makePlan(
  context: Context,
  shares: Spread,
  reasons: Reason[],
  warmUps: WarmUps,
  wanted: Wanted,
): Plan {
  const { policy, view } = context;
  const capacity = reconcile(
    view,
    shares.byPool,
    policy.drainDeadlineSeconds,
    drainSecondsOf(context, wanted),
  );
  const leaving = new Set(capacity.flatMap((command) => (command.kind === 'drain' ? command.podUid : [])));
  const warming = warmUps.commands.filter((command) => !('podUid' in command && leaving.has(command.podUid)));
  const commands = [...capacity, ...warming, ...forgetWorkers(view)].sort(
    (a, b) => ORDER.indexOf(orderOf(a)) - ORDER.indexOf(orderOf(b)),
  );
  return {
    fleet: policy.fleet,
    at: view.at,
    summary: summarize(view, [...capacity, ...warming.filter(isReplacement)]),
    commands,
    reasons: [...reasons, ...shares.reasons, ...warmUps.reasons, ...upgradeReasons(view)],
    wanted: shares.total,
    wantedByPool: shares.byPool,
    numbers: { ...numbersOf(context), shortfall: round(shares.shortfall) },
    pricePerHour: round(shares.pricePerHour),
    ...costNow(view),
    ...(warmUps.cold.length > 0 && { cold: warmUps.cold }),
    leads: leadsOf(context),
    again: commands.length > 0 || !rests(context),
  };
}

/** A request rarely takes longer than so many times the mean. */
const LONG_REQUEST = 3;

/**
 * For how long before it must have handed back a doomed replica drains, by pool: all the time that is left when the others
 * suffice, else for as long as its requests may take.
 */
function drainSecondsOf({ policy, view, memory, capacity }: Context, { now }: Wanted): Map<string, Seconds> {
  if (now <= capacity.warm) return new Map();
  return new Map(
    view.pools.map(({ policy: pool }) => {
      const requestSeconds = pool.slots / serviceRate(pool, memory.pools[pool.name]);
      return [pool.name, policy.tickSeconds + LONG_REQUEST * requestSeconds];
    }),
  );
}

const upgradeReasons = (view: FleetView): Reason[] =>
  view.pools.flatMap(({ policy, observed }) => {
    if (!observed?.upgrade) return [];
    const numbers = { ...observed.upgrade, desired: observed.desiredReplicas };
    return [
      {
        rule: 'upgrade',
        text: `An upgrade works on ${policy.name}: it may grow and does not shrink.`,
        numbers,
      },
    ];
  });

function costNow({ pools }: FleetView): Pick<Plan, 'pricePerHourNow' | 'nodesByPool'> {
  const read = pools.flatMap(({ policy, observed }) => (observed ? [{ policy, observed }] : []));
  return {
    pricePerHourNow: round(
      sum(read, ({ policy, observed }) => observed.instances.length * policy.pricePerHour),
    ),
    nodesByPool: Object.fromEntries(
      read.map(({ policy, observed }) => [policy.name, observed.instances.length]),
    ),
  };
}

const isGrowth = (command: Command): boolean =>
  command.kind === 'cancel-drain' || (command.kind === 'set-replicas' && command.to > command.from);

const isNodeGrowth = (command: Command): boolean => command.kind === 'set-nodes' && command.to > command.from;

const isReplacement = (command: Command): boolean =>
  command.kind === 'replace-pod' || command.kind === 'recycle-node';

const isRepair = (command: Command): boolean =>
  isNodeGrowth(command) ||
  isReplacement(command) ||
  command.kind === 'clear-cost' ||
  command.kind === 'protect-instances' ||
  (command.kind === 'drain' && command.interrupted === true);

/** What adds capacity goes first. */
const ORDER = [
  'grow',
  'clear-cost',
  'drain',
  'set-replicas',
  'protect-instances',
  'set-nodes',
  'terminate-instance',
  'replace-pod',
  'recycle-node',
  'warm-up',
  'forget-worker',
];
const orderOf = (command: Command): string =>
  isGrowth(command) || isNodeGrowth(command) ? 'grow' : command.kind;

function summarize(view: FleetView, capacity: Command[]): Plan['summary'] {
  if (view.blind.length > 0) return 'blind';
  if (capacity.some(isGrowth)) return 'scale-out';
  if (capacity.some((command) => !isRepair(command))) return 'scale-in';
  return capacity.length > 0 ? 'repair' : 'hold';
}

/** Nothing moves and there was no work lately: whatever is held or floored can wait for the next trigger. */
function rests({ policy, view, memory, capacity }: Context): boolean {
  if (view.blind.length > 0) return false;
  const patience = Math.max(SHORTEST_REST_SECONDS, holdSeconds(capacity.leadSeconds, policy.tickSeconds));
  return view.at - memory.lastWorkAt >= patience && view.pools.every((pool) => isStill(pool));
}

function isStill({ observed, live, pending }: FleetView['pools'][number]): boolean {
  // Who upgrades counts on a loop that ticks.
  if (!observed || observed.upgrade) return false;
  return (
    pending.length === 0 &&
    live.every((replica) => replica.phase === 'warm') &&
    observed.replicas.length === observed.desiredReplicas &&
    observed.instances.length === observed.desiredNodes
  );
}

/** How long the last message in the queue will have waited: the lead time first, when nothing is warm. */
function expectedWait(backlog: number, { warm, pending, serviceRate, leadSeconds }: Capacity): Seconds {
  if (backlog === 0) return 0;
  if (warm > 0) return backlog / (warm * serviceRate);
  return leadSeconds + backlog / (Math.max(1, pending) * serviceRate);
}

function leadsOf({ view, memory }: Context): NonNullable<Plan['leads']> {
  return Object.fromEntries(
    view.pools.flatMap(({ policy: { name } }) => {
      const lead = learnedLead(memory.pools[name]);
      return lead ? [[name, lead]] : [];
    }),
  );
}

function numbersOf({ view, memory, capacity, policy }: Context): Record<string, number> {
  const numbers: Record<string, number> = {
    backlog: view.queue.backlog,
    inFlight: view.queue.inFlight,
    arrivalRate: arrivalRate(memory.arrivals),
    arrivalRateFast: memory.arrivals.fast,
    arrivalRateSlow: memory.arrivals.slow,
    serviceRate: capacity.serviceRate,
    leadSeconds: capacity.leadSeconds,
    holdSeconds: holdSeconds(capacity.leadSeconds, policy.tickSeconds),
    expectedWaitSeconds: expectedWait(view.queue.backlog, capacity),
    current: view.current,
    warm: sum(view.pools, (pool) => pool.warm),
    pending: sum(view.pools, (pool) => pool.pending.length),
    draining: sum(view.pools, (pool) => pool.draining.length),
    nodesAwaited: sum(view.pools, ({ observed }) => (observed ? nodesAwaited(observed) : 0)),
    busyQueue: view.busyQueue,
    busyInteractive: view.busyInteractive,
    idleSeconds: view.at - memory.lastWorkAt,
  };
  for (const [name, value] of Object.entries(numbers)) numbers[name] = round(value);
  return numbers;
}
