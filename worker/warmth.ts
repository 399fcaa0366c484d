import { NotFoundError, UnavailableError } from '../adapters/errors.ts';
import {
  type FillProgress,
  type ModelPhase,
  type ModelWarmth,
  type WarmFailure,
  type WarmParts,
  type Warmth,
  WarmupError,
  type WarmupSummary,
} from '../core/protocol/warmup.ts';

export type Part = keyof WarmParts;

const PARTS: readonly Part[] = ['fill', 'load', 'firstToken'];

/** Keeps the record of how warm the models are, and what each part has taken. */
export class WarmthRecord {
  readonly #models: Map<string, ModelWarmth>;
  readonly #startedAt: number;
  #failures = 0;
  #firstParts: WarmParts | undefined;

  /** @param nowMs when the worker began, epoch milliseconds */
  constructor(models: readonly string[], nowMs: number) {
    this.#startedAt = nowMs / 1000;
    this.#models = new Map(models.map((model) => [model, { model, phase: 'missing', seconds: {} }]));
  }

  get failures(): number {
    return this.#failures;
  }

  /** What the heartbeat says. The parts stand once everything was warm for the first time. */
  summary(): WarmupSummary {
    const models = [...this.#models.values()];
    const failure = models.find((model) => model.failure !== undefined)?.failure;
    const sum = (of: (model: ModelWarmth) => number | undefined) =>
      models.reduce((total, model) => total + (of(model) ?? 0), 0);
    return {
      parts: this.#firstParts ?? this.#sum(),
      startedAt: this.#startedAt,
      failures: this.#failures,
      ...(failure && { failure }),
      completedBytes: sum((model) => model.completedBytes),
      totalBytes: sum((model) => model.totalBytes),
    };
  }

  enter(model: string, phase: ModelPhase): void {
    this.#of(model).phase = phase;
  }

  /** The model got further than where it failed last. */
  clearFailure(model: string): void {
    delete this.#of(model).failure;
  }

  fill(model: string, progress: FillProgress): void {
    const entry = this.#of(model);
    Object.assign(entry, progress);
    if (progress.source !== 'disk') entry.phase = 'filling';
  }

  add(model: string, part: Part, ms: number): void {
    const { seconds } = this.#of(model);
    seconds[part] = round((seconds[part] ?? 0) + ms / 1000);
  }

  fail(model: string, failure: WarmFailure): void {
    this.#failures += 1;
    Object.assign(this.#of(model), { phase: 'failed', failure });
  }

  /** Everything has answered. */
  done(): void {
    this.#failures = 0;
    this.#firstParts ??= this.#sum();
  }

  /** What was warm is so no more: everything begins again. */
  restart(): void {
    for (const entry of this.#models.values()) {
      this.#models.set(entry.model, { model: entry.model, phase: 'missing', seconds: {} });
    }
  }

  /** @param identity who says so, in which state, and since when it was warm */
  report(identity: Pick<Warmth, 'podUid' | 'workerId' | 'state' | 'warmAt'>): Warmth {
    return {
      v: 1,
      ...identity,
      models: structuredClone([...this.#models.values()]),
      failures: this.#failures,
      startedAt: this.#startedAt,
    };
  }

  #sum(): WarmParts {
    const sum: WarmParts = {};
    for (const { seconds } of this.#models.values()) {
      for (const part of PARTS) {
        if (seconds[part] !== undefined) sum[part] = round((sum[part] ?? 0) + seconds[part]);
      }
    }
    return sum;
  }

  #of(model: string): ModelWarmth {
    const entry = this.#models.get(model);
    if (!entry) throw new Error(`${model} is none of this worker's models`);
    return entry;
  }
}

const round = (seconds: number): number => Math.round(seconds * 1000) / 1000;

/** What an error of a fill, a load or a first token means for the pod. */
export function failureOf(error: unknown, model: string, part: Part): WarmFailure {
  if (error instanceof WarmupError) return error.failure;
  const reason = `${WORDS[part]} ${model}: ${error instanceof Error ? error.message : String(error)}`;
  if (error instanceof UnavailableError && /^(E[A-Z]+|UND_ERR_\w+)$/.test(error.code)) {
    return { kind: 'server-gone', reason, retryable: true };
  }
  if (part === 'fill') return { kind: fillKind(error), reason, retryable: true };
  return { kind: error instanceof NotFoundError ? 'unknown' : 'load-failed', reason, retryable: true };
}

const WORDS: Record<Part, string> = { fill: 'fetching', load: 'loading', firstToken: 'a token from' };

/** Of the system's answers to reads and writes of the volume. */
const DISK_CODES = new Set(['EIO', 'EROFS', 'EUCLEAN', 'ENOTDIR', 'EACCES']);

function fillKind(error: unknown): WarmFailure['kind'] {
  if (error instanceof UnavailableError) return 'source-unavailable';
  const { code = '' } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'disk-full';
  return DISK_CODES.has(code) ? 'disk-failed' : 'unknown';
}
