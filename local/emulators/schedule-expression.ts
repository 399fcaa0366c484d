import { Cron } from 'croner';

/** When a rule or schedule runs next. Times are milliseconds since the epoch. */
export interface Recurrence {
  /** One invocation only. */
  once: boolean;
  /** The first run at or after `from`, or undefined when there is none any more. */
  next(from: number): number | undefined;
}

const UNIT_MS: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/**
 * Parses `rate(5 minutes)`, `cron(0 9 ? * MON-FRI *)` or `at(2026-11-24T10:00:00)`; undefined when it is none of them.
 * @param anchor when a rate counts from.
 * @param timeZone IANA name, for cron and at.
 */
export function parseExpression(text: string, anchor: number, timeZone = 'UTC'): Recurrence | undefined {
  const [, kind, body] = text.trim().match(/^(rate|cron|at)\((.+)\)$/) ?? [];
  if (kind === 'rate') return rate(body ?? '', anchor);
  if (kind === 'cron') return cron(body ?? '', timeZone);
  if (kind === 'at' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(body ?? ''))
    return recurrence(body ?? '', timeZone, true);
  return undefined;
}

function rate(body: string, anchor: number): Recurrence | undefined {
  const [, count, unit, plural] = body.match(/^([1-9]\d*) (minute|hour|day)(s?)$/) ?? [];
  if (!count || !unit || (count === '1') === (plural === 's')) return undefined;
  const period = Number(count) * (UNIT_MS[unit] ?? 0);
  return {
    once: false,
    next: (from) => anchor + Math.max(0, Math.ceil((from - anchor) / period)) * period,
  };
}

/** AWS's six fields are minutes, hours, day of month, month, day of week (1 is Sunday), year; one day field is `?`. */
function cron(body: string, timeZone: string): Recurrence | undefined {
  const fields = body.trim().split(/\s+/);
  const [, , dayOfMonth, , dayOfWeek] = fields;
  if (fields.length !== 6 || (dayOfMonth === '?') === (dayOfWeek === '?')) return undefined;
  return recurrence(`0 ${fields.map((field) => (field === '?' ? '*' : field)).join(' ')}`, timeZone, false);
}

function recurrence(pattern: string, timezone: string, once: boolean): Recurrence | undefined {
  try {
    const job = new Cron(pattern, {
      timezone,
      paused: true,
      alternativeWeekdays: true,
      sloppyRanges: true,
      ...(once ? {} : { mode: '7-part' as const }),
    });
    // croner answers strictly later times.
    return { once, next: (from) => job.nextRun(new Date(from - 1))?.getTime() };
  } catch {
    return undefined;
  }
}
