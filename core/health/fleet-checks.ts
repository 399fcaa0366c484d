import type { Check } from '../protocol/verdict.ts';
import type { FleetPolicy, PoolObservation, PoolPolicy, Seconds } from '../scaling/types.ts';
import { degraded, healthy, listed, unhealthy, whenRead } from './check.ts';
import { modelsCheck } from './models-check.ts';
import type { FleetHealth, NodeHealth, PodHealth, QueueHealth, TickHealth } from './observations.ts';
import { isLate, notReadySince, patience } from './patience.ts';

const KUBERNETES = "Does the Kubernetes API answer, and has the function's role its access entry and RBAC?";
/** A node that boots or ends is not Ready for a minute or two; Kubernetes gives one up after five. */
const NODE_SECONDS = 180;
/** The schedule ticks each minute, work or none. */
const TICK_LATE_SECONDS = 180;
const TICK_GONE_SECONDS = 600;
/** A request may find the fleet asleep, and so may the one before it. */
const WAIT_FACTOR = 3;
const WAIT_AT_LEAST_SECONDS = 60;

export function fleetChecks(seen: FleetHealth, at: Seconds): Check[] {
  const { fleet, policy } = seen;
  return [
    ...policy.pools.flatMap((pool) => poolChecks(seen, pool, at)),
    ...whenRead(`nodes ${fleet}`, seen.nodes, KUBERNETES, (nodes) => nodesCheck(fleet, nodes, at)),
    ...whenRead(`pods ${fleet}`, seen.pods, KUBERNETES, (pods) => podsCheck(fleet, policy, pods, at)),
    ...modelsCheck(seen, at),
    ...whenRead(`queue ${fleet}`, seen.queue, 'May the function read the queue and its metrics?', (queue) =>
      queueCheck(fleet, policy, queue),
    ),
    ...whenRead(
      `dead letters ${fleet}`,
      seen.deadLetters,
      'May the function read the dead-letter queue?',
      (count) => deadLettersCheck(fleet, count),
    ),
    ...whenRead(`ticks ${fleet}`, seen.tick, 'May the function read the table?', (tick) =>
      ticksCheck(fleet, tick, at),
    ),
  ];
}

function poolChecks(seen: FleetHealth, pool: PoolPolicy, at: Seconds): Check[] {
  const name = `pool ${seen.fleet}/${pool.name}`;
  const reading = seen.pools[pool.name] ?? { ok: false, error: 'it is missing from what was read' };
  return whenRead(name, reading, `${KUBERNETES} Is the pool deployed?`, (observed) => {
    const check = poolCheck(name, pool, observed, at);
    const isQuarantined = seen.tick.ok && seen.tick.value?.quarantined.includes(pool.name);
    if (check.status !== 'healthy' || !isQuarantined) return check;
    return degraded(
      name,
      `${check.evidence}; not asked for capacity for a while, since it gave none`,
      '`paddock explain` says for how long; other pools carry its share (docs/operations.md#alarm-quarantine)',
    );
  });
}

function poolCheck(name: string, pool: PoolPolicy, observed: PoolObservation, at: Seconds): Check {
  const { desiredReplicas, desiredNodes, instances, replicas } = observed;
  const warm = replicas.filter(({ phase }) => phase === 'warm').length;
  const inService = instances.filter(({ lifecycle }) => lifecycle === 'in-service').length;
  const evidence = `${warm} warm of ${desiredReplicas} replicas, ${inService} of ${desiredNodes} nodes in service`;
  const late = replicas.filter((replica) => isLate(replica, pool, at));
  if (late.length === 0) return healthy(name, evidence);
  const ages = late.map(({ name: replica, createdAt }) => `${replica} for ${Math.round(at - createdAt)} s`);
  return degraded(
    name,
    `${evidence}; not warm: ${listed(ages)}`,
    'How far do they get? docs/operations.md#alarm-not-warm',
  );
}

