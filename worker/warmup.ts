import { UnavailableError } from '../adapters/errors.ts';
import type { HeldConnection } from '../adapters/ollama/connection.ts';
import type { ModelServer } from '../adapters/ollama/server.ts';
import { canonicalModel } from '../core/protocol/model-names.ts';
import type { FillModel, WarmFailure, Warmth, WarmupSummary } from '../core/protocol/warmup.ts';
import type { Log } from './log.ts';
import type { WorkerState } from './state.ts';
import { backoff, type Sleep } from './time.ts';
import { failureOf, type Part, WarmthRecord } from './warmth.ts';

export interface WarmupOptions {
  podUid: string;
  workerId: string;
  server: ModelServer;
  fill: FillModel;
  models: readonly string[];
  state: WorkerState;
  log: Log;
  sleep: Sleep;
  now: () => number;
  /** Between two looks at what is loaded; default 2000. */
  watchMs?: number;
}

/** What went wrong, and in which part. */
interface PartFailed {
  part: Part;
  failure: WarmFailure;
}

/** A server under load may answer late once; it counts as gone when it stays silent. */
const SILENT_LOOKS = 2;
/** First and longest pause after a failure, milliseconds, where trying again makes sense and where it does not. */
const PAUSE = { retryable: [500, 15_000], hopeless: [30_000, 600_000] } as const;

/** Fills the disk, loads every model and has it answer one token, then watches that they stay loaded; again when not. */
export class Warmup {
  readonly #options: WarmupOptions;
  readonly #record: WarmthRecord;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #retry = new AbortController();
  #lastAttempt = '';

  constructor(options: WarmupOptions) {
    this.#options = options;
    this.#record = new WarmthRecord(options.models, options.now());
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { state, log } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const connection = await this.#warmAll(signal);
      if (!connection) return;
      connection.onOver(() => {
        log.warn('the model server has ended, or dropped its connection');
        state.setWarm(false);
        this.look();
      });
      state.setWarm(true);
      await this.#watch(connection, signal);
      connection.close();
      if (signal.aborted) return;
      state.setWarm(false);
      this.#record.restart();
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

  /** Someone asks for it: the first time that an attempt is named, a pause after a failure ends at once. */
  ask(attempt: string): void {
    if (attempt === this.#lastAttempt) return;
    this.#lastAttempt = attempt;
    this.#retry.abort();
  }

  get failures(): number {
    return this.#record.failures;
  }

  report(): Warmth {
    const { podUid, workerId, state } = this.#options;
    return this.#record.report({ podUid, workerId, state: state.current, warmAt: state.warmAt / 1000 });
  }

  summary(): WarmupSummary {
    return this.#record.summary();
  }

  /**
   * What is loaded is lost with the server, and one that is back before the next look would take requests cold. So a
   * connection is held open from before the first load, and all has to answer again where it did not last.
   * @returns undefined when it was stopped
   */
  async #warmAll(signal: AbortSignal): Promise<HeldConnection | undefined> {
    const { models, server, log } = this.#options;
    const [first = ''] = models;
    while (!signal.aborted) {
      let connection: HeldConnection | undefined;
      await this.#persist(first, signal, async () => {
        connection = await this.#part(first, 'fill', () => server.hold());
      });
      for (const model of models) await this.#persist(model, signal, () => this.#warm(model, signal));
      if (signal.aborted || !connection) {
        connection?.close();
        return undefined;
      }
      if (!connection.isOver) {
        this.#record.done();
        return connection;
      }
      log.warn('the model server has ended while it was warmed');
    }
    return undefined;
  }

  /** Tries until the work is done. A pause belongs to the part that failed. */
  async #persist(model: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const { log, sleep, now, state } = this.#options;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        return await work();
      } catch (error) {
        if (signal.aborted) return;
        const { part, failure } = error as PartFailed;
        const begun = now();
        this.#record.fail(model, failure);
        log.warn('warming failed and is tried again', { model, ...failure, attempt });
        state.notify();
        const [base, cap] = failure.retryable ? PAUSE.retryable : PAUSE.hopeless;
        this.#retry = new AbortController();
        await sleep(backoff(attempt, base, cap), AbortSignal.any([signal, this.#retry.signal]));
        this.#record.add(model, part, now() - begun);
      }
    }
  }

  async #warm(model: string, signal: AbortSignal): Promise<void> {
    const { server, fill, log, now } = this.#options;
    const record = this.#record;
    const startedAt = now();
    record.enter(model, 'missing');
    await this.#part(model, 'fill', () => fill(model, (progress) => record.fill(model, progress), signal));
    record.enter(model, 'loading');
    await this.#part(model, 'load', () => server.load(model, signal));
    record.enter(model, 'answering');
    await this.#part(model, 'firstToken', () => server.answer(model, signal));
    record.clearFailure(model);
    record.enter(model, 'warm');
    log.info('a model is warm', { model, seconds: (now() - startedAt) / 1000 });
  }

  /** @throws PartFailed */
  async #part<T>(model: string, part: Part, work: () => Promise<T>): Promise<T> {
    const { now } = this.#options;
    const begun = now();
    try {
      return await work();
    } catch (error) {
      throw { part, failure: failureOf(error, model, part) } satisfies PartFailed;
    } finally {
      this.#record.add(model, part, now() - begun);
    }
  }

  /** Resolves when a model is lost or the server is gone. */
  async #watch(connection: HeldConnection, signal: AbortSignal): Promise<void> {
    const { server, models, log, sleep, watchMs = 2000 } = this.#options;
    let silent = 0;
    for (;;) {
      await sleep(watchMs, this.#wake.signal);
      if (signal.aborted) return;
      this.#wake = new AbortController();
      // What a server says that has just begun to end, or to start, is worth nothing: each model has to answer again.
      if (connection.isOver) return;
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
