import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { defineConfig, type FleetConfig, presets } from '../../../infra/config/index.ts';
import { hourlyCosts, replicasAtMost, replicasAtRest, total } from '../../../infra/costs/costs.ts';
import { quotaNeeds } from '../../../infra/costs/quotas.ts';
import { TABLES_FILE, withTables } from '../../../infra/costs/tables.ts';
import { repositoryPath } from '../../../infra/paths.ts';
import config from '../../../paddock.config.ts';

const fleetOf = (policy: object): FleetConfig =>
  defineConfig({ region: 'us-east-1', fleets: [presets.gpu({ policy })] }).fleets[0] as FleetConfig;
const sum = (replicas: Readonly<Record<string, number>>) =>
  Object.values(replicas).reduce((a, b) => a + b, 0);

it('the tables of the deploy guide are current (else: node infra/costs/tables.ts --write)', () => {
  const page = readFileSync(repositoryPath(TABLES_FILE), 'utf8');

  expect(page).toBe(withTables(page, config));
});

describe('replicas at rest', () => {
  it('are on-demand up to the base, then the cheapest', () => {
    expect(replicasAtRest(fleetOf({ minReplicas: 1 }))).toEqual({ 'on-demand': 1, spot: 0 });
    expect(replicasAtRest(fleetOf({ minReplicas: 3 }))).toEqual({ 'on-demand': 1, spot: 2 });
    expect(replicasAtRest(fleetOf({ minReplicas: 0 }))).toEqual({ 'on-demand': 0, spot: 0 });
  });

  it('are as many as asked for, and never more than fit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 0, max: 4 }),
        (minReplicas, onDemandBase) => {
          const fleet = fleetOf({ minReplicas, onDemandBase });
          const replicas = replicasAtRest(fleet);

          expect(sum(replicas)).toBe(minReplicas);
          for (const { name, max } of fleet.pools) expect(replicas[name]).toBeLessThanOrEqual(max);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('hourly costs', () => {
  const lines = (zones: number) =>
    hourlyCosts(
      defineConfig({ region: 'us-east-1', cluster: { natGateways: zones }, fleets: [presets.cpu()] }),
      replicasAtRest,
    );

  it('count each node, gateway and volume', () => {
    // Two c6a.8xlarge with 40 GiB of disk and 60 GiB of models each.
    const pools = lines(1).filter(({ what }) => what.includes('c6a.8xlarge'));

    expect(total(pools)).toBeCloseTo(2 * (1.224 + (100 * 0.08) / 730), 6);
    expect(total(lines(3)) - total(lines(1))).toBeCloseTo(2 * (0.045 + 0.005), 6);
  });

  it('are six times as high for a control plane in extended support', () => {
    const control = (version: '1.33' | '1.36') =>
      hourlyCosts(
        defineConfig({ region: 'us-east-1', cluster: { version }, fleets: [presets.cpu()] }),
        replicasAtMost,
      )[0]?.perHour;

    expect(control('1.33')).toBeCloseTo(6 * (control('1.36') ?? 0), 6);
  });
});

it('quotas are needed for every pool at once, spot apart from on-demand', () => {
  const needed = Object.fromEntries(quotaNeeds(config).map(({ code, needed }) => [code, needed]));

  expect(needed).toEqual({
    // Two c6a.8xlarge, four c6a.4xlarge and three m6a.large.
    'L-1216C47A': 2 * 32 + 4 * 16 + 3 * 2,
    'L-DB2E81BA': 12 * 8,
    'L-34B43A08': 8 * 16,
    'L-3819A6DF': 12 * 8,
    'L-0263D0A3': 1,
    'L-F678F1CE': 1,
  });
});
