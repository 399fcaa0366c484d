import { noOrders } from '../../../core/protocol/models.ts';
import { contentsReport, type Known } from '../../../worker/models/report.ts';

const SHARED = { digest: `sha256:${'a'.repeat(64)}`, bytes: 100 };
const layer = (letter: string, bytes: number) => ({ digest: `sha256:${letter.repeat(64)}`, bytes });

const stored = (name: string, layers = [SHARED], isComplete = true) => ({
  ...{ name, layers, isComplete, storedAt: 7 },
});

const known = (changes: Partial<Known> = {}): Known => ({
  contents: { models: [], strays: [], limitBytes: 1000, loaded: new Set() },
  orders: noOrders(),
  ...{ fills: new Map(), kept: new Map(), warmth: [] },
  uses: { source: () => undefined, lastUse: () => undefined },
  isServed: () => false,
  ...changes,
});

it('counts layers that models share once, and those of no model too', () => {
  const models = [stored('a:1b', [SHARED, layer('b', 10)]), stored('c:1b', [SHARED, layer('d', 1)])];
  const strays = [{ ...layer('e', 1000), files: [] }];
  const contents = { models, strays, limitBytes: 5000, loaded: new Set<string>() };
  const { usedBytes, limitBytes, models: rows } = contentsReport(known({ contents }));
  expect([usedBytes, limitBytes]).toEqual([1111, 5000]);
  expect(rows.map(({ model, bytes, lastUsedAt }) => [model, bytes, lastUsedAt])).toEqual([
    ['a:1b', 110, 7],
    ['c:1b', 101, 7],
  ]);
});

it('tells a model that is on the disk from one that comes', () => {
  const contents = {
    ...{ models: [stored('a:1b'), stored('b:1b', [SHARED], false)], strays: [] },
    ...{ limitBytes: 1000, loaded: new Set<string>() },
  };
  const fill = { phase: 'filling' as const, retryAt: 0, failures: 0, totalBytes: 100, completedBytes: 40 };
  const report = contentsReport(
    known({
      contents,
      orders: { ...noOrders(), extra: ['a:1b', 'b:1b', 'c:1b'] },
      // `a` has just arrived, `c` is not begun.
      fills: new Map([
        ['a:1b', fill],
        ['b:1b', fill],
      ]),
    }),
  );
  expect(report.models).toMatchObject([
    { model: 'a:1b', phase: 'on-disk', ordered: true },
    { model: 'b:1b', phase: 'filling', ordered: true, bytes: 100, completedBytes: 40 },
  ]);
});

it('tells why a model could not go, and why one does not come', () => {
  const failure = { kind: 'disk-full' as const, reason: 'needs 5 GB, has 4 GB', retryable: false };
  const report = contentsReport(
    known({
      contents: { models: [stored('a:1b')], strays: [], limitBytes: 1000, loaded: new Set() },
      kept: new Map([['a:1b', 'pinned']]),
      warmth: [{ model: 'b:1b', phase: 'failed', seconds: {}, failure }],
      isServed: (model) => model === 'b:1b',
    }),
  );
  expect(report.models).toMatchObject([
    { model: 'a:1b', failure: 'not removed: it is pinned', served: false },
    { model: 'b:1b', phase: 'failed', failure: 'needs 5 GB, has 4 GB', served: true },
  ]);
});
