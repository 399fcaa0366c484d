import type { Command, InstanceObservation, PoolObservation, ReplicaObservation } from './types.ts';
import { isIdle, type Leaving } from './victims.ts';
import type { PoolView } from './view.ts';

/**
 * Nodes follow replicas, one each. Up: desired capacity to the number of replicas. Down: exactly the emptied instances
 * are terminated. Desired capacity itself is lowered only where AWS can't choose a node in use: what has no instance yet
 * may have one by the time the order arrives, and AWS then ends as many instances of its own choice (docs/adr/0005). What
 * nobody needs any more and still comes is terminated when it does.
 */
export function reconcileNodes(
  pool: PoolView,
  observed: PoolObservation,
  replicas: number,
  blind: boolean,
  leaving: Leaving,
): Command[] {
  const { desiredNodes, minNodes, maxNodes } = observed;
  const name = pool.policy.name;
  const leftOut = uncounted(pool, observed);
  const needed = replicas - leftOut.length;
  const target = Math.min(maxNodes, Math.max(minNodes, needed));
  // Of what its group replaces on advice there is one more for a while: no reason to ask a pool that fails.
  const hasEnough =
    pool.supply.standing === 'quarantined' && observed.instances.filter(isUp).length >= target;
  if (target > desiredNodes && !hasEnough) {
    const reason = 'every replica needs a node of its own';
    return [{ kind: 'set-nodes', pool: name, from: desiredNodes, to: target, reason }];
  }
  const surplus = Math.max(0, desiredNodes - target);
  if (blind) return [];
  const vacated = vacatedInstances(pool, observed, leaving);
  if (vacated.length > 0)
    return vacated.map((instanceId) => ({
      ...{ kind: 'terminate-instance', pool: name, instanceId },
      reason: 'EC2 takes it back, its replica is drained, and its group is to replace it no more',
    }));
  if (surplus === 0) return [];
  const emptied = emptyInstances(observed, needed, leftOut)
    .filter(({ instanceId }) => !(pool.advised.has(instanceId) && isReplacing(observed)))
    .slice(0, surplus);
  if (emptied.length > 0) {
    return emptied.map(({ instanceId }) => ({
      kind: 'terminate-instance',
      pool: name,
      instanceId,
      reason: 'its replica is gone and no other needs the node',
    }));
  }
  if (replicas > 0 || observed.replicas.length > 0) return cancelUnfulfilled(pool, observed, target);
  const reason = 'capacity that no instance was launched for is not needed any more, and no node is in use';
  return [{ kind: 'set-nodes', pool: name, from: desiredNodes, to: target, reason }];
}

/**
 * Doomed replicas that need no node of the group's any more: their instances are gone, or go, and Kubernetes still shows them;
 * or the group replaces them by itself, on advice.
 */
function uncounted(
  { doomed, advised, policy }: PoolView,
  { instances }: PoolObservation,
): ReplicaObservation[] {
  if (policy.kind === 'persistent') return [];
  const counted = new Set(instances.filter(isUp).map(({ instanceId }) => instanceId));
  for (const instanceId of advised) counted.delete(instanceId);
  return doomed.flatMap(({ replica }) => (counted.has(replica.instanceId ?? '') ? [] : [replica]));
}

/**
 * Instances that EC2 takes back, once their replicas have drained: another was asked for at the notice, so their group must
 * not replace them when EC2 does. One that the group replaces by itself, on advice, is left to it: were its desired capacity
 * lowered too, the group would end another.
 */
function vacatedInstances(
  { doomed, advised, policy }: PoolView,
  observed: PoolObservation,
  leaving: Leaving,
): string[] {
  if (policy.kind === 'persistent' || isReplacing(observed)) return [];
  const up = new Set(observed.instances.filter(isUp).map(({ instanceId }) => instanceId));
  return doomed.flatMap(({ replica }) => {
    const { instanceId = '' } = replica;
    const isOurs = up.has(instanceId) && !advised.has(instanceId);
    return isOurs && isIdle(replica, leaving) ? [instanceId] : [];
  });
}

