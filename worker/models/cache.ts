import type { ModelLibrary } from '../../adapters/ollama/library.ts';
import type { ModelStore, StoreContents } from '../../adapters/ollama/store.ts';
import { displayName, type ModelName, modelKey, parseModelName } from '../../core/protocol/model-names.ts';
import { bytesOf, type Layer, type ModelOrders, noOrders } from '../../core/protocol/models.ts';
import { type FillModel, type FillProgress, WarmupError } from '../../core/protocol/warmup.ts';
import { type CachedModel, makeRoom, refusalText } from '../../core/warmup/room.ts';
import type { Log } from '../log.ts';
import { mismatchedDigest, pullFailure } from './failures.ts';
import type { RegistryFront } from './registry-front.ts';
import type { ModelSources } from './sources.ts';
import { Shared, Turns } from './turns.ts';
import type { UseNote } from './use-note.ts';

export interface CacheOptions {
  library: ModelLibrary;
  store: ModelStore;
  sources: ModelSources;
  front: RegistryFront;
  uses: UseNote;
  /** That the fleet serves. */
  served: readonly string[];
  /** What models may take at most, bytes; what the disk has free bounds it as well. */
  limitBytes: number;
  log: Log;
}

type Report = Parameters<FillModel>[1];

/** Of what is free on the disk, models leave this share to manifests, parts' states and rounding. */
const DISK_SHARE = 0.99;

/** What lies on a pod's disk. */
export interface CacheContents extends StoreContents {
  /** What models may take of the disk, bytes. */
  limitBytes: number;
  /** By `modelKey`: what is in the model server's memory; empty when it does not say. */
  loaded: Set<string>;
}

/** The models on a pod's volume: fills it, makes room, deletes. */
export class ModelCache {
  readonly #options: CacheOptions;
  readonly #served: Set<string>;
  readonly #fills = new Shared<FillProgress>();
  readonly #turns = new Turns();
  /** Ends the fill of a model that is only ordered: one that the fleet serves does not wait for it. */
  #yield = new AbortController();
  orders: ModelOrders = noOrders();

  constructor(options: CacheOptions) {
    this.#options = options;
    this.#served = new Set(options.served.map(modelKey));
  }

