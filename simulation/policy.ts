import type { FleetPolicy } from '../core/scaling/types.ts';

/** The policy's defaults, with the one elastic on-demand pool that a comparison of rules needs. */
export function defaultPolicy(overrides: Partial<FleetPolicy> = {}): FleetPolicy {
  return {
    fleet: 'simulated',
    targetWaitSeconds: 10,
    attainment: 0.98,
    minReplicas: 1,
    maxReplicas: 200,
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
    pools: [
      {
        name: 'pool',
        capacityType: 'on-demand',
        kind: 'elastic',
        min: 1,
        max: 200,
        slots: 4,
        pricePerHour: 1,
        expectedSecondsPerRequest: 5,
        expectedLeadSeconds: 60,
      },
    ],
    ...overrides,
  };
}
