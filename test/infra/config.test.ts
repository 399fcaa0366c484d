import {
  ConfigError,
  type ConfigInput,
  defineConfig,
  type FleetInput,
  type PoolInput,
  presets,
} from '../../infra/config/index.ts';

const pool = (changes: Partial<PoolInput> = {}): PoolInput => ({
  name: 'main',
  capacityType: 'on-demand',
  instanceTypes: ['c6a.4xlarge'],
  max: 4,
  ...changes,
});

const fleet = (changes: Partial<FleetInput> = {}): FleetInput => ({
  name: 'chat',
  models: ['llama3.1:8b'],
  pools: [pool()],
  ...changes,
});

const config = (fleets: FleetInput[] = [fleet()], changes: Partial<ConfigInput> = {}): ConfigInput => ({
  region: 'us-east-1',
  fleets,
  ...changes,
});

const withPool = (changes: Partial<PoolInput>) => config([fleet({ pools: [pool(changes)] })]);
const withPolicy = (policy: FleetInput['policy']) => config([fleet({ policy })]);
const withFloor = (floor: object) =>
  withPolicy({
    schedule: [{ days: [1], from: '08:00', to: '18:00', replicas: 2, ...floor }],
  } as FleetInput['policy']);
/** What TypeScript would refuse, as a user of plain JavaScript might write it. */
const untyped = (input: unknown) => input as ConfigInput;

