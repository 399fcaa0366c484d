import type { NodeGroupObservation } from '../../adapters/aws/auto-scaling.ts';
import type { LeaseObservation } from '../../adapters/kubernetes/leases.ts';
import type { NodeObservation } from '../../adapters/kubernetes/nodes.ts';
import type { PodObservation } from '../../adapters/kubernetes/pods.ts';
import type { WorkloadObservation } from '../../adapters/kubernetes/workloads.ts';
import { DRAIN_COST, nodegroupName, workloadName } from '../../core/protocol/names.ts';
import type {
  FleetPolicy,
  PoolObservation,
  PoolPolicy,
  Reading,
  ReplicaObservation,
  Seconds,
} from '../../core/scaling/types.ts';

/** What the readings of one tick gave. */
export interface Readings {
  at: Seconds;
  nodeGroups: Reading<NodeGroupObservation[]>;
  workloads: Reading<WorkloadObservation[]>;
  pods: Reading<PodObservation[]>;
  nodes: Reading<NodeObservation[]>;
  leases: Reading<LeaseObservation[]>;
}

/** A pool is seen whole or not at all: one failed reading of its parts and it is neither grown nor shrunk. */
export function observePool(
  readings: Readings,
  fleet: FleetPolicy,
  pool: PoolPolicy,
  clusterName: string,
): Reading<PoolObservation> {
  const { workloads, nodeGroups, pods, nodes } = readings;
  if (!workloads.ok) return workloads;
  if (!pods.ok) return pods;
  if (!nodes.ok) return nodes;
  if (!nodeGroups.ok) return nodeGroups;

  const workload = workloads.value.find((one) => one.pool === pool.name);
  if (!workload) return missing(`the workload ${workloadName(fleet.fleet, pool.name)} does not exist`);
  const wanted = nodegroupName(clusterName, fleet.fleet, pool.name);
  const group = nodeGroups.value.find((one) => one.nodegroup === wanted);
  if (!group) return missing(`the node group ${wanted} has no Auto Scaling group`);

  const instanceOf = new Map(nodes.value.map((node) => [node.name, node.instanceId]));
  const nodeOf = new Map(nodes.value.map((node) => [node.instanceId, node.name]));
  const drains = drainMarks(readings, fleet.drainDeadlineSeconds);
  return {
    ok: true,
    value: {
      desiredNodes: group.desired,
      minNodes: group.min,
      maxNodes: group.max,
      instances: group.instances.map((instance) => ({
        ...instance,
        ...optional('node', nodeOf.get(instance.instanceId)),
      })),
      desiredReplicas: workload.replicas,
      ...optional('upgrade', upgradeOf(workload, readings.at)),
      replicas: pods.value
        .filter((pod) => pod.pool === pool.name)
        .map((pod) => observeReplica(pod, pool, instanceOf, drains(pod), isWorkerUp(pod, readings.leases))),
    },
  };
}

/** A mark that nobody renews any more is that of an execution that died. */
function upgradeOf({ upgrade }: WorkloadObservation, at: Seconds): PoolObservation['upgrade'] {
  if (!upgrade || upgrade.until <= at) return undefined;
  return { spareNodes: upgrade.spareNodes, replicas: upgrade.replicas };
}

function observeReplica(
  pod: PodObservation,
  pool: PoolPolicy,
  instanceOf: Map<string, string | undefined>,
  { deadline, hasStrayCost }: DrainMark,
  workerUp: boolean,
): ReplicaObservation {
  const ordinal = pool.kind === 'persistent' ? Number(pod.name.match(/-(\d+)$/)?.[1]) : Number.NaN;
  return {
    name: pod.name,
    podUid: pod.uid,
    phase: phaseOf(pod, deadline !== undefined),
    awaitingWarmup: workerUp && !pod.isGateOpen && !pod.isTerminating,
    createdAt: pod.createdAt,
    isReady: pod.isReady,
    ...optional('node', pod.node),
    ...optional('instanceId', pod.node === undefined ? undefined : instanceOf.get(pod.node)),
    ...optional('boundAt', pod.boundAt),
    ...optional('workerStartedAt', pod.workerStartedAt),
    ...optional('warmAt', pod.gateOpenedAt),
    ...optional('warmupFailure', pod.warmupFailure),
    ...optional('unreadySince', pod.unreadySince),
    ...optional('waitingFor', pod.waitingFor),
    ...optional('drainDeadline', deadline),
    ...optional('hasStrayCost', hasStrayCost || undefined),
    ...optional('ordinal', Number.isNaN(ordinal) ? undefined : ordinal),
  };
}

/**
 * `warm` is what traffic sees: Ready by the kubelet's word, which takes the probe and the gate together. A replica
 * whose gate is open but whose worker has stopped answering its probe serves nobody, and is `starting` again.
 */
function phaseOf(pod: PodObservation, isDraining: boolean): ReplicaObservation['phase'] {
  if (pod.isTerminating) return 'terminating';
  if (pod.node === undefined) return 'unassigned';
  if (isDraining) return 'draining';
  return pod.isReady && pod.isGateOpen ? 'warm' : 'starting';
}

/**
 * The worker is up when its container answers the probe, or already while it loads the models, as its heartbeat says:
 * the warm-up waits at the worker's side and opens the gate the moment the models answer.
 */
function isWorkerUp(pod: PodObservation, leases: Reading<LeaseObservation[]>): boolean {
  if (!pod.isRunning) return false;
  if (pod.containersReady) return true;
  return (
    leases.ok && leases.value.some(({ worker }) => worker.podUid === pod.uid && worker.state !== 'draining')
  );
}

interface DrainMark {
  deadline?: Seconds | undefined;
  hasStrayCost?: boolean;
}

/**
 * The mark counts on a Lease that the pod itself renews: a pod of a StatefulSet may find its predecessor's. Without
 * one (its worker never came up, or the Leases can't be read) the deletion cost still tells who drains, though not
 * until when: else a pod that can't start could never be given up.
 */
function drainMarks(
  { leases, at }: Readings,
  drainDeadlineSeconds: Seconds,
): (pod: PodObservation) => DrainMark {
  const marks = new Map(
    leases.ok ? leases.value.map((lease) => [lease.worker.podUid, lease.drainDeadline]) : [],
  );
  return (pod) => {
    if (marks.has(pod.uid)) {
      const deadline = marks.get(pod.uid);
      return { deadline, hasStrayCost: deadline === undefined && pod.deletionCost === DRAIN_COST };
    }
    return pod.deletionCost === DRAIN_COST ? { deadline: at + drainDeadlineSeconds } : {};
  };
}

const missing = (error: string): { ok: false; error: string } => ({
  ok: false,
  error: `${error}: is the stack deployed?`,
});

const optional = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
  (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };
