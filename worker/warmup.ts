import { NotFoundError, UnavailableError } from '../adapters/errors.ts';
import { canonicalModel } from '../adapters/ollama/names.ts';
import type { ModelServer } from '../adapters/ollama/server.ts';
import type { Log } from './log.ts';
import type { WorkerState } from './state.ts';
import { backoff, type Sleep } from './time.ts';

export interface WarmupOptions {
  server: ModelServer;
  models: readonly string[];
  state: WorkerState;
  log: Log;
  sleep: Sleep;
  /** Between two looks at what is loaded; default 2000. */
  watchMs?: number;
}

export type ModelPhase = 'waiting' | 'pulling' | 'loading' | 'warm';

export interface WarmupReport {
  state: string;
  models: Record<string, ModelPhase>;
  /** What went wrong last, while it still does. */
  error?: string;
  /** Epoch seconds when everything was warm for the first time; 0 before. */
  warmAt: number;
}

/** A server under load may answer late once; it counts as gone when it stays silent. */
const SILENT_LOOKS = 2;
const RETRY_BASE_MS = 500;
const RETRY_CAP_MS = 15_000;

/** Makes every model of the fleet answer one token, then watches that they stay loaded; warms again when not. */
export class Warmup {
  readonly #options: WarmupOptions;
  readonly #stop = new AbortController();
  readonly #phases: Record<string, ModelPhase>;
  #error: string | undefined;
  #wake = new AbortController();

  constructor(options: WarmupOptions) {
    this.#options = options;
    this.#phases = Object.fromEntries(options.models.map((model) => [model, 'waiting']));
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { state } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#warmAll(signal);
      if (signal.aborted) return;
      state.setWarm(true);
      await this.#watch(signal);
      if (signal.aborted) return;
      state.setWarm(false);
      for (const model of this.#options.models) this.#phases[model] = 'waiting';
    }
  }

  stop(): void {
    this.#stop.abort();
    this.#wake.abort();
  }

  /** Looks at the server now rather than at the next turn: a request has just failed there. */
  look(): void {
    this.#wake.abort();
  }

  report(): WarmupReport {
    const { state } = this.#options;
    return {
      state: state.current,
      models: { ...this.#phases },
      ...(this.#error !== undefined && { error: this.#error }),
      warmAt: state.warmAt / 1000,
    };
  }

  async #warmAll(signal: AbortSignal): Promise<void> {
    const { models, log, sleep } = this.#options;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        for (const model of models) await this.#warm(model, signal);
        this.#error = undefined;
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#error = (error as Error).message;
        log.warn('warming failed and is tried again', { error, attempt });
        await sleep(backoff(attempt, RETRY_BASE_MS, RETRY_CAP_MS), signal);
      }
    }
  }

  async #warm(model: string, signal: AbortSignal): Promise<void> {
    const { server, log } = this.#options;
    const startedAt = Date.now();
    this.#phases[model] = 'loading';
    try {
      await server.warm(model, signal);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
      this.#phases[model] = 'pulling';
      log.info('a model is not on the disk and is fetched', { model });
      await server.pull(model, (status) => log.debug('fetching', { model, status }), signal);
      this.#phases[model] = 'loading';
      await server.warm(model, signal);
    }
    this.#phases[model] = 'warm';
    log.info('a model is warm', { model, seconds: (Date.now() - startedAt) / 1000 });
  }

  /** Resolves when a model is lost or the server is gone. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { server, models, log, sleep, watchMs = 2000 } = this.#options;
    let silent = 0;
    for (;;) {
      await sleep(watchMs, this.#wake.signal);
      if (signal.aborted) return;
      this.#wake = new AbortController();
      try {
        const loaded = await server.loaded();
        silent = 0;
        const lost = models.filter((model) => !loaded.includes(canonicalModel(model)));
        if (lost.length === 0) continue;
        log.warn('a model is no longer loaded', { lost });
        return;
      } catch (error) {
        silent += error instanceof UnavailableError && error.code === 'ECONNREFUSED' ? SILENT_LOOKS : 1;
        log.warn('the model server does not say what is loaded', { error });
        if (silent >= SILENT_LOOKS) return;
      }
    }
  }
}
