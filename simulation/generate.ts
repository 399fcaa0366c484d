import { type Arrivals, sorted } from './arrivals.ts';
import { BURST, BURST_SERVICE_SECONDS, evenlySpaced } from './burst.ts';
import { seededRandom } from './random.ts';

export interface GenerateOptions {
  seed: number;
  durationSeconds: number;
  /** Mean requests per second over the whole time. */
  requestsPerSecond: number;
  /** Mean of the exponentially distributed service time, seconds in one slot. */
  serviceSeconds: number;
}

/** Arrivals without memory at a constant rate. */
export function steadyArrivals(options: GenerateOptions): Arrivals {
  return poisson(options, () => 1, 1);
}

const QUIET = 0.2;
const LOUD = 5;
/** Share of the time that is loud, so that the mean is 1: q·(1 − s) + l·s = 1. */
const LOUD_SHARE = (1 - QUIET) / (LOUD - QUIET);
const SPELL_SECONDS = 45;

/** Quiet arrivals with loud spells of about 45 s at 25 times the rate. */
export function burstyArrivals(options: GenerateOptions): Arrivals {
  const random = seededRandom(options.seed + 1);
  const loudUntil: [number, number][] = [];
  let at = 0;
  while (at < options.durationSeconds) {
    at += exponential(random, SPELL_SECONDS / LOUD_SHARE - SPELL_SECONDS);
    const end = at + exponential(random, SPELL_SECONDS);
    loudUntil.push([at, end]);
    at = end;
  }
  const isLoud = (time: number) => loudUntil.some(([from, to]) => time >= from && time < to);
  return poisson(options, (time) => (isLoud(time) ? LOUD : QUIET), LOUD);
}

/** Thinned Poisson process: `intensity` is relative to the mean and never above `peak`. */
function poisson(options: GenerateOptions, intensity: (at: number) => number, peak: number): Arrivals {
  const random = seededRandom(options.seed);
  const at: number[] = [];
  const service: number[] = [];
  const rate = options.requestsPerSecond * peak;
  for (
    let time = exponential(random, 1 / rate);
    time < options.durationSeconds;
    time += exponential(random, 1 / rate)
  ) {
    if (random() * peak >= intensity(time)) continue;
    at.push(time);
    service.push(exponential(random, options.serviceSeconds));
  }
  return sorted(Float64Array.from(at), Float64Array.from(service), options.durationSeconds);
}

const exponential = (random: () => number, mean: number): number => -Math.log(1 - random()) * mean;

/** The scenario `burst`: evenly spaced, 2 s of service each. */
export function burstArrivals(): Arrivals {
  const at = Float64Array.from(evenlySpaced(BURST));
  const durationSeconds = BURST.at(-1)?.untilSeconds ?? 0;
  return { at, service: at.map(() => BURST_SERVICE_SECONDS), durationSeconds };
}
