import { defineConfig, fleetPolicy, presets } from '../../infra/config/index.ts';
import config from '../../paddock.config.ts';

describe('the shipped configuration', () => {
  it('holds one fleet of each preset', () => {
    expect(config.fleets.map((fleet) => fleet.name)).toEqual(['cpu', 'gpu']);
    expect(config.cluster.version).toBe('1.36');
  });
});

describe('presets.cpu', () => {
  const policy = fleetPolicy(config, 'cpu');

  it('is the original: two persistent on-demand pools of one zone, and elastic ones beside them', () => {
    const pools = config.fleets[0]?.pools ?? [];

    expect(
      pools.map(({ name, kind, capacityType, instanceTypes, min, max }) => ({
        name,
        kind,
        capacityType,
        instanceTypes,
        min,
        max,
      })),
    ).toEqual([
      {
        name: 'base-a',
        kind: 'persistent',
        capacityType: 'on-demand',
        instanceTypes: ['c6a.8xlarge'],
        min: 1,
        max: 1,
      },
      {
        name: 'base-b',
        kind: 'persistent',
        capacityType: 'on-demand',
        instanceTypes: ['c6a.8xlarge'],
        min: 1,
        max: 1,
      },
      {
        name: 'spot',
        kind: 'elastic',
        capacityType: 'spot',
        instanceTypes: ['c6i.4xlarge', 'c6a.4xlarge'],
        min: 0,
        max: 8,
      },
      {
        name: 'on-demand',
        kind: 'elastic',
        capacityType: 'on-demand',
        instanceTypes: ['c6a.4xlarge'],
        min: 0,
        max: 4,
      },
    ]);
    expect(pools.slice(0, 2).map(({ zones }) => zones)).toEqual([['us-east-1a'], ['us-east-1b']]);
    expect(config.fleets[0]?.models).toEqual(['llama3.1:8b']);
  });

  it('keeps two replicas at least', () => {
    expect(policy.minReplicas).toBe(2);
  });
});

describe('presets.gpu', () => {
  it('labels and taints its g5.2xlarge pools, on-demand and spot', () => {
    const pools = config.fleets[1]?.pools ?? [];

    expect(pools.map(({ capacityType }) => capacityType)).toEqual(['on-demand', 'spot']);
    for (const pool of pools)
      expect(pool).toMatchObject({
        kind: 'elastic',
        instanceTypes: ['g5.2xlarge'],
        gpusPerNode: 1,
        labels: { accelerator: 'nvidia' },
        taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }],
      });
    expect(fleetPolicy(config, 'gpu').minReplicas).toBe(1);
  });
});

describe('overrides', () => {
  it('merge the policy and replace the rest', () => {
    const result = defineConfig({
      region: 'eu-central-1',
      fleets: [presets.cpu({ name: 'chat', models: ['gemma3:4b'], policy: { targetWaitSeconds: 30 } })],
    });

    expect(result.fleets[0]).toMatchObject({
      name: 'chat',
      models: ['gemma3:4b'],
      policy: { targetWaitSeconds: 30, minReplicas: 2 },
    });
    expect(result.fleets[0]?.pools[0]?.zones).toEqual(['eu-central-1a']);
  });

  it('leave the preset as it was', () => {
    presets.gpu({ policy: { minReplicas: 0 } });

    expect(presets.gpu().policy).toEqual({ minReplicas: 1, maxReplicas: 12 });
  });
});

describe('fleetPolicy', () => {
  it('is what the scaler decides by, with every default', () => {
    const { pools, ...policy } = fleetPolicy(config, 'gpu');

    expect(policy).toEqual({
      fleet: 'gpu',
      targetWaitSeconds: 10,
      attainment: 0.98,
      minReplicas: 1,
      maxReplicas: 12,
      activationBacklog: 1,
      idleSeconds: 300,
      schedule: [],
      costCapPerHour: 0,
      maxStepOut: 0,
      maxStepIn: 0,
      spotShare: 0.8,
      onDemandBase: 1,
      tickSeconds: 5,
      drainDeadlineSeconds: 120,
      fallbackDelaySeconds: 30,
      quarantineSeconds: 60,
      quarantineMaxSeconds: 3600,
    });
    expect(pools[1]).toEqual({
      name: 'spot',
      capacityType: 'spot',
      kind: 'elastic',
      min: 0,
      max: 12,
      slots: 4,
      pricePerHour: 0.5454,
      onDemandPricePerHour: 1.212,
      expectedSecondsPerRequest: 1,
      expectedLeadSeconds: 240,
    });
  });

  it('names the fleets there are when asked for another', () => {
    expect(() => fleetPolicy(config, 'tpu')).toThrow(
      'There is no fleet "tpu"; the configuration has cpu, gpu.',
    );
  });
});

it("a preset with other pools has these pools' maximum, unless it is stated", () => {
  const pool = { name: 'one', capacityType: 'on-demand' as const, instanceTypes: ['g5.2xlarge'], max: 2 };
  const maximum = (policy?: { maxReplicas: number }) =>
    fleetPolicy(
      defineConfig({
        region: 'us-east-1',
        fleets: [presets.gpu({ pools: [pool], ...(policy && { policy }) })],
      }),
      'gpu',
    ).maxReplicas;
  expect(maximum()).toBe(2);
  expect(maximum({ maxReplicas: 1 })).toBe(1);
});
