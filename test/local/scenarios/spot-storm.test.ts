import { FaultRefused } from '../../../local/faults/injector.ts';
import type { ScenarioContext } from '../../../local/scenarios/scenario.ts';
import { interruptOne, spotStorm } from '../../../local/scenarios/spot-storm.ts';

/** A context that writes down what is done to the fleet. */
function context(candidates: Record<string, string[]>) {
  const injected: object[] = [];
  const said: string[] = [];
  const submitted: object[] = [];
  const faults = {
    candidates: (_kind: string, pool: string) => (candidates[pool] ?? []).map((id) => ({ id })),
    inject: (
      fault: { kind: string },
      choose?: (all: { id: string }[], count: number) => { id: string }[],
    ) => {
      const all = Object.values(candidates).flat();
      injected.push({
        ...fault,
        ...(choose && {
          chosen: choose(
            all.map((id) => ({ id })),
            1,
          ),
        }),
      });
    },
  };
  const given = {
    ...{ faults, spotPools: Object.keys(candidates), signal: new AbortController().signal },
    say: (line: string) => said.push(line),
    submit: async (arrival: object) => submitted.push(arrival),
    whenAllAnswered: async () => {},
  };
  return { context: given as unknown as ScenarioContext, injected, said, submitted };
}

it('takes capacity from every spot pool twice, sends the load meanwhile, and lasts as long as it should', async () => {
  const { context: given, injected, submitted } = context({ one: [], two: [] });
  const arrivals = {
    at: Float64Array.from([0, 0.2, 0.4, 9]),
    service: Float64Array.from([4, 4, 4, 4]),
    durationSeconds: 9,
  };
  const storm = spotStorm({ seed: 1, minutes: 0.01, arrivals });
  expect(storm.total).toBe(3);
  const startedAt = Date.now();
  await storm.run(given);
  expect(Date.now() - startedAt).toBeGreaterThanOrEqual(590);
  expect(submitted).toHaveLength(3);
  expect(injected).toEqual(
    ['one', 'two', 'one', 'two'].map((pool) => ({ kind: 'ice', pool, forSeconds: expect.closeTo(0.08) })),
  );
});

it('takes back one of all spot instances, whichever pool it is of, or none where there is none', () => {
  const full = context({ one: ['i-1'], two: ['i-2', 'i-3'] });
  interruptOne(full.context, 0.99);
  expect(full.injected).toEqual([{ kind: 'spot-interrupt', pool: 'two', count: 1, chosen: [{ id: 'i-3' }] }]);
  const empty = context({ one: [] });
  interruptOne(empty.context, 0.5);
  expect([empty.injected, empty.said]).toEqual([[], [expect.stringContaining('there is none')]]);
});

it('goes on when the instance went in that moment', () => {
  const { context: given } = context({ one: ['i-1'] });
  given.faults.inject = () => {
    throw new FaultRefused('gone');
  };
  expect(() => interruptOne(given, 0)).not.toThrow();
  given.faults.inject = () => {
    throw new Error('a defect');
  };
  expect(() => interruptOne(given, 0)).toThrow('a defect');
});

it('plays the GPU preset with nodes and models that take their time', () => {
  expect(spotStorm({ seed: 1 })).toMatchObject({
    preset: 'gpu',
    defaults: { slots: 4, bootSeconds: 40, loadSeconds: 20, serviceSeconds: 4 },
  });
});
