import { type CachedModel, makeRoom, refusalText, sizeText } from '../../../core/warmup/room.ts';

const GB = 1_000_000_000;
const layer = (digest: string, gigabytes: number) => ({ digest, bytes: gigabytes * GB });
const model = (name: string, lastUsedAt: number, ...layers: ReturnType<typeof layer>[]): CachedModel => ({
  name,
  layers,
  lastUsedAt,
});
const cache = (limit: number, ...models: CachedModel[]) => ({ limitBytes: limit * GB, models, strays: [] });

describe('room for a model', () => {
  it('is there when it fits: nothing goes', () => {
    const room = makeRoom(cache(10, model('a', 1, layer('a', 4))), [layer('b', 5)]);

    expect(room).toEqual({ kind: 'room', evict: [], dropStrays: false, missingBytes: 5 * GB });
  });

  it('counts a layer that models share once', () => {
    const base = layer('base', 8);

    expect(makeRoom(cache(10, model('a', 1, base)), [base, layer('adapter', 1)])).toMatchObject({
      evict: [],
      missingBytes: GB,
    });
  });

  it('comes from the least recently used, and from no more of them than it takes', () => {
    const models = [
      model('new', 30, layer('n', 3)),
      model('old', 10, layer('o', 3)),
      model('mid', 20, layer('m', 3)),
    ];

    expect(makeRoom(cache(10, ...models), [layer('w', 5)])).toMatchObject({ evict: ['old', 'mid'] });
  });

  it('leaves an old model whose going frees nothing', () => {
    const base = layer('base', 5);
    const models = [
      model('alias', 1, base),
      { ...model('served', 2, base), held: 'served' as const },
      model('b', 3, layer('b', 4)),
    ];

    expect(makeRoom(cache(10, ...models), [layer('w', 4)])).toMatchObject({ evict: ['b'] });
  });

  it('takes what belongs to no model before any model', () => {
    const strays = [layer('left', 4)];

    expect(makeRoom({ ...cache(10, model('a', 1, layer('a', 4))), strays }, [layer('w', 5)])).toMatchObject({
      evict: [],
      dropStrays: true,
    });
  });

  it('goes on with what an earlier fill of the same model left', () => {
    const strays = [layer('w', 5)];

    expect(makeRoom({ ...cache(10, model('a', 1, layer('a', 4))), strays }, [layer('w', 5)])).toMatchObject({
      dropStrays: false,
      missingBytes: 0,
    });
  });

  it('is refused with what is needed, what there is, and who holds it', () => {
    const room = makeRoom(
      cache(
        10,
        { ...model('llama3.1:8b', 1, layer('a', 4.9)), held: 'pinned' },
        model('b', 2, layer('b', 4)),
      ),
      [layer('w', 6.2)],
    );

    if (room.kind !== 'refused') throw new Error('not refused');
    expect(refusalText('big:70b', room)).toBe(
      'big:70b needs 6.2 GB, and the disk has 10.0 GB for models, of which 4.9 GB may not be evicted: llama3.1:8b (pinned, 4.9 GB). Unpin or remove one, or give the pool more modelStorageGiB.',
    );
  });

  it('is refused to what is larger than the disk', () => {
    const room = makeRoom(cache(10), [layer('w', 40)]);

    if (room.kind !== 'refused') throw new Error('not refused');
    expect(refusalText('big:70b', room)).toBe(
      'big:70b needs 40.0 GB, and the disk has 10.0 GB for models. Give the pool more modelStorageGiB.',
    );
  });

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 KB'],
    [253_000_000, '253 MB'],
    [4_661_211_808, '4.7 GB'],
  ])('writes %i bytes as %s', (bytes, text) => {
    expect(sizeText(bytes)).toBe(text);
  });
});
