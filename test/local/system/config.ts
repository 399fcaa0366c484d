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
