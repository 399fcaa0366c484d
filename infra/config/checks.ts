import { nodegroupName, workloadName } from '../../core/protocol/names.ts';
import { APP_ROUTER, APP_WEBUI } from '../../workloads/names.ts';
import { checkPool } from './checks-pool.ts';
import { minAboveMax, type Problem, pathText } from './errors.ts';
import { PRICES_AS_OF, priceOf } from './instances.ts';
import { sum } from './resolve.ts';
import type { ParsedFleet, Surroundings } from './types.ts';

/** EKS allows 63 characters; Kubernetes appends a hash to a StatefulSet's name within a label of 63. */
const NODEGROUP_NAME_MAX = 63;
const WORKLOAD_NAME_MAX = 52;

/** Services that stand beside the fleets' own, which are named after them. */
const RESERVED_NAMES: readonly string[] = [APP_ROUTER, APP_WEBUI];

/** Rules between fleets: names that would collide in the cluster. */
export function checkNames(fleets: readonly { fleet: ParsedFleet; index: number }[]): Problem[] {
  const problems: Problem[] = [];
  const seenFleets = new Map<string, string>();
  const seenWorkloads = new Map<string, string>();
  for (const { fleet, index } of fleets) {
    const path = `fleets[${index}].name`;
    const twin = seenFleets.get(fleet.name);
    if (twin)
      problems.push({
        path,
        message: `"${fleet.name}" is also ${twin}`,
        fix: 'Give every fleet its own name.',
      });
    else seenFleets.set(fleet.name, path);
    if (RESERVED_NAMES.includes(fleet.name))
      problems.push({
        path,
        message: `"${fleet.name}" is the name of a part of Paddock in the cluster`,
        fix: `Choose another name than ${RESERVED_NAMES.join(' and ')}.`,
      });
    fleet.pools.forEach((pool, poolIndex) => {
      const poolPath = `fleets[${index}].pools[${poolIndex}].name`;
      const workload = workloadName(fleet.name, pool.name);
      const other = seenWorkloads.get(workload);
      if (other && !twin)
        problems.push({
          path: poolPath,
          message: `makes the workload "${workload}", as ${other} does`,
          fix: 'Rename one of the pools so that "<fleet>-<pool>" is unique.',
        });
      else seenWorkloads.set(workload, poolPath);
    });
  }
  return problems;
}

export function checkFleet(fleet: ParsedFleet, index: number, around: Surroundings): Problem[] {
  const at = (...path: PropertyKey[]) => pathText(['fleets', index, ...path]);
  return [
    ...checkPolicy(fleet, at),
    ...fleet.pools.flatMap((pool, poolIndex) => [
      ...checkLengths(fleet.name, pool.name, at('pools', poolIndex, 'name'), around),
      ...checkPool(pool, fleet, (...path) => at('pools', poolIndex, ...path), around),
    ]),
  ];
}

