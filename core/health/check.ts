import type { Check } from '../protocol/verdict.ts';
import type { Reading } from '../scaling/types.ts';

/** State machines carry it in their state, which holds 256 KB in all. */
const LONGEST_TEXT = 400;

export const healthy = (name: string, evidence: string): Check => ({
  ...{ name, status: 'healthy', evidence: clip(evidence) },
});
export const degraded = (name: string, evidence: string, next: string): Check => ({
  ...{ name, status: 'degraded', evidence: clip(evidence), next },
});
export const unhealthy = (name: string, evidence: string, next: string): Check => ({
  ...{ name, status: 'unhealthy', evidence: clip(evidence), next },
});
const unknown = (name: string, evidence: string, next: string): Check => ({
  ...{ name, status: 'unknown', evidence: clip(evidence), next },
});

/** @param next where to look when it can't be read */
export function whenRead<T>(
  name: string,
  reading: Reading<T>,
  next: string,
  judge: (value: T) => Check | Check[],
): Check[] {
  if (!reading.ok) return [unknown(name, `not read: ${reading.error}`, next)];
  return [judge(reading.value)].flat();
}

const clip = (text: string): string =>
  text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT - 1)}…` : text;

export const listed = (items: readonly string[], most = 3): string =>
  items.length <= most
    ? items.join(', ')
    : `${items.slice(0, most).join(', ')} and ${items.length - most} more`;
