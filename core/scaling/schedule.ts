import { leadDeviation, leadSeconds } from './lead.ts';
import { atLeast, because, type Context, counted, type Rule, replicasOf } from './rules.ts';
import type { ScheduleFloor, Seconds } from './types.ts';

/** Of ten replicas all are warm within the mean lead time and three mean deviations, if those spread as usual. */
const DEVIATIONS = 3;
/** A fleet at rest is ticked once a minute. */
const LONGEST_TICK_SECONDS = 60;
/** Nothing starts earlier than this, whatever was learned. */
const LONGEST_AHEAD_SECONDS = 2 * 3600;

/**
 * Floors for known hours; they hold whatever the load is, and may wake a sleeping fleet. Replicas that are stated for 08:00
 * are warm at 08:00: a floor counts from so long before its window as they take to get warm.
 */
export const scheduleFloors: Rule = (wanted, context) => {
  const { policy, view } = context;
  const ahead = secondsAhead(context);
  const { replicas, at } = floorWithin(policy.schedule, view.at, ahead);
  if (replicas === 0) return {};
  const raised = replicas > replicasOf(wanted);
  const startsIn = at - view.at;
  const text =
    startsIn === 0
      ? `The schedule keeps ${counted(replicas, 'replica')} at this hour.`
      : `The schedule keeps ${counted(replicas, 'replica')} from ${timeOf(at)} on; they may take ${Math.ceil(ahead)} s to get warm.`;
  return {
    wanted: atLeast(wanted, replicas),
    ...(raised && {
      reason: because('schedule', text, { floor: replicas, startsInSeconds: startsIn, aheadSeconds: ahead }),
    }),
  };
};

/** How long before its window a floor has to count, so that its replicas are warm when it begins. */
function secondsAhead({ policy, view, memory }: Context): Seconds {
  const leadOf = (pool: Context['view']['pools'][number]): Seconds => {
    const learned = memory.pools[pool.policy.name];
    return leadSeconds(pool.policy, learned) + DEVIATIONS * leadDeviation(pool.policy, learned);
  };
  const open = view.pools.filter(
    ({ policy: { max }, supply }) => max > 0 && supply.standing !== 'quarantined',
  );
  const slowest = Math.max(0, ...(open.length > 0 ? open : view.pools).map(leadOf));
  const highest = Math.max(0, ...policy.schedule.map(({ replicas }) => replicas));
  const ticks = policy.maxStepOut > 0 ? Math.ceil(highest / policy.maxStepOut) : 1;
  return Math.min(LONGEST_AHEAD_SECONDS, slowest + LONGEST_TICK_SECONDS + ticks * policy.tickSeconds);
}

/**
 * The highest floor from `at` until `ahead` seconds later, and when it first holds; `at` itself for a floor that holds already.
 * Windows begin and end on whole minutes, in every zone's time as in UTC, so looking at each minute misses none, and needs to
 * know nothing of clocks that are put forward or back.
 */
export function floorWithin(
  schedule: readonly ScheduleFloor[],
  at: Seconds,
  ahead: Seconds,
): { replicas: number; at: Seconds } {
  let highest = { replicas: scheduledFloor(schedule, at), at };
  if (schedule.length === 0) return highest;
  for (let minute = (Math.floor(at / 60) + 1) * 60; minute <= at + ahead; minute += 60) {
    const replicas = scheduledFloor(schedule, minute);
    if (replicas > highest.replicas) highest = { replicas, at: minute };
  }
  return highest;
}

const timeOf = (at: Seconds): string => `${new Date(at * 1000).toISOString().slice(11, 16)} UTC`;

/** The highest floor whose window holds `at`; 0 outside of all. */
function scheduledFloor(schedule: readonly ScheduleFloor[], at: Seconds): number {
  let floor = 0;
  for (const window of schedule) {
    if (window.replicas > floor && isWithin(window, at)) floor = window.replicas;
  }
  return floor;
}

/** Whether local time lies in the window. One that ends before it begins runs into the next day. */
function isWithin(window: ScheduleFloor, at: Seconds): boolean {
  const { day, minutes } = localTime(window.timeZone, at);
  const from = toMinutes(window.from);
  const to = toMinutes(window.to);
  if (from < to) return window.days.includes(day) && minutes >= from && minutes < to;
  const dayBefore = day === 1 ? 7 : day - 1;
  return (window.days.includes(day) && minutes >= from) || (window.days.includes(dayBefore) && minutes < to);
}

const ISO_DAY: Record<string, number> = { Mon: 1, Tue: 2, Wed: 3, Thu: 4, Fri: 5, Sat: 6, Sun: 7 };

function localTime(timeZone: string, at: Seconds): { day: number; minutes: number } {
  const parts = new Map(
    formatter(timeZone)
      .formatToParts(at * 1000)
      .map((part) => [part.type, part.value]),
  );
  return {
    day: ISO_DAY[parts.get('weekday') ?? ''] ?? 0,
    minutes: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  };
}

/** Making a formatter takes longer than the rest of a decision. */
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(timeZone: string): Intl.DateTimeFormat {
  let found = formatters.get(timeZone);
  if (!found) {
    found = new Intl.DateTimeFormat('en-US', {
      timeZone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    formatters.set(timeZone, found);
  }
  return found;
}

function toMinutes(clock: string): number {
  const [hours = '0', minutes = '0'] = clock.split(':');
  return Number(hours) * 60 + Number(minutes);
}