  /** Of a model that the fleet serves. */
  readonly fill: FillModel = (model, report, signal) =>
    this.#unlessThere(model, report, signal, async (name, tell, stop) => {
      this.#yield.abort();
      await this.#turns.take(() => this.#fill(name, tell, stop, (key) => this.#heldFromServing(key)));
    });

  /** Of a model that someone ordered: it evicts only what nobody ordered. */
  readonly fillOrdered: FillModel = (model, report, signal) =>
    this.#unlessThere(model, report, signal, (name, tell, stop) =>
      this.#turns.take(async () => {
        this.#yield = new AbortController();
        const either = AbortSignal.any([stop, this.#yield.signal]);
        await this.#fill(name, tell, either, (key) => this.#heldFromServing(key) ?? this.#ordered(key));
      }),
    );

  isServed(model: string): boolean {
    return this.#served.has(modelKey(model));
  }

  /** Deletes a model if it may go. @returns why it may not */
  async remove(model: string): Promise<string | undefined> {
    const key = modelKey(model);
    return await this.#turns.take(async () => {
      const loaded = await this.#loaded();
      const why = this.#heldFromServing(key) ?? (loaded.has(key) ? 'loaded' : undefined);
      if (why) return why;
      await this.#delete(model);
      this.#options.log.info('a model is removed as ordered', { model });
      return undefined;
    });
  }

  /** What lies on the disk, without the names that a fill gives meanwhile. */
  async contents(): Promise<CacheContents> {
    const { store, front } = this.#options;
    const [{ models, strays }, limitBytes, loaded] = await Promise.all([
      store.read(),
      this.#limit(),
      this.#loaded().catch(() => new Set<string>()),
    ]);
    return { models: models.filter(({ name }) => !front.isAlias(name)), strays, limitBytes, loaded };
  }

  async #unlessThere(
    model: string,
    report: Report,
    signal: AbortSignal,
    fill: (name: ModelName, tell: Report, stop: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const name = nameOf(model);
    const work = async (tell: Report, stop: AbortSignal): Promise<void> => {
      if (!(await this.#isThere(name, tell))) await fill(name, tell, stop);
    };
    await this.#fills.run(modelKey(model), work, report, signal);
  }

  async #isThere(name: ModelName, report: Report): Promise<boolean> {
    const { models } = await this.#options.store.read();
    const stored = models.find((model) => modelKey(model.name) === modelKey(displayName(name)));
    if (!stored?.isComplete) return false;
    const bytes = bytesOf(stored.layers);
    report({ source: 'disk', totalBytes: bytes, completedBytes: bytes });
    return true;
  }

  async #fill(
    name: ModelName,
    report: Report,
    signal: AbortSignal,
    heldBy: (key: string) => CachedModel['held'],
  ): Promise<void> {
    const { library, store, sources, front, uses, log } = this.#options;
    signal.throwIfAborted();
    const model = displayName(name);
    const found = await sources.find(name, signal);
    const { source, layers } = found;
    const totalBytes = bytesOf(layers);
    report({ source, totalBytes, completedBytes: 0 });
    await this.#makeRoom(model, layers, heldBy);
    await store.repair(layers, signal);
    const offer = front.offer(found);
    const startedAt = Date.now();
    log.info('a model is filled', { model, source, bytes: totalBytes });
    try {
      const tell = ({ completedBytes }: { completedBytes: number }) =>
        report({ source, totalBytes, completedBytes: Math.min(completedBytes, totalBytes) });
      await library.pullPlain(offer.alias, tell, signal);
      await library.copy(offer.alias, model);
      await library.delete(offer.alias);
    } catch (error) {
      if (signal.aborted) throw error;
      const wrong = mismatchedDigest(error);
      if (wrong) sources.distrust(wrong);
      throw pullFailure(error, found, offer.failure);
    } finally {
      offer.withdraw();
    }
    report({ source, totalBytes, completedBytes: totalBytes });
    uses.came(model, source);
    log.info('a model is on the disk', {
      model,
      source,
      bytes: totalBytes,
      seconds: (Date.now() - startedAt) / 1000,
    });
  }

  async #makeRoom(
    model: string,
    wanted: readonly Layer[],
    heldBy: (key: string) => CachedModel['held'],
  ): Promise<void> {
    const { store, uses, log } = this.#options;
    const [{ models, strays }, loaded, limitBytes] = await Promise.all([
      store.read(),
      this.#loaded(),
      this.#limit(),
    ]);
    const cached = models.map(({ name, layers, storedAt }): CachedModel => {
      const key = modelKey(name);
      const held = heldBy(key) ?? (loaded.has(key) ? 'loaded' : undefined);
      return { name, layers, lastUsedAt: uses.lastUse(name) ?? storedAt, held };
    });
    const room = makeRoom({ limitBytes, models: cached, strays }, wanted);
    if (room.kind === 'refused') throw new WarmupError('disk-full', refusalText(model, room));
    if (room.dropStrays) {
      const isWanted = new Set(wanted.map(({ digest }) => digest));
      const loose = strays.filter(({ digest }) => !isWanted.has(digest));
      log.info('files of no model are deleted to make room', { model, bytes: bytesOf(loose) });
      await store.drop(loose);
    }
    for (const name of room.evict) {
      log.info('a model is evicted to make room', { model, evicted: name });
      await this.#delete(name);
    }
  }

  async #delete(model: string): Promise<void> {
    const { library, front, uses } = this.#options;
    // A fill that was cut off between its last two steps has left the name that it came by.
    if (!front.isAlias(model)) await library.delete(front.aliasOf(parseModelName(model)));
    await library.delete(model);
    uses.forget(model);
  }

  #heldFromServing(key: string): CachedModel['held'] {
    if (this.#served.has(key)) return 'served';
    return this.orders.pinned.some((name) => modelKey(name) === key) ? 'pinned' : undefined;
  }

  #ordered(key: string): CachedModel['held'] {
    return this.orders.extra.some((name) => modelKey(name) === key) ? 'ordered' : undefined;
  }

  async #loaded(): Promise<Set<string>> {
    try {
      return new Set(await this.#options.library.loaded());
    } catch (error) {
      throw new WarmupError(
        'server-gone',
        `the model server does not say what is loaded: ${(error as Error).message}`,
        {
          cause: error,
        },
      );
    }
  }

  async #limit(): Promise<number> {
    const capacity = await this.#options.store.capacityBytes();
    return Math.min(this.#options.limitBytes, Math.floor(capacity * DISK_SHARE));
  }
}

function nameOf(model: string): ModelName {
  try {
    return parseModelName(model);
  } catch (error) {
    throw new WarmupError('no-such-model', (error as Error).message, { cause: error });
  }
}
