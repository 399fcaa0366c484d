import type { FleetPolicy } from '../../core/scaling/types.ts';
import type { FleetConfig, PaddockConfig } from './types.ts';

/**
 * What the scaler decides by: a fleet's policy and pools, as its SSM parameter holds them.
 *
 * @throws Error when the configuration has no such fleet.
 */
export function fleetPolicy(config: PaddockConfig, fleetName: string): FleetPolicy {
  const fleet = fleetOf(config, fleetName);
  const { schedule, ...policy } = fleet.policy;
  return {
    fleet: fleet.name,
    ...policy,
    schedule: schedule.map((floor) => ({ ...floor, days: [...floor.days] })),
    pools: fleet.pools.map((pool) => ({
      name: pool.name,
      capacityType: pool.capacityType,
      kind: pool.kind,
      min: pool.min,
      max: pool.max,
      slots: pool.slots,
      pricePerHour: pool.pricePerHour,
      onDemandPricePerHour: pool.onDemandPricePerHour,
      expectedSecondsPerRequest: pool.expectedSecondsPerRequest,
      expectedLeadSeconds: pool.expectedLeadSeconds,
    })),
  };
}

export function fleetOf(config: PaddockConfig, name: string): FleetConfig {
  const fleet = config.fleets.find((candidate) => candidate.name === name);
  if (!fleet)
    throw new Error(
      `There is no fleet "${name}"; the configuration has ${config.fleets.map((f) => f.name).join(', ')}.`,
    );
  return fleet;
}
