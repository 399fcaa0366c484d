import { type ConfigInput, defineConfig, type PaddockConfig, presets } from '../infra/config/index.ts';
import type { FleetScale, Scenario } from './scenarios/scenario.ts';

/** What the command line says about the fleet; undefined keeps the configuration's value. */
export interface FleetOverrides extends Omit<FleetScale, 'bootSeconds' | 'loadSeconds'> {
  fleet?: string;
  preset?: 'cpu' | 'gpu';
  /** Spot's share of the on-demand price. */
  spotPrice?: number;
  /** Node boot and model load of this run: the pools' first guess of the lead time. */
  leadSeconds: number;
  /** Minor version of Kubernetes. */
  kubernetes?: string;
}

type FleetConfig = PaddockConfig['fleets'][number];

/**
 * The configuration of a local run: the user's, with one fleet, as the scenario and the command line want it.
 *
 * @throws Error when there is no such fleet, ConfigError when the overrides don't fit together.
 */
export function localConfig(
  config: PaddockConfig,
  scenario: Pick<Scenario, 'singlePool' | 'defaults' | 'preset'>,
  overrides: FleetOverrides,
): PaddockConfig {
  const stated = overrides.preset ?? (overrides.fleet === undefined ? scenario.preset : undefined);
  const picked = pickFleet(config, { ...overrides, ...(stated && { preset: stated }) });
  const fleet = scenario.singlePool ? singlePool(picked) : picked;
  const minReplicas = overrides.minReplicas ?? scenario.defaults.minReplicas ?? fleet.policy.minReplicas;
  const maxReplicas = overrides.maxReplicas ?? scenario.defaults.maxReplicas ?? fleet.policy.maxReplicas;
  const poolMinimum = fleet.pools.reduce((sum, pool) => sum + pool.min, 0);
  const input = {
    ...config,
    upgrades: localUpgrades(config.upgrades),
    cluster: { ...config.cluster, version: overrides.kubernetes ?? config.cluster.version },
    fleets: [
      {
        ...fleet,
        policy: {
          ...fleet.policy,
          minReplicas,
          maxReplicas,
          idleSeconds: scenario.defaults.idleSeconds ?? fleet.policy.idleSeconds,
        },
        pools: fleet.pools.map((pool) => ({
          ...pool,
          ...(overrides.spotPrice !== undefined &&
            pool.capacityType === 'spot' && {
              pricePerHour: overrides.spotPrice * pool.onDemandPricePerHour,
            }),
          min: poolMinimum > minReplicas ? 0 : pool.min,
          max: scenario.singlePool ? maxReplicas : pool.max,
          slots: overrides.slots ?? scenario.defaults.slots ?? pool.slots,
          expectedSecondsPerRequest:
            overrides.serviceSeconds ?? scenario.defaults.serviceSeconds ?? LOCAL_SECONDS_PER_REQUEST,
          expectedLeadSeconds: Math.max(1, overrides.leadSeconds),
        })),
      },
    ],
  };
  return defineConfig(structuredClone(input) as unknown as ConfigInput);
}

/** Nodes and models come up in seconds here: so long do canaries and control planes prove themselves at most. */
const LOCAL_PROOF_SECONDS = 20;
/** EKS's updates take seconds here. */
const LOCAL_CHECK_SECONDS = 2;

const localUpgrades = (upgrades: PaddockConfig['upgrades']): PaddockConfig['upgrades'] => ({
  ...upgrades,
  soakSeconds: Math.min(upgrades.soakSeconds, LOCAL_PROOF_SECONDS),
  bakeSeconds: Math.min(upgrades.bakeSeconds, LOCAL_PROOF_SECONDS),
  checkSeconds: Math.min(upgrades.checkSeconds, LOCAL_CHECK_SECONDS),
});

/** First guess for the synthetic server's token rates and the scenarios' short prompts. */
const LOCAL_SECONDS_PER_REQUEST = 1.5;

function pickFleet(config: PaddockConfig, { fleet: name, preset }: FleetOverrides): FleetConfig {
  if (preset !== undefined) {
    const fleets = [presets[preset]()];
    return defineConfig({ region: config.region, cluster: { zones: [...config.cluster.zones] }, fleets })
      .fleets[0] as FleetConfig;
  }
  const fleet = name === undefined ? config.fleets[0] : config.fleets.find((f) => f.name === name);
  if (fleet === undefined) {
    const names = config.fleets.map((f) => f.name).join(', ');
    throw new Error(`The configuration has no fleet '${name}'. It has: ${names}.`);
  }
  return fleet;
}

/** One elastic on-demand pool of the fleet's own instance type, so that nothing but the rule is compared. */
function singlePool(fleet: FleetConfig): FleetConfig {
  const base = fleet.pools.find((pool) => pool.capacityType === 'on-demand') ?? fleet.pools[0];
  if (base === undefined) throw new Error(`Fleet '${fleet.name}' has no pool.`);
  // An elastic pool keeps its models on the node's disk: its size follows anew.
  const { nodeDiskGiB: _, ...rest } = base;
  const pool = { ...rest, name: 'on-demand', capacityType: 'on-demand', kind: 'elastic', min: 0 } as const;
  return { ...fleet, pools: [pool as FleetConfig['pools'][number]] };
}
