import { InvalidArgumentError } from 'commander';

const UNIT_SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** `90s`, `4m`, `1.5h`, `2d` or a number of seconds, above 0 and so many days at most, as seconds; throws InvalidArgumentError. */
export const durationUpTo =
  (longestDays: number) =>
  (text: string): number => {
    const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(s|m|h|d)?$/.exec(text.trim()) ?? [];
    const seconds = Number(amount) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS];
    if (!(seconds > 0 && seconds <= longestDays * UNIT_SECONDS.d))
      throw new InvalidArgumentError(`Give a duration such as 90s, 4m, 1h or 2d, at most ${longestDays}d.`);
    return seconds;
  };

export const duration = durationUpTo(365);
