import { healthcheckAccess, scalerAccess, upgradeAccess, warmupAccess, workerAccess } from './access.ts';
import { ownLeaseBinding, ownLeasePolicy } from './admission.ts';
import { fleetService, workerServiceAccount } from './base.ts';
import { poolCanary } from './canary.ts';
import { devicePlugin } from './device-plugin.ts';
import { networkPolicies } from './network-policy.ts';
import { poolDisruptionBudget, poolWorkload } from './pool.ts';
import { priorityClasses } from './priority.ts';
import { containerDefaults, servingQuota, volumeQuota } from './quota.ts';
import { storageClass } from './storage.ts';
import type {
  Manifest,
  VolumeType,
  WorkloadEnvironment,
  WorkloadFleet,
  WorkloadNetwork,
  WorkloadPool,
} from './types.ts';

export { namespace } from './base.ts';
export { serviceAccountName, serviceName } from './names.ts';
export type { Manifest, WorkloadEnvironment, WorkloadFleet, WorkloadNetwork, WorkloadPool } from './types.ts';
export { webuiManifests } from './webui.ts';

type Fleet = WorkloadFleet & { readonly pools: readonly WorkloadPool[] };

/** The configuration, as far as it is about what the whole cluster shares. */
export interface SharedSettings {
  readonly fleets: readonly Fleet[];
  readonly images: { readonly devicePlugin: string };
  readonly volumeType: VolumeType;
  readonly webui: { readonly enabled: boolean; readonly volumeGiB: number };
}

/** What the whole cluster shares, the namespace aside: who may do what, talk to whom, and ask for how much. */
export function sharedManifests(
  { fleets, images, volumeType, webui }: SharedSettings,
  network: WorkloadNetwork,
): Manifest[] {
  const pools = fleets.flatMap((fleet) => fleet.pools.map((pool) => ({ fleet: fleet.name, pool })));
  // Bottlerocket's NVIDIA image brings the device plugin; a second one beside it would offer the GPUs twice.
  const pluginPools = pools.filter(({ pool }) => pool.gpusPerNode > 0 && pool.os === 'al2023');
  const hasVolumes = webui.enabled || pools.some(({ pool }) => pool.kind === 'persistent');
  return [
    ...priorityClasses(),
    ...fleets.map((fleet) => workerServiceAccount(fleet.name)),
    ...scalerAccess(),
    ...warmupAccess(),
    ...healthcheckAccess(),
    ...upgradeAccess(pools.map(({ fleet, pool }) => ({ fleet, pool: pool.name, kind: pool.kind }))),
    ...workerAccess(fleets.map((fleet) => fleet.name)),
    ownLeasePolicy(),
    ownLeaseBinding(),
    ...networkPolicies({ ...network, webui: webui.enabled }),
    servingQuota(fleets),
    volumeQuota(fleets, webui.enabled ? [webui.volumeGiB] : []),
    containerDefaults(),
    ...(hasVolumes ? [storageClass(volumeType)] : []),
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

/** A fleet's service, and the workload, disruption budget and resting canary of each of its pools. */
export const fleetManifests = (fleet: Fleet, env: WorkloadEnvironment): Manifest[] => [
  fleetService(fleet.name),
  ...fleet.pools.flatMap((pool) => [
    poolWorkload(fleet, pool, env),
    poolDisruptionBudget(fleet, pool),
    poolCanary(fleet, pool, env),
  ]),
];