function checkPolicy(fleet: ParsedFleet, at: (...path: PropertyKey[]) => string): Problem[] {
  const { policy, pools } = fleet;
  const problems: Problem[] = [];
  const add = (path: string, message: string, fix: string) => problems.push({ path, message, fix });
  const onDemand = pools.filter((pool) => pool.capacityType === 'on-demand');
  const poolMin = sum(pools.map((pool) => pool.min));
  const poolMax = sum(pools.map((pool) => pool.max));
  const onDemandMax = sum(onDemand.map((pool) => pool.max));
  const max = policy.maxReplicas ?? poolMax;

  if (onDemand.length === 0)
    add(
      at('pools'),
      'has no on-demand pool: nothing serves when spot runs out',
      'Add a pool with capacityType "on-demand".',
    );
  else if (policy.onDemandBase > onDemandMax)
    add(
      at('policy', 'onDemandBase'),
      `is ${policy.onDemandBase}, but the on-demand pools hold ${onDemandMax} replicas at most`,
      `Lower it to ${onDemandMax}, or raise the \`max\` of an on-demand pool.`,
    );
  if (policy.minReplicas > poolMax)
    add(
      at('policy', 'minReplicas'),
      `is ${policy.minReplicas}, but the pools hold ${poolMax} replicas at most`,
      `Lower it to ${poolMax}, or raise the \`max\` of a pool.`,
    );
  else if (policy.minReplicas > max)
    problems.push(minAboveMax(at('policy'), policy.minReplicas, max, 'Replicas'));
  if (policy.minReplicas < poolMin)
    add(
      at('policy', 'minReplicas'),
      `is ${policy.minReplicas}, but the pools' own \`min\` keep ${poolMin} replicas`,
      `Raise it to ${poolMin}, or lower the \`min\` of a pool.`,
    );
  if (policy.maxReplicas !== undefined && policy.maxReplicas > poolMax)
    add(
      at('policy', 'maxReplicas'),
      `is ${policy.maxReplicas}, but the pools hold ${poolMax} replicas at most`,
      `Lower it to ${poolMax}, or raise the \`max\` of a pool.`,
    );
  if (policy.quarantineMaxSeconds < policy.quarantineSeconds)
    add(
      at('policy', 'quarantineMaxSeconds'),
      `is ${policy.quarantineMaxSeconds}, less than quarantineSeconds (${policy.quarantineSeconds})`,
      `Raise it to ${policy.quarantineSeconds} at least, or lower quarantineSeconds.`,
    );
  policy.schedule.forEach((floor, floorIndex) => {
    if (floor.replicas > max)
      add(
        at('policy', 'schedule', floorIndex, 'replicas'),
        `is ${floor.replicas}, but the fleet has ${max} replicas at most`,
        `Lower it to ${max}, or raise maxReplicas and the pools' \`max\`.`,
      );
    if (floor.from === floor.to)
      add(
        at('policy', 'schedule', floorIndex, 'to'),
        `equals \`from\` (${floor.from}): the window is empty`,
        'Use "00:00" to "23:59", or another end.',
      );
  });
  return [...problems, ...checkCostCap(fleet, at)];
}

function checkCostCap({ policy, pools }: ParsedFleet, at: (...path: PropertyKey[]) => string): Problem[] {
  const prices = pools.map((pool) => pool.pricePerHour ?? priceOf(pool.instanceTypes, pool.capacityType));
  if (policy.costCapPerHour === 0 || prices.some((price) => price === undefined)) return [];
  const floor = policy.minReplicas * Math.min(...(prices as number[]));
  if (floor <= policy.costCapPerHour) return [];
  return [
    {
      path: at('policy', 'costCapPerHour'),
      message: `is ${policy.costCapPerHour}, but ${policy.minReplicas} replicas cost ${floor.toFixed(2)} an hour at least (prices of ${PRICES_AS_OF} unless stated)`,
      fix: `Raise it above ${floor.toFixed(2)}, or lower minReplicas.`,
    },
  ];
}

function checkLengths(fleet: string, pool: string, path: string, { cluster }: Surroundings): Problem[] {
  const workload = workloadName(fleet, pool);
  const nodegroup = cluster && nodegroupName(cluster.name, fleet, pool);
  if (nodegroup && nodegroup.length > NODEGROUP_NAME_MAX)
    return [
      {
        path,
        message: `makes the node group "${nodegroup}" of ${nodegroup.length} characters; EKS allows ${NODEGROUP_NAME_MAX}`,
        fix: `Shorten the name of the cluster, the fleet or the pool by ${nodegroup.length - NODEGROUP_NAME_MAX}.`,
      },
    ];
  if (workload.length > WORKLOAD_NAME_MAX)
    return [
      {
        path,
        message: `makes the workload "${workload}" of ${workload.length} characters; ${WORKLOAD_NAME_MAX} fit`,
        fix: `Shorten the name of the fleet or the pool by ${workload.length - WORKLOAD_NAME_MAX}.`,
      },
    ];
  return [];
}
