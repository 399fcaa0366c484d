import { scalerAccess, warmupAccess, workerAccess } from './access.ts';
import { ownLeaseBinding, ownLeasePolicy } from './admission.ts';
import { fleetService, storageClass, workerServiceAccount } from './base.ts';
import { devicePlugin } from './device-plugin.ts';
import { poolDisruptionBudget, poolWorkload } from './pool.ts';
import type { Manifest, WorkloadEnvironment, WorkloadFleet, WorkloadPool } from './types.ts';

export { namespace } from './base.ts';
export { VISIBILITY_SECONDS } from './containers.ts';
export { serviceAccountName, serviceName } from './names.ts';
export type { Manifest, WorkloadEnvironment, WorkloadFleet, WorkloadPool } from './types.ts';

type Fleet = WorkloadFleet & { readonly pools: readonly WorkloadPool[] };

/** What the whole cluster shares, the namespace aside: who may do what, and where models lie. */
export function sharedManifests(fleets: readonly Fleet[], images: { devicePlugin: string }): Manifest[] {
  const pools = fleets.flatMap((fleet) => fleet.pools.map((pool) => ({ fleet: fleet.name, pool })));
  // Bottlerocket's NVIDIA image brings the device plugin; a second one beside it would offer the GPUs twice.
  const pluginPools = pools.filter(({ pool }) => pool.gpusPerNode > 0 && pool.os === 'al2023');
  return [
    ...fleets.map((fleet) => workerServiceAccount(fleet.name)),
    ...scalerAccess(),
    ...warmupAccess(),
    ...workerAccess(fleets.map((fleet) => fleet.name)),
    ownLeasePolicy(),
    ownLeaseBinding(),
    ...(pools.some(({ pool }) => pool.kind === 'persistent') ? [storageClass()] : []),
    ...(pluginPools.length > 0
      ? [
          devicePlugin(
            images.devicePlugin,
            pluginPools.map(({ fleet, pool }) => ({ fleet, pool: pool.name })),
          ),
        ]
      : []),
  ];
}

/** A fleet's service, and the workload and disruption budget of each of its pools. */
export const fleetManifests = (fleet: Fleet, env: WorkloadEnvironment): Manifest[] => [
  fleetService(fleet.name),
  ...fleet.pools.flatMap((pool) => [poolWorkload(fleet, pool, env), poolDisruptionBudget(fleet, pool)]),
];
