import { bytesOf, type Layer } from '../protocol/models.ts';
import type { Seconds } from '../scaling/types.ts';

/** A model on a pod's disk. */
export interface CachedModel {
  name: string;
  layers: readonly Layer[];
  /** When it last served a request, else when it came. */
  lastUsedAt: Seconds;
  /** Why it must stay; undefined: it may go. */
  held?: 'served' | 'loaded' | 'pinned' | 'ordered' | 'filling' | undefined;
}

/** A pod's disk, as far as it is for models. */
export interface Cache {
  limitBytes: number;
  /** Complete ones, and those that fill, with all that they will take. */
  models: readonly CachedModel[];
  /** Files of no model, such as what a fill left that nobody wants any more. */
  strays: readonly Layer[];
}

export type Room =
  | {
      kind: 'room';
      /** To delete, least recently used first. */
      evict: string[];
      /** The strays have to go, too: before any model. */
      dropStrays: boolean;
      /** Of what is wanted, not on the disk yet. */
      missingBytes: number;
    }
  | {
      kind: 'refused';
      /** Of all of what is wanted. */
      wantedBytes: number;
      limitBytes: number;
      /** Held by models that may not go, beside what they share with what is wanted. */
      heldBytes: number;
      held: { name: string; why: NonNullable<CachedModel['held']>; bytes: number }[];
    };

/**
 * Makes room for a model. What is on the disk afterwards, each layer counted once, fits the limit; nothing that is held goes;
 * of the rest the least recently used goes first, and one whose going frees nothing stays.
 *
 * @param wanted layers of the model that is to be filled; those that are there already cost nothing
 */
export function makeRoom(cache: Cache, wanted: readonly Layer[]): Room {
  const { models, strays, limitBytes } = cache;
  const isWanted = new Set(wanted.map(({ digest }) => digest));
  const loose = strays.filter(({ digest }) => !isWanted.has(digest));
  const held = models.filter((model) => model.held !== undefined);
  const evictable = models
    .filter((model) => model.held === undefined)
    // The name decides where times are equal: the same disk gives the same answer.
    .sort((a, b) => a.lastUsedAt - b.lastUsedAt || (a.name < b.name ? -1 : 1));
  const fits = (kept: readonly CachedModel[], more: readonly Layer[] = []) =>
    union([wanted, more, ...kept.map(({ layers }) => layers)]) <= limitBytes;

  if (!fits(held)) return refusal(cache, held, wanted);
  const here = new Set([...strays, ...models.flatMap(({ layers }) => layers)].map(({ digest }) => digest));
  const missingBytes = bytesOf(unique(wanted).filter(({ digest }) => !here.has(digest)));
  if (fits(models, loose)) return { kind: 'room', evict: [], dropStrays: false, missingBytes };

  const dropStrays = loose.length > 0;
  let gone = 0;
  while (!fits([...held, ...evictable.slice(gone)])) gone += 1;
  const kept = [...held, ...evictable.slice(gone)];
  const evict: CachedModel[] = [];
  // From the most recent on: one that shares all it has with what stays costs nothing.
  for (const model of evictable.slice(0, gone).reverse()) {
    const others = [wanted, ...kept.map(({ layers }) => layers)];
    if (union([model.layers, ...others]) === union(others)) kept.push(model);
    else evict.unshift(model);
  }
  // A layer goes with a model that is evicted, unless another model has it: the one that is to come has none yet.
  const left = new Set([...strays, ...kept.flatMap(({ layers }) => layers)].map(({ digest }) => digest));
  const lost = unique(wanted).filter(({ digest }) => here.has(digest) && !left.has(digest));
  return {
    kind: 'room',
    evict: evict.map(({ name }) => name),
    dropStrays,
    missingBytes: missingBytes + bytesOf(lost),
  };
}

function refusal(cache: Cache, held: readonly CachedModel[], wanted: readonly Layer[]): Room {
  return {
    kind: 'refused',
    wantedBytes: bytesOf(unique(wanted)),
    limitBytes: cache.limitBytes,
    heldBytes: union([wanted, ...held.map(({ layers }) => layers)]) - bytesOf(unique(wanted)),
    held: held.map(({ name, held: why, layers }) => ({
      name,
      why: why as NonNullable<CachedModel['held']>,
      bytes: bytesOf(layers),
    })),
  };
}

const unique = (layers: readonly Layer[]): Layer[] => [
  ...new Map(layers.map((layer) => [layer.digest, layer])).values(),
];

/** Bytes of all layers, each once. */
const union = (sets: readonly (readonly Layer[])[]): number => bytesOf(unique(sets.flat()));

/** Why a fill is refused, in one sentence for whoever is on call. */
export function refusalText(model: string, room: Extract<Room, { kind: 'refused' }>): string {
  const { wantedBytes, limitBytes, heldBytes, held } = room;
  const head = `${model} needs ${sizeText(wantedBytes)}, and the disk has ${sizeText(limitBytes)} for models`;
  if (held.length === 0) return `${head}. Give the pool more modelStorageGiB.`;
  const names = held.map(({ name, why, bytes }) => `${name} (${why}, ${sizeText(bytes)})`).join(', ');
  return `${head}, of which ${sizeText(heldBytes)} may not be evicted: ${names}. Unpin or remove one, or give the pool more modelStorageGiB.`;
}

/** As Ollama writes sizes: powers of a thousand. */
export function sizeText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const exponent = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const value = bytes / 1000 ** exponent;
  return `${value >= 100 || exponent === 0 ? Math.round(value) : value.toFixed(1)} ${units[exponent]}`;
}
