import { defineConfig, fleetPolicy, presets } from '../../infra/config/index.ts';
import { localConfig } from '../../local/config.ts';
import { arrivalsScenario, SCENARIOS } from '../../local/scenarios/scenarios.ts';

const config = defineConfig({ region: 'us-east-1', fleets: [presets.cpu(), presets.gpu()] });
const scenario = (name: string) => SCENARIOS.find((one) => one.name === name) ?? arrivalsScenario(name, []);
const local = (name: string, overrides = {}) =>
  localConfig(config, scenario(name), { leadSeconds: 5, ...overrides });

describe('the configuration of a local run', () => {
  it('runs the first fleet as it is, and only that one', () => {
    const { fleets } = local('seed-benchmark');
    expect(fleets.map(({ name }) => name)).toEqual(['cpu']);
    expect(fleets[0]?.pools.map(({ name, kind, min, max }) => [name, kind, min, max])).toEqual([
      ['base-a', 'persistent', 1, 1],
      ['base-b', 'persistent', 1, 1],
      ['spot', 'elastic', 0, 8],
      ['on-demand', 'elastic', 0, 4],
    ]);
  });

  it('has canaries and control planes prove themselves for seconds, and keeps what is shorter', () => {
    expect(local('seed-benchmark').upgrades).toMatchObject({
      ...{ soakSeconds: 20, bakeSeconds: 20, checkSeconds: 2 },
    });
    const short = {
      ...config,
      upgrades: { ...config.upgrades, soakSeconds: 5, bakeSeconds: 0, checkSeconds: 1 },
    };
    expect(localConfig(short, scenario('seed-benchmark'), { leadSeconds: 5 }).upgrades).toEqual(
      short.upgrades,
    );
  });

  it('starts the configured Kubernetes, or the one that is asked for', () => {
    expect(local('seed-benchmark').cluster.version).toBe('1.36');
    expect(local('seed-benchmark', { kubernetes: '1.35' }).cluster.version).toBe('1.35');
  });

  it.each(['cpu', 'gpu'] as const)(
    'burst has one elastic on-demand pool of the instance type of the preset %s',
    (preset) => {
      const run = local('burst', { preset });
      const [pool, ...others] = run.fleets[0]?.pools ?? [];
      const expected = config.fleets.find(({ name }) => name === preset)?.pools[0];
      expect(others).toEqual([]);
      expect(pool).toMatchObject({
        kind: 'elastic',
        capacityType: 'on-demand',
        slots: 1,
        min: 0,
        max: 20,
        instanceTypes: expected?.instanceTypes,
        taints: expected?.taints,
        gpusPerNode: expected?.gpusPerNode,
      });
      expect(fleetPolicy(run, preset)).toMatchObject({ minReplicas: 1, maxReplicas: 20 });
    },
  );

  it('takes from the command line what it states', () => {
    const run = local('burst', {
      slots: 3,
      serviceSeconds: 0.5,
      minReplicas: 2,
      maxReplicas: 6,
      leadSeconds: 42,
    });
    expect(fleetPolicy(run, 'cpu')).toMatchObject({ minReplicas: 2, maxReplicas: 6 });
    expect(run.fleets[0]?.pools[0]).toMatchObject({
      slots: 3,
      expectedSecondsPerRequest: 0.5,
      expectedLeadSeconds: 42,
    });
  });

  it('lets a fleet sleep although its pools state minimums', () => {
    const run = local('seed-benchmark', { minReplicas: 0 });
    expect(run.fleets[0]?.pools.map(({ min }) => min)).toEqual([0, 0, 0, 0]);
  });

  it('names the fleets that there are when the one asked for is not', () => {
    expect(() => local('burst', { fleet: 'nope' })).toThrow("no fleet 'nope'. It has: cpu, gpu");
  });
});
