import { minAboveMax, type Problem } from './errors.ts';
import { INSTANCES, isArm, looksLikeGpu, priceOf } from './instances.ts';
import { isEmbeddingModel, parametersInBillions } from './models.ts';
import { defaultNodeDisk, gpusOf } from './resolve.ts';
import type { ParsedFleet, ParsedPool, Surroundings } from './types.ts';
import { isZoneOf, zoneName } from './zones.ts';

/** Past 8 billion parameters a CPU node answers slower than its clients wait. */
const CPU_MAX_BILLIONS = 8;

type At = (...path: PropertyKey[]) => string;

/** Rules about one pool. Each is independent, so that all that is wrong shows at once. */
export function checkPool(pool: ParsedPool, fleet: ParsedFleet, at: At, around: Surroundings): Problem[] {
  return [
    ...checkSize(pool, at),
    ...checkZones(pool, at, around),
    ...checkInstances(pool, at),
    ...checkResources(pool, at),
    ...checkModels(pool, fleet, at),
  ];
}

function checkSize(pool: ParsedPool, at: At): Problem[] {
  const problems: Problem[] = [];
  if (pool.min > pool.max) problems.push({ ...minAboveMax('', pool.min, pool.max), path: at('min') });
  if (pool.warmPool && pool.capacityType === 'spot')
    problems.push({
      path: at('warmPool'),
      message: 'waits with spot instances, which EC2 Auto Scaling refuses',
      fix: 'Leave it out, or make it a pool with capacityType "on-demand".',
    });
  const disk = defaultNodeDisk(pool);
  if (pool.nodeDiskGiB !== undefined && pool.nodeDiskGiB < disk)
    problems.push({
      path: at('nodeDiskGiB'),
      message: `is ${pool.nodeDiskGiB} GiB, but system, images and models need ${disk} GiB`,
      fix: `Raise it to ${disk}, or lower modelStorageGiB.`,
    });
  return problems;
}

function checkZones(pool: ParsedPool, at: At, { region, cluster }: Surroundings): Problem[] {
  const problems: Problem[] = [];
  if (pool.kind === 'persistent' && pool.zones?.length !== 1)
    problems.push({
      path: at('zones'),
      message: `a persistent pool names ${pool.zones?.length ?? 0} zones: a volume can't follow a pod to another zone`,
      fix: 'Name exactly one zone, such as zones: ["a"], and make one pool for each zone.',
    });
  if (region === undefined) return problems;
  const clusterZones = cluster?.zones.map((zone) => zoneName(region, zone));
  pool.zones?.forEach((letter, index) => {
    const zone = zoneName(region, letter);
    if (!isZoneOf(region, zone))
      problems.push({
        path: at('zones', index),
        message: `"${letter}" is not in the region ${region}`,
        fix: `Name a zone of ${region}, such as "${region}a" or just "a".`,
      });
    else if (clusterZones && !clusterZones.includes(zone))
      problems.push({
        path: at('zones', index),
        message: `"${zone}" is no zone of the cluster (${clusterZones.join(', ')})`,
        fix: `Use one of those, or add "${zone}" to cluster.zones.`,
      });
  });
  return problems;
}

