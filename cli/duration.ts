import { InvalidArgumentError } from 'commander';

const UNIT_SECONDS = { s: 1, m: 60, h: 3600 } as const;

const LONGEST_HOURS = 8760;

/** `90s`, `4m`, `1.5h` or a number of seconds, above 0 and a year at most, as seconds. Throws InvalidArgumentError. */
export function duration(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text.trim()) ?? [];
  const seconds = Number(amount) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS];
  if (!(seconds > 0 && seconds <= LONGEST_HOURS * 3600))
    throw new InvalidArgumentError(`Give a duration such as 90s, 4m or 1h, at most ${LONGEST_HOURS}h.`);
  return seconds;
}
