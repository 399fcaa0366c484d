import { modelKey } from '../../core/protocol/model-names.ts';
import {
  bytesOf,
  type CachedModelReport,
  type ModelOrders,
  type ModelReport,
} from '../../core/protocol/models.ts';
import type { FillProgress, Warmth } from '../../core/protocol/warmup.ts';
import type { CacheContents } from './cache.ts';
import type { UseNote } from './use-note.ts';

/** An ordered model that is not on the disk yet. */
export interface OrderedFill extends Partial<FillProgress> {
  phase: 'waiting' | 'filling' | 'failed';
  failure?: string;
  /** When it may be tried again, epoch milliseconds. */
  retryAt: number;
  failures: number;
}

/** What is known of a pod's models. Maps are by `modelKey`. */
export interface Known {
  contents: CacheContents;
  orders: ModelOrders;
  fills: ReadonlyMap<string, OrderedFill>;
  /** Models that are to go, and why they may not. */
  kept: ReadonlyMap<string, string>;
  /** How far the fleet's own models are. */
  warmth: Warmth['models'];
  uses: Pick<UseNote, 'source' | 'lastUse'>;
  isServed(model: string): boolean;
}

type Common = Pick<CachedModelReport, 'model' | 'loaded' | 'pinned' | 'served' | 'ordered'>;

/** What is on the disk, what comes, and what was ordered and is not there yet. Layers that models share count once in `usedBytes`. */
export function contentsReport(known: Known): Pick<ModelReport, 'limitBytes' | 'usedBytes' | 'models'> {
  const { contents, orders } = known;
  const pinned = new Set(orders.pinned.map(modelKey));
  const ordered = new Set(orders.extra.map(modelKey));
  const common = (model: string): Common => ({
    model,
    loaded: contents.loaded.has(modelKey(model)),
    pinned: pinned.has(modelKey(model)),
    served: known.isServed(model),
    ordered: ordered.has(modelKey(model)),
  });
  const stored = storedModels(known, common);
  const isStored = new Set(stored.map(({ model }) => modelKey(model)));
  const isComing = ({ model }: CachedModelReport): boolean => !isStored.has(modelKey(model));
  const coming = [...servedModels(known, common), ...orderedModels(known, common)].filter(isComing);
  const layers = [...contents.strays, ...contents.models.flatMap((model) => model.layers)];
  const usedBytes = bytesOf([...new Map(layers.map((layer) => [layer.digest, layer])).values()]);
  return { limitBytes: contents.limitBytes, usedBytes, models: [...stored, ...coming] };
}

const storedModels = (
  { contents, uses, kept }: Known,
  common: (model: string) => Common,
): CachedModelReport[] =>
  contents.models
    .filter(({ isComplete }) => isComplete)
    .map(({ name, layers, storedAt }) => {
      const source = uses.source(name);
      const why = kept.get(modelKey(name));
      return {
        ...common(name),
        ...{ bytes: bytesOf(layers), phase: 'on-disk', lastUsedAt: uses.lastUse(name) ?? storedAt },
        ...(source && { source }),
        ...(why && { failure: `not removed: it is ${why}` }),
      };
    });

/** The fleet's own, on their way. */
const servedModels = ({ warmth }: Known, common: (model: string) => Common): CachedModelReport[] =>
  warmth.map(({ model, phase, totalBytes, completedBytes, source, failure }) => {
    const step = phase === 'failed' || phase === 'filling' ? phase : 'waiting';
    return {
      ...common(model),
      ...{ bytes: totalBytes ?? 0, phase: step, lastUsedAt: 0 },
      ...(step === 'filling' && completedBytes !== undefined && { completedBytes }),
      ...(source && source !== 'disk' && { source }),
      ...(failure && { failure: failure.reason }),
    };
  });

const orderedModels = ({ orders, fills }: Known, common: (model: string) => Common): CachedModelReport[] =>
  orders.extra.flatMap((name): CachedModelReport[] => {
    const fill = fills.get(modelKey(name));
    if (!fill) return [];
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
