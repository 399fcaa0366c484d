import fc from 'fast-check';
import { bytesOf, type Layer } from '../../../core/protocol/models.ts';
import { type Cache, type CachedModel, makeRoom } from '../../../core/warmup/room.ts';

/** Bytes of all layers, each once. */
const union = (sets: (readonly Layer[])[]): number =>
  bytesOf([...new Map(sets.flat().map((layer) => [layer.digest, layer])).values()]);

/** A layer's size belongs to its digest, as on a real disk. */
const sizes = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 12, maxLength: 12 });
const digests = fc.uniqueArray(fc.integer({ min: 0, max: 11 }), { minLength: 1, maxLength: 4 });
const modelNumber = fc.integer({ min: 0, max: 7 });

type Step =
  | { do: 'fill'; model: number }
  | { do: 'use' | 'pin' | 'unpin' | 'load' | 'unload' | 'order' | 'remove' | 'abandon'; model: number };

const steps = fc.array(
  fc.record({
    do: fc.constantFrom<Step['do']>(
      ...([
        'fill',
        'fill',
        'fill',
        'use',
        'use',
        'pin',
        'unpin',
        'load',
        'unload',
        'order',
        'remove',
        'abandon',
      ] as const),
    ),
    model: modelNumber,
  }),
  { maxLength: 60 },
);

const worlds = fc.record({
  sizes,
  recipes: fc.array(digests, { minLength: 8, maxLength: 8 }),
  limitBytes: fc.integer({ min: 10, max: 150 }),
  steps,
});

interface Entry {
  lastUsedAt: number;
  pinned: boolean;
  loaded: boolean;
  ordered: boolean;
}

/** A disk that does what it is told, as Ollama does: deleting a model deletes the layers that no other has. */
class Disk {
  readonly blobs = new Set<string>();
  readonly models = new Map<number, Entry>();
  readonly #recipes: Layer[][];
  readonly limitBytes: number;

  constructor(recipes: Layer[][], limitBytes: number) {
    this.#recipes = recipes;
    this.limitBytes = limitBytes;
  }

  layers = (model: number): Layer[] => this.#recipes[model] as Layer[];

  used(): number {
    const all = new Map(this.#recipes.flat().map((layer) => [layer.digest, layer.bytes]));
    return [...this.blobs].reduce((sum, digest) => sum + (all.get(digest) ?? 0), 0);
  }

  strays(): Layer[] {
    const named = new Set([...this.models.keys()].flatMap((m) => this.layers(m).map(({ digest }) => digest)));
    const all = new Map(this.#recipes.flat().map((layer) => [layer.digest, layer]));
    return [...this.blobs].filter((digest) => !named.has(digest)).map((digest) => all.get(digest) as Layer);
  }

  delete(model: number): void {
    this.models.delete(model);
    const left = new Set([...this.models.keys()].flatMap((m) => this.layers(m).map(({ digest }) => digest)));
    for (const { digest } of this.layers(model)) if (!left.has(digest)) this.blobs.delete(digest);
  }

  cache(): Cache {
    const models = [...this.models].map(([number, entry]): CachedModel => {
      const held = entry.pinned ? 'pinned' : entry.loaded ? 'loaded' : entry.ordered ? 'ordered' : undefined;
      return { name: String(number), layers: this.layers(number), lastUsedAt: entry.lastUsedAt, held };
    });
    return { limitBytes: this.limitBytes, models, strays: this.strays() };
  }
}

/** Checks one answer against the disk and carries it out; false when it was refused. */
function fill(disk: Disk, model: number, now: number, finish = true): boolean {
  const wanted = disk.layers(model);
  const cache = disk.cache();
  const room = makeRoom(cache, wanted);
  const held = cache.models.filter((one) => one.held);
  if (room.kind === 'refused') {
    // Only when it can't be done: what is held and what is wanted are more than there is.
    expect(union([wanted, ...held.map(({ layers }) => layers)])).toBeGreaterThan(disk.limitBytes);
    expect(room.heldBytes + room.wantedBytes).toBeGreaterThan(disk.limitBytes);
    return false;
  }
  const evicted = cache.models.filter(({ name }) => room.evict.includes(name));
  expect(evicted.filter((one) => one.held)).toEqual([]);
  const kept = cache.models.filter(({ name }) => !room.evict.includes(name));
  const remains = [wanted, ...kept.map(({ layers }) => layers)];
  const times = room.evict.map((name) => disk.models.get(Number(name))?.lastUsedAt ?? 0);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  for (const one of kept.filter(({ held: why }) => !why)) {
    const freesNothing =
      union([...remains, one.layers]) === union(remains.filter((set) => set !== one.layers));
    if (!freesNothing) for (const time of times) expect(one.lastUsedAt).toBeGreaterThanOrEqual(time);
  }
  for (const one of evicted) expect(union([...remains, one.layers])).toBeGreaterThan(union(remains));
  // None too many: with the last of them back it would not fit.
  const last = evicted.find(({ name }) => name === room.evict.at(-1));
  if (last) expect(union([...remains, last.layers])).toBeGreaterThan(disk.limitBytes);
  if (room.evict.length > 0)
    expect(room.dropStrays).toBe(
      disk.strays().some(({ digest }) => !wanted.some((w) => w.digest === digest)),
    );

  if (room.dropStrays)
    for (const { digest } of disk.strays())
      if (!wanted.some((layer) => layer.digest === digest)) disk.blobs.delete(digest);
  for (const name of room.evict) disk.delete(Number(name));
  const missing = wanted.filter(({ digest }) => !disk.blobs.has(digest));
  expect(room.missingBytes).toBe(bytesOf(missing));
  for (const { digest } of missing) disk.blobs.add(digest);
  if (finish) {
    const before = disk.models.get(model);
    disk.models.set(model, { pinned: false, loaded: false, ordered: false, ...before, lastUsedAt: now });
  }
  return true;
}

describe('the room for models', () => {
  it('keeps any sequence of fills, uses and pins within the disk, evicts nothing that is held, and the least recently used first', () => {
    fc.assert(
      fc.property(worlds, ({ sizes: bytes, recipes, limitBytes, steps: all }) => {
        const layers = recipes.map((recipe) =>
          recipe.map((n): Layer => ({ digest: `d${n}`, bytes: bytes[n] as number })),
        );
        const disk = new Disk(layers, limitBytes);
        all.forEach(({ do: what, model }, now) => {
          const entry = disk.models.get(model);
          const safe = [...disk.models].filter(([, e]) => e.pinned || e.loaded || e.ordered).map(([m]) => m);
          if (what === 'fill') fill(disk, model, now);
          else if (what === 'abandon') fill(disk, model, now, false);
          else if (!entry) return;
          else if (what === 'use') entry.lastUsedAt = now;
          else if (what === 'remove') disk.delete(model);
          else if (what === 'pin' || what === 'unpin') entry.pinned = what === 'pin';
          else if (what === 'load' || what === 'unload') entry.loaded = what === 'load';
          else entry.ordered = !entry.ordered;
          expect(disk.used()).toBeLessThanOrEqual(limitBytes);
          if (what === 'fill' || what === 'abandon')
            for (const one of safe) expect([...disk.models.keys()]).toContain(one);
        });
      }),
      { numRuns: 500 },
    );
  });
});
