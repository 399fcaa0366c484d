import { pinned, pulled, removed, unpinned } from '../../../cli/models/orders.ts';
import { living, standings } from '../../../cli/models/pods.ts';
import { agoText, listText, standingsText } from '../../../cli/models/text.ts';
import { type ModelReport, noOrders } from '../../../core/protocol/models.ts';

const report = (
  pod: string,
  models: Partial<ModelReport['models'][number]>[] = [],
  more: Partial<ModelReport> = {},
): ModelReport => ({
  ...{ v: 1, pod, podUid: pod, pool: 'main', at: 1000, ordersAt: 1000, limitBytes: 60e9, usedBytes: 4.7e9 },
  models: models.map((one) => ({
    ...{
      model: 'llama3.1:8b',
      bytes: 4.7e9,
      phase: 'on-disk',
      loaded: true,
      pinned: false,
      served: true,
      ordered: false,
      lastUsedAt: 940,
    },
    ...one,
  })),
  ...more,
});

const ordered = { fleet: 'cpu', model: 'llama3.1:8b', wanted: 'there', isNews: true } as const;

describe('orders', () => {
  it('name a model once, whatever the spelling, and undo each other', () => {
    const once = pulled(pulled(noOrders(), 'Llama3'), 'llama3:latest');
    expect(once.extra).toEqual(['llama3:latest']);
    expect(pinned(once, 'llama3')).toMatchObject({ extra: ['llama3:latest'], pinned: ['llama3:latest'] });
    const gone = removed(pinned(once, 'llama3'), 'LLAMA3');
    expect(gone).toMatchObject({ extra: [], pinned: [], removed: ['LLAMA3:latest'] });
    expect(pulled(gone, 'llama3')).toMatchObject({ extra: ['llama3:latest'], removed: [] });
    expect(unpinned(pinned(noOrders(), 'llama3'), 'llama3')).toMatchObject({
      extra: ['llama3:latest'],
      pinned: [],
    });
  });
});

describe('the pods', () => {
  it('that have ended, or are silent for long, do not count', () => {
    const reports = [
      report('b'),
      report('a'),
      report('c', [], { ended: true }),
      report('d', [], { at: 700 }),
    ];

    expect(living(reports, 1010).map(({ pod }) => pod)).toEqual(['a', 'b']);
  });

  it('stand where their reports say', () => {
    const all = [
      report('has', [{}]),
      report('fills', [{ phase: 'filling', completedBytes: 1e9 }]),
      report('fails', [{ phase: 'failed', failure: 'the disk is full' }]),
      report('failed-before', [{ phase: 'failed', failure: 'the disk is full' }], { ordersAt: 990 }),
      report('lacks'),
    ];
    const states = (wanted: 'there' | 'gone') =>
      standings(all, 'LLAMA3.1:8b', wanted, 995).map(({ state }) => state);

    expect(states('there')).toEqual(['done', 'under way', 'failed', 'under way', 'under way']);
    expect(states('gone')).toEqual(['under way', 'under way', 'failed', 'under way', 'done']);
  });

  it('are shown with what is on its way, what failed, and what is kept', () => {
    const text = listText(
      'cpu',
      [
        report('one', [
          {},
          {
            model: 'big:70b',
            phase: 'filling',
            bytes: 40e9,
            completedBytes: 10e9,
            loaded: false,
            served: false,
            pinned: true,
            lastUsedAt: 0,
            source: 'mirror',
          },
        ]),
        report('two', [{ phase: 'failed', failure: 'big reason' }]),
      ],
      1000,
    );

    expect(text).toMatch(/one .*llama3\.1:8b .*4\.7 GB .*loaded .*60 s ago .*served/);
    expect(text).toMatch(/big:70b .*40\.0 GB .*25% from the mirror .*pinned/);
    expect(text).toMatch(/two .*failed: big reason/);
    expect(text).toContain('room for models: one 4.7 GB of 60.0 GB; two 4.7 GB of 60.0 GB');
  });

  it('are counted, with the reasons of those that fail', () => {
    const all = standings(
      [report('a', [{}]), report('b', [{ phase: 'failed', failure: 'why' }])],
      'llama3.1:8b',
      'there',
      0,
    );

    expect(standingsText(ordered, all)).toBe(
      "1 of 2 pods have llama3.1:8b.\n! b: why\nThe order stands and is tried again; 'paddock models rm llama3.1:8b' takes it back.",
    );
    expect(
      standingsText({ ...ordered, wanted: 'gone' }, standings([report('a')], 'llama3.1:8b', 'gone', 0)),
    ).toBe('1 of 1 pod is without llama3.1:8b.');
  });

  it('are none, and those to come will do it', () => {
    expect(standingsText(ordered, [])).toBe(
      "No pod of the fleet 'cpu' runs. Those that start keep llama3.1:8b.",
    );
  });

  it.each([
    [0, ''],
    [990, '10 s ago'],
    [-200, '20 min ago'],
    [-9800, '3 h ago'],
    [-300_000, '3 d ago'],
  ])('were last used at %i: %s', (at, text) => {
    expect(agoText(at, 1000)).toBe(text);
  });
});