function checkInstances(pool: ParsedPool, at: At): Problem[] {
  const problems: Problem[] = [];
  const unknown = pool.instanceTypes.filter((type) => !INSTANCES[type]);
  if (pool.pricePerHour === undefined && priceOf(pool.instanceTypes, pool.capacityType) === undefined)
    problems.push({
      path: at('pricePerHour'),
      message: `the price of ${unknown.join(', ')} is not known`,
      fix: `State pricePerHour: US dollars per hour of one ${pool.capacityType} node.`,
    });
  for (const type of pool.instanceTypes) {
    const known = INSTANCES[type]?.gpus;
    const stated = pool.gpusPerNode;
    if (known !== undefined && stated !== undefined && known !== stated)
      problems.push({
        path: at('gpusPerNode'),
        message: `is ${stated}, but ${type} has ${known}`,
        fix: `Set it to ${known}, leave it out, or choose another instance type.`,
      });
    else if (known === undefined && looksLikeGpu(type) && !stated)
      problems.push({
        path: at('gpusPerNode'),
        message: stated === 0 ? `is 0, but ${type} has GPUs` : `the number of GPUs of ${type} is not known`,
        fix: 'State how many NVIDIA GPUs one node has.',
      });
    else if (known === undefined && !looksLikeGpu(type) && stated)
      problems.push({
        path: at('gpusPerNode'),
        message: `is ${stated}, but ${type} has no GPU`,
        fix: 'Leave it out, or choose an instance type of a g or p family.',
      });
  }
  problems.push(...checkArchitecture(pool.instanceTypes, at('instanceTypes')));
  const gpus = new Set(
    pool.instanceTypes.map((type) => INSTANCES[type]?.gpus).filter((n) => n !== undefined),
  );
  if (gpus.size > 1)
    problems.push({
      path: at('instanceTypes'),
      message: `the types differ in GPUs (${[...gpus].join(', ')})`,
      fix: 'Make one pool for each number of GPUs: a pool has one service rate.',
    });
  return problems;
}

/** Nodes of one group boot from one image. */
export function checkArchitecture(instanceTypes: readonly string[], path: string): Problem[] {
  if (new Set(instanceTypes.map(isArm)).size < 2) return [];
  return [
    {
      path,
      message: `mixes Arm (${instanceTypes.filter(isArm).join(', ')}) with x86`,
      fix: 'Name types of one architecture: the nodes of a group boot from one image.',
    },
  ];
}

function checkResources(pool: ParsedPool, at: At): Problem[] {
  const problems: Problem[] = [];
  const { cpu, cpuLimit, memoryGiB, memoryLimitGiB } = pool.resources;
  if (cpuLimit !== undefined && cpu > cpuLimit)
    problems.push({
      path: at('resources', 'cpu'),
      message: `${cpu} is above cpuLimit ${cpuLimit}`,
      fix: `Lower cpu to ${cpuLimit}, or raise cpuLimit.`,
    });
  if (memoryLimitGiB !== undefined && memoryGiB > memoryLimitGiB)
    problems.push({
      path: at('resources', 'memoryGiB'),
      message: `${memoryGiB} is above memoryLimitGiB ${memoryLimitGiB}`,
      fix: `Lower memoryGiB to ${memoryLimitGiB}, or raise memoryLimitGiB.`,
    });
  for (const type of pool.instanceTypes) {
    const facts = INSTANCES[type];
    if (!facts) continue;
    if (cpu >= facts.vcpus)
      problems.push({
        path: at('resources', 'cpu'),
        message: `${cpu} does not fit on ${type}: ${facts.vcpus} vCPU, part of them the system's`,
        fix: `Lower it below ${facts.vcpus}, or choose a larger instance type.`,
      });
    if (memoryGiB > facts.memoryGiB * 0.9)
      problems.push({
        path: at('resources', 'memoryGiB'),
        message: `${memoryGiB} does not fit on ${type}: ${facts.memoryGiB} GiB, part of them the system's`,
        fix: `Lower it to ${Math.floor(facts.memoryGiB * 0.9)}, or choose a larger instance type.`,
      });
  }
  return problems;
}

function checkModels(pool: ParsedPool, fleet: ParsedFleet, at: At): Problem[] {
  const problems: Problem[] = [];
  for (const model of fleet.models) {
    const billions = parametersInBillions(model);
    if (
      gpusOf(pool) === 0 &&
      !pool.instanceTypes.some(looksLikeGpu) &&
      billions !== undefined &&
      billions > CPU_MAX_BILLIONS
    )
      problems.push({
        path: at('instanceTypes'),
        message: `${model} has ${billions} billion parameters, more than the ${CPU_MAX_BILLIONS} that a CPU pool serves`,
        fix: 'Use a GPU instance type, or a smaller model.',
      });
    if (pool.slots > 1 && isEmbeddingModel(model))
      problems.push({
        path: at('slots'),
        message: `is ${pool.slots}, but Ollama serves the embedding model ${model} one request at a time`,
        fix: 'Set slots to 1, or serve the embedding model from a fleet of its own.',
      });
  }
  return problems;
}
