import { InvalidArgumentError } from 'commander';

const UNIT_SECONDS = { s: 1, m: 60, h: 3600 } as const;

/** `90s`, `4m`, `1.5h` or a number of seconds, above 0, as seconds. Throws InvalidArgumentError. */
export function duration(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(text.trim()) ?? [];
  const seconds = Number(amount) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS];
  if (!(seconds > 0)) throw new InvalidArgumentError('Give a duration such as 90s, 4m or 1h.');
  return seconds;
}