/** Its group has more up than it wants: it launched a replacement on advice, and is about to end what that replaces. */
const isReplacing = ({ instances, desiredNodes }: PoolObservation): boolean =>
  instances.filter(isUp).length > desiredNodes;

/** What one call of SetInstanceProtection takes. */
const PROTECTED_AT_ONCE = 50;

/**
 * A quarantined pool in use is not left asking: its instances are protected from scale-in, then its desired capacity is
 * lowered to them. One that is launched meanwhile is not protected, so it is the one that goes.
 * Source: Amazon EC2 Auto Scaling, 'Use instance scale-in protection to control instance termination'.
 */
function cancelUnfulfilled(pool: PoolView, observed: PoolObservation, target: number): Command[] {
  const up = observed.instances.filter(isUp);
  const to = Math.max(target, up.length);
  // Only instances in service can be protected; one on its way is capacity that came after all.
  const isPending = up.some(({ lifecycle }) => lifecycle !== 'in-service');
  if (pool.supply.standing !== 'quarantined' || to >= observed.desiredNodes || isPending) return [];
  const { name } = pool.policy;
  const bare = up.filter(({ isProtected }) => !isProtected);
  if (bare.length > 0)
    return protect(name, bare, true, 'they stay when capacity that does not come is given up');
  const reason = 'the pool fails to give this capacity; what it has is protected';
  return [{ kind: 'set-nodes', pool: name, from: observed.desiredNodes, to, reason }];
}

/** Protection lasts as long as the quarantine: a launch that was under way may come through late. */
export function releaseProtection({ policy, supply, observed }: PoolView): Command[] {
  if (!observed || supply.standing === 'quarantined') return [];
  const kept = observed.instances.filter(
    ({ lifecycle, isProtected }) => isProtected && lifecycle === 'in-service',
  );
  return kept.length === 0 ? [] : protect(policy.name, kept, false, 'the quarantine is over');
}

const protect = (
  pool: string,
  instances: InstanceObservation[],
  isProtected: boolean,
  reason: string,
): Command[] => [
  {
    kind: 'protect-instances',
    pool,
    instanceIds: instances.slice(0, PROTECTED_AT_ONCE).map(({ instanceId }) => instanceId),
    ...{ isProtected, reason },
  },
];

/** Instances that were asked for and have not been launched. */
export const nodesAwaited = ({ desiredNodes, instances }: PoolObservation): number =>
  Math.max(0, desiredNodes - instances.filter(isUp).length);

const isUp = (instance: InstanceObservation): boolean => instance.lifecycle !== 'terminating';

/**
 * Instances that no pod is on, those not joined first. While replicas look for a node, as many stay as they need, and all
 * that have joined: a pod may be bound to any of them this very moment, and one that is bound to a node that goes is
 * stuck until Kubernetes collects it, which takes most of a minute.
 */
function emptyInstances(
  observed: PoolObservation,
  replicas: number,
  leftOut: readonly ReplicaObservation[],
): InstanceObservation[] {
  const taken = new Set<string>();
  let settled = -leftOut.length;
  for (const { node, instanceId, phase } of observed.replicas) {
    if (node !== undefined) taken.add(node);
    if (instanceId !== undefined) taken.add(instanceId);
    if (phase !== 'unassigned' && phase !== 'terminating') settled += 1;
  }
  const empty = observed.instances
    .filter(isUp)
    .filter(({ instanceId, node }) => !taken.has(instanceId) && !(node !== undefined && taken.has(node)));
  const notJoinedFirst = empty.sort((a, b) => Number(a.node !== undefined) - Number(b.node !== undefined));
  const seeking = Math.max(0, replicas - settled);
  if (seeking === 0) return notJoinedFirst;
  return notJoinedFirst
    .slice(0, Math.max(0, empty.length - seeking))
    .filter(({ node }) => node === undefined);
}
