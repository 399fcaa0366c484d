import { modelKey } from '../../core/protocol/model-names.ts';
import {
  bytesOf,
  type CachedModelReport,
  type ModelOrders,
  type ModelReport,
  noOrders,
  REPORT_SECONDS,
} from '../../core/protocol/models.ts';
import { type FillProgress, type Warmth, WarmupError } from '../../core/protocol/warmup.ts';
import type { Log } from '../log.ts';
import type { Sleep } from '../time.ts';
import type { ModelCache } from './cache.ts';
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

interface Fill extends Partial<FillProgress> {
  phase: 'waiting' | 'filling' | 'failed';
  failure?: string;
  /** When it may be tried again, epoch milliseconds. */
  retryAt: number;
  failures: number;
}

const RETRY_BASE_MS = 30_000;
const RETRY_CAP_MS = 900_000;

/** Reads what people order for the fleet's pods, carries it out on this one, and reports what is on its disk. */
export class ModelDesk {
  readonly #options: ModelDeskOptions;
  readonly #stop = new AbortController();
  #orders = noOrders();
  /** Ordered models that are not on the disk yet. */
  readonly #fills = new Map<string, Fill>();
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
    const note = (fill: Partial<Fill>): void => {
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
    const state = await this.#state();
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

  async #state(): Promise<Pick<ModelReport, 'limitBytes' | 'usedBytes' | 'models'>> {
    const { cache, uses, warmth } = this.#options;
    const { models, strays, limitBytes, loaded } = await cache.contents();
    const pinned = new Set(this.#orders.pinned.map(modelKey));
    const ordered = new Set(this.#orders.extra.map(modelKey));
    const common = (model: string) => ({
      model,
      loaded: loaded.has(modelKey(model)),
      pinned: pinned.has(modelKey(model)),
      served: cache.isServed(model),
      ordered: ordered.has(modelKey(model)),
    });
    const stored = models
      .filter(({ isComplete }) => isComplete)
      .map(({ name, layers, storedAt }): CachedModelReport => {
        const source = uses.source(name);
        const why = this.#kept.get(modelKey(name));
        return {
          ...common(name),
          ...{ bytes: bytesOf(layers), phase: 'on-disk', lastUsedAt: uses.lastUse(name) ?? storedAt },
          ...(source && { source }),
          ...(why && { failure: `not removed: it is ${why}` }),
        };
      });
    const filling = this.#orders.extra.flatMap((name): CachedModelReport[] => {
      const fill = this.#fills.get(modelKey(name));
      if (!fill || stored.some(({ model }) => modelKey(model) === modelKey(name))) return [];
      const { phase, totalBytes = 0, completedBytes, source, failure } = fill;
      return [
        {
          ...common(name),
          ...{ bytes: totalBytes, phase, lastUsedAt: 0 },
          ...(phase === 'filling' && completedBytes !== undefined && { completedBytes }),
          ...(source && source !== 'disk' && { source }),
          ...(failure && phase === 'failed' && { failure }),
        },
      ];
    });
    const coming = warmth().flatMap(
      ({ model, phase, totalBytes, completedBytes, source, failure }): CachedModelReport[] => {
        if (stored.some((other) => modelKey(other.model) === modelKey(model))) return [];
        const step = phase === 'failed' || phase === 'filling' ? phase : 'waiting';
        return [
          {
            ...common(model),
            ...{ bytes: totalBytes ?? 0, phase: step, lastUsedAt: 0 },
            ...(step === 'filling' && completedBytes !== undefined && { completedBytes }),
            ...(source && source !== 'disk' && { source }),
            ...(failure && { failure: failure.reason }),
          },
        ];
      },
    );
    const layers = [...strays, ...models.flatMap((model) => model.layers)];
    const usedBytes = bytesOf([...new Map(layers.map((layer) => [layer.digest, layer])).values()]);
    return { limitBytes, usedBytes, models: [...stored, ...coming, ...filling] };
  }
}
