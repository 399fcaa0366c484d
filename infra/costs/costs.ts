import type { FleetConfig, PaddockConfig, PoolConfig } from '../config/index.ts';
import { priceOf, SYSTEM_NODE_DISK_GIB } from '../config/instances.ts';
import { PRICES } from './prices.ts';

/** Hours of a month, as AWS's calculator counts. */
export const HOURS_PER_MONTH = 730;

/** What runs by the hour. Traffic, logs, requests and metrics come on top: they follow the use. */
export interface CostLine {
  readonly what: string;
  readonly perHour: number;
}

/** Replicas of each pool of a fleet. */
export type Replicas = Readonly<Record<string, number>>;

const EXTENDED_SUPPORT: readonly string[] = ['1.33'];

/** The replicas that stay when nothing is to do: the pools' own, and what `minReplicas` asks for beyond. */
export function replicasAtRest({ policy, pools }: FleetConfig): Replicas {
  const replicas = new Map(pools.map((pool) => [pool, pool.min]));
  const count = (which: (pool: PoolConfig) => boolean) =>
    [...replicas].reduce((sum, [pool, n]) => sum + (which(pool) ? n : 0), 0);
  const onDemand = (pool: PoolConfig) => pool.capacityType === 'on-demand';
  const byPrice = pools.toSorted((a, b) => a.pricePerHour / a.slots - b.pricePerHour / b.slots);

  while (count(() => true) < policy.minReplicas) {
    const open = byPrice.filter((pool) => (replicas.get(pool) ?? 0) < pool.max);
    const next = (count(onDemand) < policy.onDemandBase ? open.find(onDemand) : undefined) ?? open[0];
    if (!next) break;
    replicas.set(next, (replicas.get(next) ?? 0) + 1);
  }
  return Object.fromEntries([...replicas].map(([pool, n]) => [pool.name, n]));
}

/** Every pool full. */
export const replicasAtMost = ({ pools }: FleetConfig): Replicas =>
  Object.fromEntries(pools.map((pool) => [pool.name, pool.max]));

/**
 * What a configuration costs per hour, in US dollars by the list prices of us-east-1.
 *
 * @param replicas how many replicas each fleet has
 */
export function hourlyCosts(config: PaddockConfig, replicas: (fleet: FleetConfig) => Replicas): CostLine[] {
  const { cluster, monitoring, webui, volumeType } = config;
  const { min, instanceTypes } = cluster.systemPool;
  const control = EXTENDED_SUPPORT.includes(cluster.version) ? PRICES.extendedSupport : PRICES.cluster;
  const volumes = [
    ...(monitoring.prometheus.enabled ? [monitoring.prometheus.storageGiB] : []),
    ...(webui.enabled ? [webui.volumeGiB] : []),
  ];
  return [
    { what: control.what, perHour: control.price },
    { what: `${min} system nodes`, perHour: min * (priceOf(instanceTypes, 'on-demand') ?? Number.NaN) },
    {
      what: `${cluster.natGateways} NAT gateway${cluster.natGateways > 1 ? 's' : ''}`,
      perHour: cluster.natGateways * (PRICES.nat.price + PRICES.publicAddress.price),
    },
    { what: PRICES.loadBalancer.what, perHour: PRICES.loadBalancer.price },
    ...config.fleets.flatMap((fleet) =>
      fleet.pools.map((pool) => poolCost(fleet, pool, replicas(fleet)[pool.name] ?? 0, volumeType)),
    ),
    {
      what: 'Volumes of the system nodes and of what runs there',
      perHour: disks(Array(min).fill(SYSTEM_NODE_DISK_GIB)) + disks(volumes, volumeType),
    },
  ].filter(({ perHour }) => perHour !== 0);
}

/** Nodes' own disks are gp3, whatever the claims of pods ask for. */
const disks = (sizesGiB: readonly number[], type: 'gp2' | 'gp3' = 'gp3'): number =>
  (sizesGiB.reduce((sum, size) => sum + size, 0) * PRICES[type].price) / HOURS_PER_MONTH;

/** Nodes with their disks, and the volumes that hold a persistent pool's models. */
function poolCost(
  fleet: FleetConfig,
  pool: PoolConfig,
  replicas: number,
  volumeType: 'gp2' | 'gp3',
): CostLine {
  const storage =
    disks([pool.nodeDiskGiB]) + (pool.kind === 'persistent' ? disks([pool.modelStorageGiB], volumeType) : 0);
  return {
    what: `${replicas} × ${pool.instanceTypes.join(' or ')} ${pool.capacityType} (${fleet.name}/${pool.name}), with disk`,
    perHour: replicas * (pool.pricePerHour + storage),
  };
}

export const total = (lines: readonly CostLine[]): number =>
  lines.reduce((sum, { perHour }) => sum + perHour, 0);
