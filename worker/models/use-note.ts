import * as z from 'zod';
import type { ModelStore } from '../../adapters/ollama/store.ts';
import { modelKey } from '../../core/protocol/model-names.ts';
import type { Log } from '../log.ts';

const noteSchema = z.object({
  v: z.literal(1),
  models: z.record(
    z.string(),
    z.object({ lastUsedAt: z.number(), source: z.enum(['mirror', 'registry']).optional() }),
  ),
});
type Kept = z.infer<typeof noteSchema>['models'][string];

/** When each model last served a request. Kept on the volume: it lives as long as the models, and through every restart. */
export class UseNote {
  readonly #store: ModelStore;
  readonly #now: () => number;
  readonly #log: Log;
  readonly #models = new Map<string, Kept>();
  #isDirty = false;

  /** @param now epoch milliseconds */
  constructor(store: ModelStore, now: () => number, log: Log) {
    this.#store = store;
    this.#now = now;
    this.#log = log;
  }

  /** What an earlier worker of this volume kept. */
  async load(): Promise<void> {
    const parsed = noteSchema.safeParse(await this.#store.recall());
    if (!parsed.success) return;
    for (const [key, kept] of Object.entries(parsed.data.models))
      if (!this.#models.has(key)) this.#models.set(key, kept);
  }

  /** A request was given to it. */
  used(model: string): void {
    const key = modelKey(model);
    this.#set(key, { ...this.#models.get(key), lastUsedAt: this.#now() / 1000 });
  }

  came(model: string, source: NonNullable<Kept['source']>): void {
    this.#set(modelKey(model), { lastUsedAt: this.#now() / 1000, source });
  }

  forget(model: string): void {
    this.#isDirty = this.#models.delete(modelKey(model)) || this.#isDirty;
  }

  /** Epoch seconds; undefined: nobody has noted it. */
  lastUse(model: string): number | undefined {
    return this.#models.get(modelKey(model))?.lastUsedAt;
  }

  source(model: string): Kept['source'] {
    return this.#models.get(modelKey(model))?.source;
  }

  /** Writes it down if anything changed. Never throws: on a full disk it is late, and that is all. */
  async save(): Promise<void> {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    try {
      await this.#store.remember({ v: 1, models: Object.fromEntries(this.#models) });
    } catch (error) {
      this.#isDirty = true;
      this.#log.warn("the models' last use can not be noted", { error });
    }
  }

  #set(key: string, kept: Kept): void {
    this.#models.set(key, kept);
    this.#isDirty = true;
  }
}
