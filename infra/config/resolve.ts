import { INSTANCES, priceOf, SPOT_PRICE_SHARE } from './instances.ts';
import type {
  FleetConfig,
  PaddockConfig,
  ParsedConfig,
  ParsedFleet,
  ParsedPool,
  PoolConfig,
} from './types.ts';
import { zoneName } from './zones.ts';

/** Root disk for the system and the images: Ollama's alone unpacks to several GiB. */
const SYSTEM_DISK_GIB = 40;

/** Fills in what follows from other options. Expects a configuration that passed every check. */
export function resolve(config: ParsedConfig): PaddockConfig {
  const clusterZones = config.cluster.zones.map((zone) => zoneName(config.region, zone));
  return {
    ...config,
    cluster: {
      ...config.cluster,
      zones: clusterZones,
      systemPool: {
        ...config.cluster.systemPool,
        zones: systemZones(config.cluster).map((zone) => zoneName(config.region, zone)),
      },
    },
    router: { ...config.router, allowedCidrs: config.router.allowedCidrs ?? [config.cluster.vpcCidr] },
    fleets: config.fleets.map((fleet) => resolveFleet(fleet, config.region, clusterZones)),
  };
}

/** As configured, else the first two of the cluster. */
export const systemZones = ({ zones, systemPool }: ParsedConfig['cluster']): string[] =>
  systemPool.zones ?? zones.slice(0, 2);

function resolveFleet(fleet: ParsedFleet, region: string, clusterZones: string[]): FleetConfig {
  const maxReplicas = fleet.policy.maxReplicas ?? sum(fleet.pools.map((pool) => pool.max));
  return {
    ...fleet,
    policy: { ...fleet.policy, maxReplicas },
    pools: fleet.pools.map((pool) => resolvePool(pool, region, clusterZones)),
  };
}

function resolvePool(pool: ParsedPool, region: string, clusterZones: string[]): PoolConfig {
  const pricePerHour = pool.pricePerHour ?? (priceOf(pool.instanceTypes, pool.capacityType) as number);
  return {
    ...pool,
    zones: pool.zones?.map((zone) => zoneName(region, zone)) ?? clusterZones,
    pricePerHour,
    onDemandPricePerHour:
      pool.onDemandPricePerHour ??
      priceOf(pool.instanceTypes, 'on-demand') ??
      (pool.capacityType === 'spot' ? pricePerHour / SPOT_PRICE_SHARE : pricePerHour),
    gpusPerNode: gpusOf(pool),
    nodeDiskGiB: pool.nodeDiskGiB ?? defaultNodeDisk(pool),
  };
}

/** GPUs as stated, else of the first instance type that the table knows; 0 if it knows none. */
export const gpusOf = (pool: ParsedPool): number =>
  pool.gpusPerNode ??
  pool.instanceTypes.map((type) => INSTANCES[type]?.gpus).find((gpus) => gpus !== undefined) ??
  0;

export const defaultNodeDisk = (pool: ParsedPool): number =>
  SYSTEM_DISK_GIB + (pool.kind === 'elastic' ? pool.modelStorageGiB : 0);

export const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, number) => total + number, 0);
