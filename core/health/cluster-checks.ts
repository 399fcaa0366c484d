import type { Check } from '../protocol/verdict.ts';
import { LAUNCH_FAILURES } from '../spot/events.ts';
import { degraded, healthy, unhealthy, whenRead } from './check.ts';
import type { HealthObservation, Issue, NodeGroupHealth } from './observations.ts';

/** EKS's states in which everything serves. Source: Amazon EKS API, 'Cluster' and 'Nodegroup': status. */
const GOOD = new Set(['ACTIVE', 'UPDATING']);
const CONSOLE = 'EKS console, the cluster: health issues';

export function clusterChecks({ clusterName, cluster, nodeGroups }: HealthObservation): Check[] {
  return [
    ...whenRead(
      'cluster',
      cluster,
      `May the function call eks:DescribeCluster on ${clusterName}, and reach EKS?`,
      ({ status, version, issues }) => {
        const evidence = `EKS ${version} is ${status}${saying(issues)}`;
        if (!GOOD.has(status)) return unhealthy('cluster', evidence, CONSOLE);
        return issues.length > 0 ? degraded('cluster', evidence, CONSOLE) : healthy('cluster', evidence);
      },
    ),
    ...whenRead('node groups', nodeGroups, 'May the function call eks:DescribeNodegroup?', (groups) =>
      groups.map(nodeGroupCheck),
    ),
  ];
}

function nodeGroupCheck({ name, status, issues }: NodeGroupHealth): Check {
  const check = `node group ${name}`;
  const evidence = `${status}${saying(issues)}`;
  if (GOOD.has(status) && issues.length === 0) return healthy(check, evidence);
  const isWithoutCapacity = issues.some(({ code }) => code === LAUNCH_FAILURES);
  const next = isWithoutCapacity
    ? "Auto Scaling console, the node group's group, 'Activity': capacity, quota or launch template. Other pools carry its share meanwhile."
    : `EKS console, node group ${name}: health issues`;
  // A group that can't launch still serves with what it has.
  return GOOD.has(status) || status === 'DEGRADED'
    ? degraded(check, evidence, next)
    : unhealthy(check, evidence, next);
}

const saying = (issues: readonly Issue[]): string =>
  issues.map(({ code, message }) => `; ${code}: ${message}`).join('');