/** class of mistake, configuration, path, message, fix */
const mistakes: [string, ConfigInput, string, RegExp, RegExp][] = [
  // Shape
  [
    'a misspelled key',
    untyped({ ...config(), regoin: 'x' }),
    'regoin',
    /unknown option "regoin"/,
    /Did you mean "region"\?/,
  ],
  [
    'a misspelled key deep inside',
    untyped(config([{ ...fleet(), policy: { targetWaitSecond: 3 } } as FleetInput])),
    'fleets[0].policy.targetWaitSecond',
    /unknown option/,
    /Did you mean "targetWaitSeconds"\?/,
  ],
  [
    'a key that resembles nothing',
    untyped(withPool({ colour: 'red' } as Partial<PoolInput>)),
    'fleets[0].pools[0].colour',
    /unknown option "colour"/,
    /Known options here: name, capacityType/,
  ],
  ['a missing option', untyped({ fleets: [fleet()] }), 'region', /is missing/, /a string/],
  [
    'a wrong type',
    untyped(withPool({ max: '4' } as never)),
    'fleets[0].pools[0].max',
    /is "4", a string/,
    /Give a number/,
  ],
  [
    'a wrong choice',
    untyped(withPool({ capacityType: 'sport' } as never)),
    'fleets[0].pools[0].capacityType',
    /"sport"/,
    /"on-demand", "spot"/,
  ],
  ['no fleet', config([]), 'fleets', /0 long/, /at least 1/],
  [
    'a period that CloudWatch does not offer',
    untyped({ ...config(), logRetentionDays: 31 }),
    'logRetentionDays',
    /31/,
    /30, 60/,
  ],
  [
    'an unsupported Kubernetes version',
    untyped({ ...config(), cluster: { version: '1.32' } }),
    'cluster.version',
    /"1.32"/,
    /"1.36"/,
  ],
  [
    'a fraction of a replica',
    withPolicy({ minReplicas: 1.5 }),
    'fleets[0].policy.minReplicas',
    /1.5/,
    /whole number/,
  ],
  [
    'a spot share above 1',
    withPolicy({ spotShare: 1.2 }),
    'fleets[0].policy.spotShare',
    /is 1.2/,
    /at most 1/,
  ],
  [
    'a negative spot share',
    withPolicy({ spotShare: -0.1 }),
    'fleets[0].policy.spotShare',
    /is -0.1/,
    /at least 0/,
  ],
  [
    'a drain that outlasts EKS',
    withPolicy({ drainDeadlineSeconds: 900 }),
    'fleets[0].policy.drainDeadlineSeconds',
    /is 900/,
    /at most 860/,
  ],
  [
    'a time of day that does not exist',
    withFloor({ from: '24:00' }),
    'fleets[0].policy.schedule[0].from',
    /"24:00"/,
    /HH:MM/,
  ],
  [
    'a time zone that does not exist',
    withFloor({ timeZone: 'Mars/Olympus' }),
    'fleets[0].policy.schedule[0].timeZone',
    /Mars/,
    /IANA/,
  ],
  [
    'an eighth weekday',
    withFloor({ days: [8] }),
    'fleets[0].policy.schedule[0].days[0]',
    /is 8/,
    /at most 7/,
  ],
  ['a name in capitals', config([fleet({ name: 'Chat' })]), 'fleets[0].name', /"Chat"/, /lower-case/],
  [
    'an image without a tag',
    config(undefined, { images: { ollama: 'ollama/ollama' } }),
    'images.ollama',
    /ollama/,
    /tag or digest/,
  ],
  // Bounds that depend on each other
  [
    'min above max',
    withPool({ min: 5, max: 2 }),
    'fleets[0].pools[0].min',
    /min 5 is above max 2/,
    /Lower min to 2, or raise max to 5/,
  ],
  [
    'minReplicas above maxReplicas',
    withPolicy({ minReplicas: 3, maxReplicas: 2 }),
    'fleets[0].policy.minReplicas',
    /3 is above maxReplicas 2/,
    /raise maxReplicas to 3/,
  ],
  [
    'minReplicas above what the pools hold',
    withPolicy({ minReplicas: 9 }),
    'fleets[0].policy.minReplicas',
    /is 9.*hold 4/,
    /Lower it to 4/,
  ],
  [
    'maxReplicas above what the pools hold',
    withPolicy({ maxReplicas: 9 }),
    'fleets[0].policy.maxReplicas',
    /is 9.*hold 4/,
    /Lower it to 4/,
  ],
  [
    'minReplicas below what the pools keep',
    config([fleet({ policy: { minReplicas: 0 }, pools: [pool({ min: 2 })] })]),
    'fleets[0].policy.minReplicas',
    /is 0.*keep 2/,
    /Raise it to 2/,
  ],
  [
    'an on-demand base that does not fit',
    withPolicy({ onDemandBase: 5 }),
    'fleets[0].policy.onDemandBase',
    /is 5.*hold 4/,
    /Lower it to 4/,
  ],
  [
    'a floor above the maximum',
    withFloor({ replicas: 5 }),
    'fleets[0].policy.schedule[0].replicas',
    /is 5.*has 4/,
    /Lower it to 4/,
  ],
  ['an empty window', withFloor({ to: '08:00' }), 'fleets[0].policy.schedule[0].to', /empty/, /another end/],
  [
    'a cost cap below the minimum',
    withPolicy({ minReplicas: 2, costCapPerHour: 1 }),
    'fleets[0].policy.costCapPerHour',
    /cost 1.22/,
    /Raise it above 1.22/,
  ],
  // Pools
  [
    'no on-demand pool',
    withPool({ capacityType: 'spot' }),
    'fleets[0].pools',
    /no on-demand pool/,
    /Add a pool/,
  ],
  [
    'a persistent pool without a zone',
    withPool({ kind: 'persistent' }),
    'fleets[0].pools[0].zones',
    /names 0 zones/,
    /exactly one zone/,
  ],
  [
    'a persistent pool of two zones',
    withPool({ kind: 'persistent', zones: ['a', 'b'] }),
    'fleets[0].pools[0].zones',
    /names 2 zones/,
    /exactly one zone/,
  ],
  [
    'a zone of another region',
    withPool({ zones: ['eu-west-1a'] }),
    'fleets[0].pools[0].zones[0]',
    /not in the region us-east-1/,
    /"us-east-1a"/,
  ],
  [
    'a zone that the cluster does not span',
    withPool({ zones: ['f'] }),
    'fleets[0].pools[0].zones[0]',
    /no zone of the cluster/,
    /cluster.zones/,
  ],
  [
    'a cluster in another region',
    config(undefined, { cluster: { zones: ['a', 'eu-west-1b'] } }),
    'cluster.zones[1]',
    /not in the region/,
    /us-east-1/,
  ],
  [
    'a cluster zone twice',
    config(undefined, { cluster: { zones: ['a', 'us-east-1a'] } }),
    'cluster.zones',
    /twice/,
    /once/,
  ],
  [
    'a model over 8B on CPU',
    config([fleet({ models: ['llama3.1:70b'] })]),
    'fleets[0].pools[0].instanceTypes',
    /70 billion/,
    /GPU instance type/,
  ],
  [
    'a mixture of experts on CPU',
    config([fleet({ models: ['mixtral:8x7b-instruct'] })]),
    'fleets[0].pools[0].instanceTypes',
    /56 billion/,
    /smaller model/,
  ],
  [
    'slots for an embedding model',
    config([fleet({ models: ['nomic-embed-text'], pools: [pool({ slots: 4 })] })]),
    'fleets[0].pools[0].slots',
    /one request at a time/,
    /Set slots to 1/,
  ],
  [
    'GPUs that the type does not have',
    withPool({ instanceTypes: ['g5.12xlarge'], gpusPerNode: 1 }),
    'fleets[0].pools[0].gpusPerNode',
    /g5.12xlarge has 4/,
    /Set it to 4/,
  ],
  [
    'GPUs on a type without',
    withPool({ instanceTypes: ['m7i.4xlarge'], pricePerHour: 1, gpusPerNode: 1 }),
    'fleets[0].pools[0].gpusPerNode',
    /m7i.4xlarge has no GPU/,
    /Leave it out/,
  ],
  [
    'an unknown GPU type without a number',
    withPool({ instanceTypes: ['p5.48xlarge'], pricePerHour: 55 }),
    'fleets[0].pools[0].gpusPerNode',
    /not known/,
    /State how many/,
  ],
  [
    'types of unlike GPUs',
    withPool({ instanceTypes: ['g5.xlarge', 'g5.12xlarge'] }),
    'fleets[0].pools[0].instanceTypes',
    /differ in GPUs/,
    /one pool for each/,
  ],
  [
    'an unknown type without a price',
    withPool({ instanceTypes: ['m7i.4xlarge'] }),
    'fleets[0].pools[0].pricePerHour',
    /m7i.4xlarge is not known/,
    /State pricePerHour/,
  ],
  [
    'more CPU than the node has',
    withPool({ resources: { cpu: 16 } }),
    'fleets[0].pools[0].resources.cpu',
    /16 vCPU/,
    /below 16/,
  ],
  [
    'more memory than the node has',
    withPool({ resources: { memoryGiB: 32 } }),
    'fleets[0].pools[0].resources.memoryGiB',
    /32 GiB/,
    /Lower it to 28/,
  ],
  [
    'a request above its limit',
    withPool({ resources: { cpu: 8, cpuLimit: 4 } }),
    'fleets[0].pools[0].resources.cpu',
    /above cpuLimit 4/,
    /Lower cpu to 4/,
  ],
  [
    'a disk too small for the models',
    withPool({ nodeDiskGiB: 50 }),
    'fleets[0].pools[0].nodeDiskGiB',
    /need 100 GiB/,
    /Raise it to 100/,
  ],
  // Names
  [
    'a fleet twice',
    config([fleet(), fleet()]),
    'fleets[1].name',
    /"chat" is also fleets\[0\].name/,
    /own name/,
  ],
  [
    'a pool twice',
    config([fleet({ pools: [pool(), pool()] })]),
    'fleets[0].pools[1].name',
    /"chat-main"/,
    /unique/,
  ],
  [
    'workloads that collide across fleets',
    config([
      fleet({ name: 'a', pools: [pool({ name: 'b-c' })] }),
      fleet({ name: 'a-b', pools: [pool({ name: 'c' })] }),
    ]),
    'fleets[1].pools[0].name',
    /"a-b-c"/,
    /unique/,
  ],
  [
    'a node group name past 63 characters',
    config([fleet({ name: 'f'.repeat(20), pools: [pool({ name: 'p'.repeat(20) })] })], {
      cluster: { name: 'c'.repeat(30) },
    }),
    'fleets[0].pools[0].name',
    /72 characters; EKS allows 63/,
    /Shorten .* by 9/,
  ],
  [
    'a workload name past 52 characters',
    config([fleet({ name: 'f'.repeat(30), pools: [pool({ name: 'p'.repeat(30) })] })], {
      cluster: { name: 'c' },
    }),
    'fleets[0].pools[0].name',
    /61 characters; 52 fit/,
    /Shorten .* by 9/,
  ],
];

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
  it.each(mistakes)('%s', (_name, input, path, message, fix) => {
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
