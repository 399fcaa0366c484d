import { atLeast, because, counted, type Rule, replicasOf } from './rules.ts';
import type { ScheduleFloor, Seconds } from './types.ts';

/** Floors for known hours; they hold whatever the load is, and may wake a sleeping fleet. */
export const scheduleFloors: Rule = (wanted, { policy, view }) => {
  const replicas = scheduledFloor(policy.schedule, view.at);
  if (replicas === 0) return {};
  const raised = replicas > replicasOf(wanted);
  return {
    wanted: atLeast(wanted, replicas),
    ...(raised && {
      reason: because('schedule', `The schedule keeps ${counted(replicas, 'replica')} at this hour.`, {
        floor: replicas,
      }),
    }),
  };
};

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
