import * as z from 'zod';
import { MODEL_PHASES, type ModelWarmth, type WarmFailure, type Warmth } from '../protocol/warmup.ts';
import type { Seconds } from '../scaling/types.ts';

/**
 * One attempt to warm a replica, judged look by look. A fill may take as long as it makes progress; what makes none for a
 * while, or says itself that trying again is no use, ends the attempt with a reason.
 */

/** What is carried from look to look. */
export const progressSchema = z.strictObject({
  /** The furthest it got: the sum of the models' phases, and bytes on the disk. */
  rank: z.int(),
  bytes: z.int().nonnegative(),
  /** When it last got further, and when this was last looked at; epoch seconds. */
  since: z.number().nonnegative(),
  at: z.number().nonnegative(),
  /** Bytes per second between the last two looks; 0 when nothing is being filled. */
  bytesPerSecond: z.number().nonnegative(),
  /** A look at which the worker should hold its answer back: it is nearly there. */
  isNear: z.boolean(),
});
export type Progress = z.infer<typeof progressSchema>;

/** What the worker said, or why it said nothing. */
export type Look = { warmth: Warmth } | { silent: string };

export type Verdict =
  | { kind: 'warm' }
  | { kind: 'not-yet'; reason: string; waitSeconds: Seconds; progress: Progress }
  | { kind: 'failed'; failure: WarmFailure };

/** Without any progress for so long, seconds, an attempt has failed. Loading shows none: 100 GB at 125 MB/s take 800 s. */
export const STALLED_SECONDS = 300;
export const STALLED_LOADING_SECONDS = 900;
/** However slowly it goes on, an attempt ends after this long. */
export const LONGEST_ATTEMPT_SECONDS = 3 * 3600;

/** Between two looks, seconds. */
const WAIT = { near: 1, least: 2, most: 20, silent: 3, failing: 5, draining: 30 } as const;
/** A fill that is expected to end within this time is waited for at the worker's side. */
const NEAR_SECONDS = 15;

/**
 * @param before undefined at the attempt's first look: what the worker complains of then may be of an earlier attempt
 */
export function judge(look: Look, before: Progress | undefined, startedAt: Seconds, at: Seconds): Verdict {
  if ('warmth' in look && look.warmth.state === 'warm') return { kind: 'warm' };
  const progress = advance(look, before, at);
  const failure = 'warmth' in look ? failureIn(look.warmth) : undefined;
  // One that is being tried again tells the last failure until it is warm: only while it rests has it failed.
  const final = 'warmth' in look ? restingFailure(look.warmth) : undefined;
  if (final && !final.retryable && before) return { kind: 'failed', failure: final };
  const reason = describe(look, progress);
  const isDraining = 'warmth' in look && look.warmth.state === 'draining';
  const still = at - progress.since;
  const limit = isLoading(look) ? STALLED_LOADING_SECONDS : STALLED_SECONDS;
  if (!isDraining && still >= limit) return { kind: 'failed', failure: stalled(failure, reason, still) };
  if (at - startedAt >= LONGEST_ATTEMPT_SECONDS)
    return { kind: 'failed', failure: stalled(failure, reason, at - startedAt) };
  return { kind: 'not-yet', reason, waitSeconds: pause(look, progress), progress };
}

function stalled(failure: WarmFailure | undefined, reason: string, seconds: Seconds): WarmFailure {
  if (failure) return failure;
  return { kind: 'unknown', reason: `no progress for ${Math.round(seconds)} s: ${reason}`, retryable: true };
}

function advance(look: Look, before: Progress | undefined, at: Seconds): Progress {
  const models = 'warmth' in look ? look.warmth.models : [];
  const rank = models.reduce((sum, model) => sum + rankOf(model), 0);
  const bytes = models.reduce((sum, model) => sum + (model.completedBytes ?? 0), 0);
  const isFurther = !before || rank > before.rank || bytes > before.bytes;
  const elapsed = before ? at - before.at : 0;
  const isFilling = models.some(({ phase }) => phase === 'filling');
  const bytesPerSecond = before && isFilling && elapsed > 0 ? Math.max(0, bytes - before.bytes) / elapsed : 0;
  return {
    rank: Math.max(rank, before?.rank ?? -1),
    bytes: Math.max(bytes, before?.bytes ?? 0),
    since: isFurther ? at : before.since,
    at,
    bytesPerSecond,
    isNear:
      isLoading(look) ||
      (isFilling && (secondsLeft(models, bytesPerSecond) ?? Number.POSITIVE_INFINITY) <= NEAR_SECONDS),
  };
}

/** A model that failed is no further than one that is missing. */
const rankOf = ({ phase }: ModelWarmth): number => (phase === 'failed' ? 0 : MODEL_PHASES.indexOf(phase));

function isLoading(look: Look): boolean {
  if (!('warmth' in look)) return false;
  return look.warmth.models.some(({ phase }) => phase === 'loading' || phase === 'answering');
}

const failureIn = ({ models }: Warmth): WarmFailure | undefined =>
  models.find((model) => model.failure !== undefined)?.failure;

const restingFailure = ({ models }: Warmth): WarmFailure | undefined =>
  models.find(({ phase, failure }) => phase === 'failed' && failure !== undefined)?.failure;

/** Of the fill that is under way; undefined when that can't be told. */
function secondsLeft(models: readonly ModelWarmth[], bytesPerSecond: number): Seconds | undefined {
  const filling = models.find(({ phase }) => phase === 'filling');
  if (filling?.totalBytes === undefined || bytesPerSecond <= 0) return undefined;
  return (filling.totalBytes - (filling.completedBytes ?? 0)) / bytesPerSecond;
}

function pause(look: Look, progress: Progress): Seconds {
  if (!('warmth' in look)) return WAIT.silent;
  const { warmth } = look;
  if (warmth.state === 'draining') return WAIT.draining;
  if (progress.isNear) return WAIT.near;
  if (restingFailure(warmth)) return WAIT.failing;
  const left = secondsLeft(warmth.models, progress.bytesPerSecond);
  if (left === undefined) return WAIT.least;
  return Math.round(Math.min(WAIT.most, Math.max(WAIT.least, left / 3)));
}

/** Where it stands, in words. */
function describe(look: Look, { bytesPerSecond }: Progress): string {
  if (!('warmth' in look)) return look.silent;
  const { warmth } = look;
  if (warmth.state === 'draining') return 'the worker drains';
  const failure = restingFailure(warmth);
  if (failure) return failure.reason;
  const current = warmth.models.find(({ phase }) => phase !== 'warm');
  if (!current) return 'the worker is not ready yet';
  const { model, phase, completedBytes, totalBytes, source } = current;
  if (phase !== 'filling') return `${model} is ${phase}`;
  const of = totalBytes === undefined ? '' : ` of ${gigabytes(totalBytes)}`;
  const left = secondsLeft(warmth.models, bytesPerSecond);
  const eta = left === undefined ? '' : `, about ${Math.ceil(left)} s left`;
  return `${model} is filling from the ${source ?? 'registry'}: ${gigabytes(completedBytes ?? 0)}${of}${eta}`;
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`;
