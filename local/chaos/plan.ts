import { seededRandom } from '../../simulation/random.ts';

/** Faults that happen at a moment. A worker is killed while it generates, or right after one of its last two steps. */
export const STROKES = [
  'worker-killed',
  'worker-killed-after-result',
  'worker-killed-after-delete',
  'pod-evicted',
  'node-lost',
  'apiserver-restarted',
  'tick-killed',
] as const;

/** Faults that last for a while. */
export const SPELLS = [
  'duplicates',
  'out-of-order',
  'sqs-throttled',
  'sqs-errors',
  'sqs-answers-lost',
  's3-throttled',
  's3-errors',
  's3-answers-lost',
] as const;

export type Stroke = (typeof STROKES)[number];
export type Spell = (typeof SPELLS)[number];
export type FaultKind = Stroke | Spell;

export interface PlannedFault {
  kind: FaultKind;
  /** It begins when so many requests have been submitted. */
  at: number;
  /** Which of the possible victims or moments, 0 to 1 (exclusive). */
  draw: number;
  /** Of a spell: how long it lasts, and the share of calls that it hits, 0 to 1. */
  seconds: number;
  rate: number;
}

/** Output tokens of a request, at the synthetic server's 30 a second: 0.07 to 0.2 s of service. */
export const SHORT_TOKENS = { min: 2, max: 6 };
/** 9 s of service: half as long again as the fleet's visibility. */
export const LONG_TOKENS = 270;
/** Of the load: how many outlive the visibility of their message. */
const LONG = { share: 0.005, min: 5 };
/** Long ones begin within this share of the load: there are others behind them. */
const LONG_UNTIL = 0.8;

/**
 * How much each request generates, tokens. Most are short; some are worked on for longer than their message stays hidden, spread over
 * the load.
 *
 * @param seed any integer; the same seed makes the same requests
 */
export function planRequests({ requests, seed }: { requests: number; seed: number }): number[] {
  const random = seededRandom(seed);
  const { min, max } = SHORT_TOKENS;
  const tokens = Array.from({ length: requests }, () => min + Math.floor(random() * (max - min)));
  const long = Math.min(requests, Math.max(LONG.min, Math.round(requests * LONG.share)));
  for (let index = 0; index < long; index += 1) {
    tokens[Math.floor(((index + random()) / long) * LONG_UNTIL * requests)] = LONG_TOKENS;
  }
  return tokens;
}

/** Of each kind: how many per 1,000 requests, and at most. */
const AMOUNTS: Record<FaultKind, { perThousand: number; max: number }> = {
  'worker-killed': { perThousand: 3, max: 120 },
  'worker-killed-after-result': { perThousand: 1, max: 40 },
  'worker-killed-after-delete': { perThousand: 1, max: 40 },
  'pod-evicted': { perThousand: 2, max: 80 },
  'node-lost': { perThousand: 0.6, max: 25 },
  'apiserver-restarted': { perThousand: 0.4, max: 16 },
  'tick-killed': { perThousand: 2.5, max: 100 },
  duplicates: { perThousand: 0.8, max: 30 },
  'out-of-order': { perThousand: 0.8, max: 30 },
  'sqs-throttled': { perThousand: 0.6, max: 25 },
  'sqs-errors': { perThousand: 0.6, max: 25 },
  'sqs-answers-lost': { perThousand: 0.4, max: 20 },
  's3-throttled': { perThousand: 0.6, max: 25 },
  's3-errors': { perThousand: 0.6, max: 25 },
  's3-answers-lost': { perThousand: 0.4, max: 20 },
};

/** Faults begin within this share of the load: there is traffic before the first, and behind the last. */
const WITHIN = { from: 0.05, to: 0.9 };
export const SPELL_SECONDS = { min: 3, max: 8 };
export const SPELL_RATE = { min: 0.1, max: 0.5 };

export const KINDS: readonly FaultKind[] = [...STROKES, ...SPELLS];

/**
 * Which faults happen when, in the order of their beginning: each kind at least once, and each kind's spread over the load.
 *
 * @param seed any integer; the same seed makes the same plan
 */
export function planFaults({ requests, seed }: { requests: number; seed: number }): PlannedFault[] {
  const random = seededRandom(seed);
  const between = ({ min, max }: { min: number; max: number }): number => min + random() * (max - min);
  return KINDS.flatMap((kind) => {
    const { perThousand, max } = AMOUNTS[kind];
    const count = Math.max(1, Math.min(max, Math.round((requests * perThousand) / 1000)));
    return Array.from({ length: count }, (_, index): PlannedFault => {
      const share = WITHIN.from + ((index + random()) / count) * (WITHIN.to - WITHIN.from);
      return {
        kind,
        at: Math.floor(share * requests),
        draw: random(),
        seconds: between(SPELL_SECONDS),
        rate: between(SPELL_RATE),
      };
    });
  }).sort((a, b) => a.at - b.at);
}