function nodesCheck(fleet: string, nodes: readonly NodeHealth[], at: Seconds): Check {
  const name = `nodes ${fleet}`;
  const unready = nodes.flatMap(({ name: node, notReady }) => (notReady ? [{ node, ...notReady }] : []));
  const bad = unready
    .filter(({ since }) => at - since > NODE_SECONDS)
    .map(({ node, since, why }) => `${node} for ${Math.round(at - since)} s: ${why}`);
  if (bad.length === 0) {
    const changing = unready.length === 0 ? 'all Ready' : `${unready.length} come or go`;
    return healthy(name, `${nodes.length} nodes, ${changing}`);
  }
  return degraded(
    name,
    `${bad.length} of ${nodes.length} nodes are not Ready: ${listed(bad)}`,
    '`kubectl describe node`: its conditions; EKS replaces nodes that stay so (cluster.nodeRepair)',
  );
}

function podsCheck(fleet: string, policy: FleetPolicy, pods: readonly PodHealth[], at: Seconds): Check {
  const name = `pods ${fleet}`;
  const stay = pods.filter(({ isTerminating, isDraining }) => !isTerminating && !isDraining);
  const stuck = stay.filter((pod) => {
    if (pod.isReady) return false;
    if (pod.trouble !== undefined && pod.node !== undefined) return true;
    return at - notReadySince(pod) > patience(policy.pools.find((one) => one.name === pod.pool));
  });
  if (stuck.length === 0) return healthy(name, `${stay.length} pods, none stuck`);
  const told = stuck.map(
    ({ name: pod, trouble, node }) => `${pod}: ${trouble ?? (node ? 'not ready' : 'on no node')}`,
  );
  return degraded(name, `${stuck.length} of ${stay.length} pods are stuck: ${listed(told)}`, podNext(stuck));
}

const podNext = (stuck: readonly PodHealth[]): string =>
  stuck.some(({ node }) => node === undefined)
    ? 'docs/operations.md#pods-stay-pending'
    : '`kubectl -n paddock describe pod POD`, and its logs; docs/operations.md#alarm-not-warm';

/** Longer than requests should ever wait: two in a row may have to wait for a node. */
const decentWait = ({ targetWaitSeconds, pools }: FleetPolicy): Seconds =>
  Math.max(
    WAIT_AT_LEAST_SECONDS,
    WAIT_FACTOR * (targetWaitSeconds + Math.max(...pools.map((pool) => pool.expectedLeadSeconds))),
  );

function queueCheck(fleet: string, policy: FleetPolicy, queue: QueueHealth): Check {
  const name = `queue ${fleet}`;
  const { backlog, inFlight, oldestSeconds } = queue;
  const counts = `${backlog} waiting, ${inFlight} in flight`;
  if (oldestSeconds === undefined) return healthy(name, counts);
  const evidence = `${counts}, the oldest for ${Math.round(oldestSeconds)} s`;
  const limit = decentWait(policy);
  if (oldestSeconds <= limit) return healthy(name, evidence);
  const next =
    '`paddock explain`: what does it want, what holds it back? docs/operations.md#alarm-oldest-message';
  return oldestSeconds > 3 * limit
    ? unhealthy(name, `${evidence}; more than ${3 * limit} s`, next)
    : degraded(name, `${evidence}; more than ${limit} s`, next);
}

function deadLettersCheck(fleet: string, count: number): Check {
  const name = `dead letters ${fleet}`;
  if (count === 0) return healthy(name, 'none');
  return degraded(
    name,
    `${count} requests were given up`,
    '`paddock dlq list` says why; then `paddock dlq redrive` or `purge` (docs/operations.md#dead-letters)',
  );
}

function ticksCheck(fleet: string, tick: TickHealth | undefined, at: Seconds): Check {
  const name = `ticks ${fleet}`;
  const next = 'docs/operations.md#alarm-no-tick';
  if (!tick) return degraded(name, 'none is stored yet', 'The schedule starts the first within a minute.');
  const age = Math.max(0, Math.round(at - tick.at));
  const evidence = `the last ${age} s ago, ${tick.wanted} replicas wanted`;
  if (age > TICK_GONE_SECONDS) return unhealthy(name, `${evidence}: the fleet is not scaled`, next);
  if (age > TICK_LATE_SECONDS) return degraded(name, evidence, next);
  if (tick.failures.length === 0) return healthy(name, evidence);
  return degraded(
    name,
    `${evidence}; it failed in part: ${listed(tick.failures)}`,
    'docs/operations.md#alarm-reading-failures',
  );
}
