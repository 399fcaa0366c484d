import { defineConfig } from '../../../infra/config/index.ts';

export const FLEET = 'cpu';
export const POOL = 'on-demand';
export const MODEL = 'llama3.1:8b';
export const MAX_REPLICAS = 3;
export const SERVICE_SECONDS = 0.3;

/** Short ticks, short holds: a fleet of one elastic pool that grows one replica per tick and shrinks within seconds. */
export const config = () =>
  defineConfig({
    region: 'us-east-1',
    fleets: [
      {
        name: FLEET,
        models: [MODEL],
        policy: {
          targetWaitSeconds: 1,
          attainment: 0.5,
          minReplicas: 1,
          maxReplicas: MAX_REPLICAS,
          maxStepOut: 1,
          tickSeconds: 1,
          drainDeadlineSeconds: 20,
        },
        pools: [
          {
            name: POOL,
            capacityType: 'on-demand',
            instanceTypes: ['c6a.4xlarge'],
            max: MAX_REPLICAS,
            slots: 1,
            expectedSecondsPerRequest: SERVICE_SECONDS,
            expectedLeadSeconds: 2,
          },
        ],
      },
    ],
  });

/** The same with room for a canary beside the load, and canaries that are asked for seconds instead of minutes; EKS is asked every second. */
export const upgradeConfig = () => {
  const base = config();
  const fleets = base.fleets.map((fleet) => ({
    ...fleet,
    policy: { ...fleet.policy, maxReplicas: 4, attainment: 0.9 },
    pools: fleet.pools.map((pool) => ({ ...pool, max: 5, slots: 2 })),
  }));
  return { ...base, fleets, upgrades: { ...base.upgrades, soakSeconds: 8, checkSeconds: 1 } };
};

/** A cluster of the version before, with two replicas, whose new control plane is watched for seconds. */
export const kubernetesConfig = () => {
  const base = upgradeConfig();
  return {
    ...base,
    cluster: { ...base.cluster, version: '1.35' as const },
    fleets: base.fleets.map((fleet) => ({ ...fleet, policy: { ...fleet.policy, minReplicas: 2 } })),
    upgrades: { ...base.upgrades, bakeSeconds: 5 },
  };
};

export const SPOT = 'spot';
export const SPOT_SERVICE_SECONDS = 8;

/** Three replicas: one on-demand, two spot; failures are forgiven within half a minute. */
export const spotConfig = () => {
  const pool = { max: 3, slots: 1, expectedSecondsPerRequest: SPOT_SERVICE_SECONDS, expectedLeadSeconds: 2 };
  return defineConfig({
    region: 'us-east-1',
    fleets: [
      {
        name: FLEET,
        models: [MODEL],
        policy: {
          ...{
            targetWaitSeconds: 5,
            attainment: 0.5,
            minReplicas: 3,
            tickSeconds: 1,
            drainDeadlineSeconds: 60,
          },
          ...{ fallbackDelaySeconds: 1, quarantineSeconds: 10, quarantineMaxSeconds: 20 },
        },
        pools: [
          { ...pool, name: POOL, capacityType: 'on-demand', instanceTypes: ['c6a.4xlarge'] },
          { ...pool, name: SPOT, capacityType: 'spot', instanceTypes: ['c6a.4xlarge'] },
        ],
      },
    ],
  });
};
