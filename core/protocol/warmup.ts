import * as z from 'zod';

/**
 * How warm a replica is: what its worker answers to `GET /warm` (now) and `POST /warm?wait=<seconds>` (once something is
 * decided, or the wait is over). 200 when it takes requests, 503 otherwise; the body is the same. The fill reports into it,
 * and the warm-up's function and machine, `explain` and the metrics tell everything from it.
 */

/** Where a model stands. It only ever goes back to `missing` or `failed`, when something went wrong. */
export const MODEL_PHASES = ['missing', 'filling', 'loading', 'answering', 'warm', 'failed'] as const;
export type ModelPhase = (typeof MODEL_PHASES)[number];

/** Why a model could not be made warm, and whether the same pod may succeed when it tries again. */
export const FAILURES = {
  /** The volume can't hold it, even without all that may be evicted. */
  'disk-full': { retryable: false },
  /** The volume can't be read or written: a broken disk, or one that is read-only by now. */
  'disk-failed': { retryable: true },
  /** Neither mirror nor registry has it, or Ollama refuses its name. */
  'no-such-model': { retryable: false },
  /** What arrived is not what its digest promises. */
  'checksum-mismatch': { retryable: true },
  /** Mirror and registry were out of reach, or broke off. */
  'source-unavailable': { retryable: true },
  /** The mirror's bucket or the registry refused this pod. */
  'source-refused': { retryable: true },
  /** Ollama is not there, or went away in the middle. */
  'server-gone': { retryable: true },
  /** Ollama is there, and can't load the model or answer with it: too little memory, a broken file. */
  'load-failed': { retryable: true },
  unknown: { retryable: true },
} as const satisfies Record<string, { retryable: boolean }>;
export type FailureKind = keyof typeof FAILURES;

const failureSchema = z.object({
  kind: z.enum(Object.keys(FAILURES) as [FailureKind, ...FailureKind[]]),
  /** One sentence for an on-call engineer, with names and sizes. */
  reason: z.string().min(1),
  /** False: this pod won't get there by trying again. */
  retryable: z.boolean(),
});
export type WarmFailure = z.infer<typeof failureSchema>;

const seconds = z.number().nonnegative();
const bytes = z.int().nonnegative();

const partsSchema = z.object({
  /** Getting it onto the disk; absent or 0 when it was there. Attempts that failed count, and the pauses after them. */
  fill: seconds.optional(),
  /** From disk to memory. */
  load: seconds.optional(),
  /** One token through it. */
  firstToken: seconds.optional(),
});
export type WarmParts = z.infer<typeof partsSchema>;

const modelSchema = z.object({
  model: z.string().min(1),
  phase: z.enum(MODEL_PHASES),
  /** Of all its layers, shared ones included; absent until the source has said it. */
  totalBytes: bytes.optional(),
  /** Of those, on the disk by now. */
  completedBytes: bytes.optional(),
  /** Where it came from. `disk`: it was there. */
  source: z.enum(['disk', 'mirror', 'registry']).optional(),
  seconds: partsSchema,
  /** The last failure; absent once the model got further than where it failed. */
  failure: failureSchema.optional(),
});
export type ModelWarmth = z.infer<typeof modelSchema>;

export const warmthSchema = z.object({
  v: z.literal(1),
  podUid: z.string().min(1),
  /** The worker process that answers: a new one has begun again. */
  workerId: z.string().min(1),
  /** As in the heartbeat. `loading` covers everything until all models have answered. */
  state: z.enum(['loading', 'warm', 'draining']),
  /** In the order in which they are warmed. */
  models: z.array(modelSchema),
  /** How often it has failed since it was last warm. */
  failures: z.int().nonnegative(),
  /** When this worker began, and when everything was warm for the first time (0 before); epoch seconds. */
  startedAt: seconds,
  warmAt: seconds,
});
export type Warmth = z.infer<typeof warmthSchema>;

/** What the heartbeat says of all that, over all models. */
export const warmupSummarySchema = z.object({
  /** Of the worker's first warm-up: so far, or in the end. */
  parts: partsSchema,
  /** When this worker began, epoch seconds. */
  startedAt: seconds,
  failures: z.int().nonnegative(),
  /** What holds it up. */
  failure: failureSchema.optional(),
  completedBytes: bytes,
  totalBytes: bytes,
});
export type WarmupSummary = z.infer<typeof warmupSummarySchema>;

/** What a fill says while it runs; each call replaces the one before. */
export type FillProgress = Required<Pick<ModelWarmth, 'source'>> &
  Pick<ModelWarmth, 'totalBytes' | 'completedBytes'>;

/** A fill or load that failed for a reason that is known. Anything else that is thrown counts as `unknown`. */
export class WarmupError extends Error {
  override readonly name = 'WarmupError';
  readonly failure: WarmFailure;

  /** @param retryable only where it differs from what `FAILURES` says of the kind */
  constructor(
    kind: FailureKind,
    reason: string,
    { retryable = FAILURES[kind].retryable, cause }: { retryable?: boolean; cause?: unknown } = {},
  ) {
    super(reason, { cause });
    this.failure = { kind, reason, retryable };
  }
}

/**
 * Puts a model onto the disk; where part of it is there already, only the rest. Two calls at once for one model are one
 * fill. Resolves when it is complete and its checksums are right, at once if it was.
 *
 * @throws WarmupError
 */
export type FillModel = (
  model: string,
  report: (progress: FillProgress) => void,
  signal: AbortSignal,
) => Promise<void>;
