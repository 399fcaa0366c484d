import { ConfigError, type ConfigInput, defineConfig, presets } from '../../infra/config/index.ts';
import { config, fleet, pool, untyped, withFloor, withPolicy, withPool } from './config-fixtures.ts';
import { poolMistakes, ruleMistakes } from './mistakes-rules.ts';
import { shapeMistakes } from './mistakes-shape.ts';

const problemsOf = (input: ConfigInput) => {
  try {
    defineConfig(input);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
};

describe('defineConfig refuses', () => {
  it.each([...shapeMistakes, ...ruleMistakes, ...poolMistakes])('%s', (_name, input, path, message, fix) => {
    const problems = problemsOf(input);

    const problem = problems.find((candidate) => candidate.path === path);
    expect(problem).toBeDefined();
    expect(problem?.message).toMatch(message);
    expect(problem?.fix).toMatch(fix);
  });

  it('names everything that is wrong in one error, each once', () => {
    const broken = untyped({
      ...config([
        fleet({ name: 'one', pools: [pool({ min: 9 })] }),
        fleet({ name: 'two', policy: { spotShare: 2 }, models: [] }),
        fleet({ name: 'one', pools: [pool({ capacityType: 'spot' })] }),
      ]),
      clustr: {},
    });

    const problems = problemsOf(broken);

    expect(problems.map(({ path }) => path).toSorted()).toEqual(
      [
        'clustr',
        'fleets[0].pools[0].min',
        'fleets[0].policy.minReplicas',
        'fleets[1].models',
        'fleets[1].policy.spotShare',
        'fleets[2].name',
        'fleets[2].pools',
      ].toSorted(),
    );
  });

  it('says path, problem and fix in its message', () => {
    expect(() => defineConfig(withPool({ min: 5, max: 2 }))).toThrow(
      /fleets\[0\]\.pools\[0\]\.min: min 5 is above max 2\n\s+fix: Lower min to 2/,
    );
  });
});

describe('defineConfig accepts', () => {
  const accepted: [string, ConfigInput][] = [
    ['the least there is to say', config()],
    ['a fleet that sleeps at zero', withPolicy({ minReplicas: 0 })],
    [
      'a large model on GPUs',
      config([fleet({ models: ['llama3.1:70b'], pools: [pool({ instanceTypes: ['g5.12xlarge'] })] })]),
    ],
    ['a model that does not say its size', config([fleet({ models: ['mistral'] })])],
    [
      'a small embedding model beside a chat model, one slot',
      config([fleet({ models: ['llama3.2:3b', 'all-minilm:33m'] })]),
    ],
    ['a floor over midnight', withFloor({ from: '22:00', to: '06:00', timeZone: 'Europe/Berlin' })],
    ['zones by letter and by name', withPool({ kind: 'persistent', zones: ['us-east-1b'] })],
    [
      'an unknown type with its facts',
      withPool({ instanceTypes: ['p5.48xlarge'], pricePerHour: 55, gpusPerNode: 8 }),
    ],
  ];

  it.each(accepted)('%s', (_name, input) => {
    expect(problemsOf(input)).toEqual([]);
  });
});

describe('what defineConfig fills in', () => {
  it('defaults the version, the zones, the price and the maximum', () => {
    const result = defineConfig(
      config([
        fleet({
          pools: [
            pool(),
            pool({
              name: 'spot',
              capacityType: 'spot',
              instanceTypes: ['c6i.4xlarge', 'c6a.4xlarge'],
              max: 6,
            }),
          ],
        }),
      ]),
    );

    expect(result.cluster).toMatchObject({
      version: '1.36',
      zones: ['us-east-1a', 'us-east-1b', 'us-east-1c'],
    });
    expect(result.fleets[0]?.policy.maxReplicas).toBe(10);
    // The dearest type counts, and spot is taken at 0.45 of on-demand.
    expect(result.fleets[0]?.pools.map((one) => one.pricePerHour)).toEqual([0.612, 0.306]);
    expect(result.fleets[0]?.pools[0]).toMatchObject({
      gpusPerNode: 0,
      nodeDiskGiB: 100,
      zones: result.cluster.zones,
    });
  });

  it('keeps a stated price', () => {
    const result = defineConfig(withPool({ pricePerHour: 0.4 }));

    expect(result.fleets[0]?.pools[0]?.pricePerHour).toBe(0.4);
  });

  it('is frozen all the way down', () => {
    const result = defineConfig(config([presets.cpu()]));

    expect(Object.isFrozen(result.fleets[0]?.pools[0]?.instanceTypes)).toBe(true);
    expect(() => Object.assign(result.fleets[0]?.policy ?? {}, { spotShare: 0 })).toThrow(TypeError);
  });
});
