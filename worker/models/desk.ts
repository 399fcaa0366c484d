import { modelKey } from '../../core/protocol/model-names.ts';
import { type ModelOrders, type ModelReport, noOrders, REPORT_SECONDS } from '../../core/protocol/models.ts';
import { type Warmth, WarmupError } from '../../core/protocol/warmup.ts';
import type { Log } from '../log.ts';
import type { Sleep } from '../time.ts';
import type { ModelCache } from './cache.ts';
import { contentsReport, type OrderedFill } from './report.ts';
import type { UseNote } from './use-note.ts';

/** Where orders come from and reports go. */
export interface Desk {
  orders(): Promise<ModelOrders>;
  report(report: ModelReport): Promise<void>;
}

export interface ModelDeskOptions {
  desk: Desk;
  cache: ModelCache;
  uses: UseNote;
  pod: Pick<ModelReport, 'pod' | 'podUid' | 'pool'>;
  /** How far the fleet's own models are. */
  warmth: () => Warmth['models'];
  /** Orders are carried out only then: they never hold up a replica that gets warm. */
  isWarm: () => boolean;
  log: Log;
  sleep: Sleep;
  /** Epoch milliseconds. */
  now: () => number;
  /** Between two looks at the orders; default 10. */
  everySeconds?: number;
}

const RETRY_BASE_MS = 30_000;
const RETRY_CAP_MS = 900_000;

/** Reads what people order for the fleet's pods, carries it out on this one, and reports what is on its disk. */
export class ModelDesk {
  readonly #options: ModelDeskOptions;
  readonly #stop = new AbortController();
  #orders = noOrders();
  /** Ordered models that are not on the disk yet. */
  readonly #fills = new Map<string, OrderedFill>();
  /** Models that are to go, and why they may not. */
  readonly #kept = new Map<string, string>();
  /** The fill under way. */
  #ongoing: { key: string; cancel: AbortController } | undefined;
  #reported = '';
  #reportedAt = 0;

  constructor(options: ModelDeskOptions) {
    this.#options = options;
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { sleep, everySeconds = 10 } = this.#options;
    while (!this.#stop.signal.aborted) {
      await this.turn();
      await sleep((this.#ongoing ? Math.min(3, everySeconds) : everySeconds) * 1000, this.#stop.signal);
    }
  }

  /** One look. Never throws. */
  async turn(): Promise<void> {
    const { log, isWarm, uses } = this.#options;
    try {
      await this.#readOrders();
      if (isWarm()) await this.#carryOut();
    } catch (error) {
      log.warn('the orders about models can not be carried out', { error });
    }
    try {
      await this.#report(false);
    } catch (error) {
      log.warn('the models can not be reported', { error });
    }
    await uses.save();
  }

  /** Its last word. */
  async end(): Promise<void> {
    this.#stop.abort();
    this.#ongoing?.cancel.abort();
    await Promise.allSettled([this.#options.uses.save(), this.#report(true)]);
  }

  async #readOrders(): Promise<void> {
    const { desk, cache } = this.#options;
    const orders = await desk.orders();
    // Whoever orders again has mended something: nobody waits for the next attempt.
    if (orders.at !== this.#orders.at)
      for (const [key, fill] of this.#fills)
        if (fill.phase === 'failed') this.#fills.set(key, { phase: 'waiting', retryAt: 0, failures: 0 });
    this.#orders = orders;
    cache.orders = orders;
  }

  async #carryOut(): Promise<void> {
    const { cache, log, now } = this.#options;
    const { models } = await cache.contents();
    const complete = new Set(models.filter((m) => m.isComplete).map(({ name }) => modelKey(name)));
    const extra = this.#orders.extra.filter((name) => !cache.isServed(name));
    const wanted = new Map(extra.map((name) => [modelKey(name), name]));
    this.#kept.clear();
    for (const model of this.#orders.removed) {
      const key = modelKey(model);
      if (this.#ongoing?.key === key) this.#ongoing.cancel.abort();
      if (wanted.has(key) || !models.some(({ name }) => modelKey(name) === key)) continue;
      const why = await cache.remove(model);
      if (!why) continue;
      log.warn('a model is not removed', { model, why });
      this.#kept.set(key, why);
    }
    for (const key of [...this.#fills.keys()])
      if (!wanted.has(key) || complete.has(key)) this.#fills.delete(key);
    for (const key of wanted.keys())
      if (!complete.has(key) && !this.#fills.has(key))
        this.#fills.set(key, { phase: 'waiting', retryAt: 0, failures: 0 });
    const next = [...this.#fills].find(([, fill]) => fill.retryAt <= now());
    if (next && !this.#ongoing) this.#begin(wanted.get(next[0]) as string, next[0]);
  }

  #begin(model: string, key: string): void {
    const { cache, log, now } = this.#options;
    const failures = this.#fills.get(key)?.failures ?? 0;
    const note = (fill: Partial<OrderedFill>): void => {
      const before = this.#fills.get(key);
      if (before) this.#fills.set(key, { ...before, ...fill });
    };
    const cancel = new AbortController();
    this.#ongoing = { key, cancel };
    note({ phase: 'filling' });
    void cache
      .fillOrdered(model, (progress) => note(progress), cancel.signal)
      .then(
        () => void this.#fills.delete(key),
        (error: Error) => {
          const isKnown = error instanceof WarmupError;
          // Cut off for one that the fleet serves, or no longer wanted: no failure.
          if (!isKnown && error.name === 'AbortError') return note({ phase: 'waiting' });
          log.warn('an ordered model is not filled', { model, error });
          const pause = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** failures);
          note({ phase: 'failed', failure: error.message, failures: failures + 1, retryAt: now() + pause });
        },
      )
      .finally(() => {
        this.#ongoing = undefined;
      });
  }

  async #report(ended: boolean): Promise<void> {
    const { desk, pod, now } = this.#options;
    const { cache, uses, warmth } = this.#options;
    const state = contentsReport({
      ...{ contents: await cache.contents(), orders: this.#orders, fills: this.#fills, kept: this.#kept },
      ...{ warmth: warmth(), uses, isServed: (model) => cache.isServed(model) },
    });
    // The last use changes with every request, and what is free by itself: that can wait for its turn.
    const steady = state.models.map(({ lastUsedAt: _, ...model }) => model);
    const text = JSON.stringify([this.#orders.at, steady]);
    const isDue = now() - this.#reportedAt >= REPORT_SECONDS * 1000;
    if (!ended && !isDue && text === this.#reported) return;
    const ordersAt = this.#orders.at;
    await desk.report({ v: 1, ...pod, at: now() / 1000, ordersAt, ...(ended && { ended }), ...state });
    this.#reported = text;
    this.#reportedAt = now();
  }
}
