import * as z from 'zod';
import type { Seconds } from '../scaling/types.ts';

/**
 * A pool that failed to give capacity is not asked again until a time that backs off. Everything here follows from the
 * times at which it failed, whatever the order in which they become known: events come late, twice and out of order.
 */

/** How long a pool is left alone. */
export interface Backoff {
  /** After the first failure, seconds. */
  quarantineSeconds: Seconds;
  /** Each failure soon after the last lengthens it by a quarter, up to this, seconds. */
  quarantineMaxSeconds: Seconds;
}

/** A failure that becomes known later than this no longer changes anything. */
export const LATEST_NOTICE_SECONDS = 900;

const amount = z.number().nonnegative();
const episodeSchema = z.strictObject({
  /** When the failure happened that began it. */
  since: amount,
  until: amount,
  /** Failures in a row: each soon after the last quarantine. */
  failures: z.int().positive(),
});

/** Failures within one quarantine are one episode. */
type Episode = z.infer<typeof episodeSchema>;

export const quarantineSchema = z.strictObject({
  /** Not asked for capacity until then. */
  until: amount,
  failures: z.int().positive(),
  /** When the failure happened that began it; the need stays with the pool for `fallbackDelaySeconds` from here. */
  since: amount,
  /** Why: the code of the last failure, such as `InsufficientInstanceCapacity`. */
  code: z.string(),
  /** When it gave an instance after a quarantine. 0 if it has not. */
  provenAt: amount,
  /** Failures of the last quarter of an hour, oldest first: an earlier one may still become known. */
  recent: z.array(amount),
  /** The episode that came of all failures up to `foldedTo`. */
  settled: episodeSchema.optional(),
  foldedTo: amount,
});

/** What is remembered of a pool that failed; it is forgotten once the pool has given capacity for long enough. */
export type Quarantine = z.infer<typeof quarantineSchema>;

/** A pool's failure to give capacity. */
export interface Failure {
  at: Seconds;
  code: string;
}

/**
 * How a pool stands: `trusted`, `quarantined` (not asked), or `half-open` (its quarantine is over: one node is asked for,
 * and the rest once an instance is given).
 */
export type Standing = 'trusted' | 'quarantined' | 'half-open';

/** @param at epoch seconds; a pool of which no failure is remembered is trusted */
export function standingOf(quarantine: Quarantine | undefined, at: Seconds): Standing {
  if (!quarantine) return 'trusted';
  if (at < quarantine.until) return 'quarantined';
  return quarantine.provenAt >= quarantine.until ? 'trusted' : 'half-open';
}

/**
 * A refused launch costs nothing but the tick until others are asked, capacity that is back and not asked for half of a node's
 * price: so the next try comes soon.
 */
const GROWTH = 1.25;

/** Seconds of quarantine after so many failures in a row; `failures` is at least 1. */
export const quarantineSeconds = (failures: number, backoff: Backoff): Seconds =>
  Math.min(backoff.quarantineMaxSeconds, backoff.quarantineSeconds * GROWTH ** (failures - 1));

/**
 * Folds failures into what is remembered.
 *
 * @param failures any that are known, in any order; those already folded change nothing
 * @returns undefined for a pool that never failed, or has gone without a failure for as long as its last quarantine took
 */
export function foldFailures(
  before: Quarantine | undefined,
  failures: readonly Failure[],
  at: Seconds,
  backoff: Backoff,
): Quarantine | undefined {
  const foldedTo = before?.foldedTo ?? 0;
  const fresh = failures.filter((failure) => failure.at > foldedTo);
  const times = [...new Set([...(before?.recent ?? []), ...fresh.map((failure) => failure.at)])].sort(
    (a, b) => a - b,
  );
  const cutoff = Math.max(foldedTo, at - LATEST_NOTICE_SECONDS);
  const settled = fold(
    before?.settled,
    times.filter((time) => time <= cutoff),
    backoff,
  );
  const recent = times.filter((time) => time > cutoff);
  const episode = fold(settled, recent, backoff);
  if (!episode || isForgiven(episode, at, backoff)) return undefined;
  return {
    ...episode,
    code: codeOf(failures, episode) ?? before?.code ?? '',
    provenAt: before?.provenAt ?? 0,
    recent,
    ...(settled && { settled }),
    foldedTo: cutoff,
  };
}

const fold = (start: Episode | undefined, times: readonly Seconds[], backoff: Backoff): Episode | undefined =>
  times.reduce((episode, time) => next(episode, time, backoff), start);

function next(before: Episode | undefined, at: Seconds, backoff: Backoff): Episode {
  if (before && at < before.until) return before;
  const failures = before && !isForgiven(before, at, backoff) ? before.failures + 1 : 1;
  return { since: at, until: at + quarantineSeconds(failures, backoff), failures };
}

/** A pool that fails again soon after its quarantine flaps: it has to last as long as it was left alone. */
const isForgiven = ({ until, failures }: Episode, at: Seconds, backoff: Backoff): boolean =>
  at >= until + quarantineSeconds(failures, backoff);

/** Of the failure that began the episode; of several at that time always the same. */
const codeOf = (failures: readonly Failure[], { since }: Episode): string | undefined =>
  failures
    .filter(({ at }) => at === since)
    .map(({ code }) => code)
    .sort()[0];
