import type { z } from 'zod';
import type { fleetSchema, poolSchema } from './fleet-schema.ts';
import type { policySchema } from './policy-schema.ts';
import type { configSchema } from './schema.ts';

/** What the user writes. */
export type ConfigInput = z.input<typeof configSchema>;
export type FleetInput = z.input<typeof fleetSchema>;
export type PoolInput = z.input<typeof poolSchema>;

/** As parsed: given options and plain defaults, before what follows from other options is filled in. */
export type ParsedConfig = z.output<typeof configSchema>;
export type ParsedFleet = z.output<typeof fleetSchema>;
export type ParsedPool = z.output<typeof poolSchema>;

type Filled<T, K extends keyof T> = Omit<T, K> & { [P in K]-?: NonNullable<T[P]> };

type DeepReadonly<T> = T extends (infer U)[]
  ? readonly DeepReadonly<U>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** A pool with nothing left to default; `zones` are full names. */
export type PoolConfig = DeepReadonly<
  Filled<ParsedPool, 'zones' | 'pricePerHour' | 'onDemandPricePerHour' | 'gpusPerNode' | 'nodeDiskGiB'>
>;

export type FleetConfig = DeepReadonly<
  Omit<ParsedFleet, 'policy' | 'pools'> & { policy: Filled<z.output<typeof policySchema>, 'maxReplicas'> }
> & { readonly pools: readonly PoolConfig[] };

export type ClusterConfig = DeepReadonly<
  Omit<ParsedConfig['cluster'], 'systemPool'> & {
    systemPool: Filled<ParsedConfig['cluster']['systemPool'], 'zones'>;
  }
>;

export type RouterConfig = DeepReadonly<Filled<ParsedConfig['router'], 'allowedCidrs'>>;

/** A validated configuration: everything filled in, deeply frozen. */
export type PaddockConfig = DeepReadonly<Omit<ParsedConfig, 'cluster' | 'router' | 'fleets'>> & {
  readonly cluster: ClusterConfig;
  readonly router: RouterConfig;
  readonly fleets: readonly FleetConfig[];
};

/** What the rules about one fleet need to know of the rest; undefined parts were themselves not valid. */
export interface Surroundings {
  region: string | undefined;
  cluster: ParsedConfig['cluster'] | undefined;
}
