/** A part of an evenly spaced load: until which second, at which rate per second. */
export interface Phase {
  untilSeconds: number;
  perSecond: number;
}

/** The scenario `burst`: quiet, a burst, its decline, quiet again (480 s, 696 requests). */
export const BURST: readonly Phase[] = [
  { untilSeconds: 60, perSecond: 0.3 },
  { untilSeconds: 120, perSecond: 5 },
  { untilSeconds: 300, perSecond: 2 },
  { untilSeconds: 480, perSecond: 0.1 },
];

/** When the burst begins: the first moment that needs more than one replica. */
export const BURST_BEGINS_SECONDS = 60;

/** Service time of each of its requests. */
export const BURST_SERVICE_SECONDS = 2;

/** When the requests arrive, seconds after the start: each in the middle of its share of the phase. */
export function evenlySpaced(phases: readonly Phase[]): number[] {
  return phases.flatMap(({ untilSeconds, perSecond }, index) => {
    const from = phases[index - 1]?.untilSeconds ?? 0;
    const count = Math.round((untilSeconds - from) * perSecond);
    return Array.from({ length: count }, (_, request) => from + (request + 0.5) / perSecond);
  });
}
