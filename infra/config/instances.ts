/**
 * What Paddock knows of instance types. A type that is missing here works too:
 * its pool then states `pricePerHour` (and `gpusPerNode`) itself.
 */

export interface InstanceFacts {
  vcpus: number;
  memoryGiB: number;
  gpus: number;
  /** On-demand, us-east-1, Linux, US dollars per hour. */
  pricePerHour: number;
}

/** When the prices were read. */
export const PRICES_AS_OF = '2026-01';

/** Spot prices move; without a stated price a spot pool is taken to cost this share of on-demand. */
export const SPOT_PRICE_SHARE = 0.45;

const facts = (vcpus: number, memoryGiB: number, gpus: number, pricePerHour: number): InstanceFacts => ({
  vcpus,
  memoryGiB,
  gpus,
  pricePerHour,
});

export const INSTANCES: Readonly<Record<string, InstanceFacts>> = {
  'c6a.4xlarge': facts(16, 32, 0, 0.612),
  'c6a.8xlarge': facts(32, 64, 0, 1.224),
  'c6i.4xlarge': facts(16, 32, 0, 0.68),
  'm6a.large': facts(2, 8, 0, 0.0864),
  'g4dn.xlarge': facts(4, 16, 1, 0.526),
  'g5.xlarge': facts(4, 16, 1, 1.006),
  'g5.2xlarge': facts(8, 32, 1, 1.212),
  'g5.12xlarge': facts(48, 192, 4, 5.672),
  'g6.xlarge': facts(4, 16, 1, 0.8048),
  'g6.2xlarge': facts(8, 32, 1, 0.9776),
  'g6e.xlarge': facts(4, 32, 1, 1.861),
  'g6e.2xlarge': facts(8, 64, 1, 2.242),
};

/** Root disk of a system node: there are more images on it than on a replica's, and no models. */
export const SYSTEM_NODE_DISK_GIB = 40;

/** NVIDIA families of EC2 are `g…` and `p…`; everything else has no GPU that Ollama uses. */
export const looksLikeGpu = (instanceType: string): boolean => /^[gp]\d/.test(instanceType);

/** Graviton: `a1`, and a `g` after the generation (`m7g`, `c6gn`, `g5g`). */
export const isArm = (instanceType: string): boolean => /^(a1|[a-z]+\d+[a-z]*g[a-z]*)\./.test(instanceType);

/** The dearest of the types, so that a cost cap holds whichever one EC2 gives; undefined if one is unknown. */
export function priceOf(
  instanceTypes: readonly string[],
  capacityType: 'on-demand' | 'spot',
): number | undefined {
  const prices = instanceTypes.map((type) => INSTANCES[type]?.pricePerHour);
  if (prices.length === 0 || prices.some((price) => price === undefined)) return undefined;
  const dearest = Math.max(...(prices as number[]));
  const price = capacityType === 'spot' ? dearest * SPOT_PRICE_SHARE : dearest;
  return Math.round(price * 10_000) / 10_000;
}
