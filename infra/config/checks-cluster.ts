import { BlockList } from 'node:net';
import { checkArchitecture } from './checks-pool.ts';
import { minAboveMax, type Problem } from './errors.ts';
import { systemZones } from './resolve.ts';
import type { ParsedConfig } from './types.ts';
import { isZoneOf, zoneName } from './zones.ts';

type ParsedCluster = ParsedConfig['cluster'];

/** Networks that no address of the internet lies in: EKS refuses them for the public endpoint. */
const NOT_PUBLIC = new BlockList();
for (const [network, prefix] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  NOT_PUBLIC.addSubnet(network, prefix);

export function checkCluster(region: string, cluster: ParsedCluster): Problem[] {
  const problems: Problem[] = [];
  const zones = cluster.zones.map((zone) => zoneName(region, zone));
  zones.forEach((zone, index) => {
    if (!isZoneOf(region, zone))
      problems.push({
        path: `cluster.zones[${index}]`,
        message: `"${zone}" is not in the region ${region}`,
        fix: `Name a zone of ${region}, such as "${region}a" or just "a".`,
      });
  });
  if (new Set(zones).size < zones.length)
    problems.push({ path: 'cluster.zones', message: 'names a zone twice', fix: 'Name each zone once.' });
  if (cluster.natGateways > zones.length)
    problems.push({
      path: 'cluster.natGateways',
      message: `is ${cluster.natGateways} for ${zones.length} zones`,
      fix: `Give at most ${zones.length}.`,
    });
  for (const option of ['admins', 'publicAccessCidrs', 'controlPlaneLogs'] as const)
    if (new Set<string>(cluster[option]).size < cluster[option].length)
      problems.push({ path: `cluster.${option}`, message: 'names one twice', fix: 'Name each once.' });
  cluster.publicAccessCidrs.forEach((cidr, index) => {
    if (NOT_PUBLIC.check(cidr.split('/')[0] as string))
      problems.push({
        path: `cluster.publicAccessCidrs[${index}]`,
        message: `"${cidr}" is a private network, which nobody comes from over the internet`,
        fix: 'Name the public address of your clients\' network, such as "203.0.113.7/32", or leave it out: inside the VPC the API answers anyway.',
      });
  });
  return [...problems, ...checkSystemPool(region, cluster, zones)];
}

function checkSystemPool(region: string, cluster: ParsedCluster, clusterZones: string[]): Problem[] {
  const { min, max, instanceTypes } = cluster.systemPool;
  const problems = checkArchitecture(instanceTypes, 'cluster.systemPool.instanceTypes');
  if (min > max) problems.push(minAboveMax('cluster.systemPool', min, max));
  const zones = systemZones(cluster).map((zone) => zoneName(region, zone));
  const path = 'cluster.systemPool.zones';
  const foreign = zones.filter((zone) => !clusterZones.includes(zone));
  if (foreign.length > 0)
    problems.push({
      path,
      message: `${foreign.join(', ')} is no zone of the cluster (${clusterZones.join(', ')})`,
      fix: 'Name zones of the cluster.',
    });
  if (new Set(zones).size < zones.length)
    problems.push({ path, message: 'names a zone twice', fix: 'Name each zone once.' });
  if (min < zones.length)
    problems.push({
      path,
      message: `are ${zones.length} for ${min} ${min === 1 ? 'node' : 'nodes'}: what keeps a volume in the zone without a node could not start`,
      fix: `Raise cluster.systemPool.min to ${zones.length}, or name ${min === 1 ? 'one zone' : `${min} zones`}.`,
    });
  return problems;
}
