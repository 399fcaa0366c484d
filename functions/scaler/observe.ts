import type { FleetParameters } from '../../adapters/aws/fleet-parameters.ts';
import type { WorkloadKind } from '../../adapters/kubernetes/workloads.ts';
import { nodegroupName } from '../../core/protocol/names.ts';
import type { Reading, Seconds, Snapshot } from '../../core/scaling/types.ts';
import { messageOf, withDeadline } from '../shared/async.ts';
import type { Observers } from './dependencies.ts';
import { observePool } from './snapshot.ts';

/** What a tick saw, and what it needs to act on it. */
export interface Observation {
  snapshot: Snapshot;
  /** By pool. */
  workloads: Map<string, { kind: WorkloadKind; name: string }>;
  /** Auto Scaling groups by pool. */
  groups: Map<string, string>;
  /** Resource versions of the Leases by replica. */
  leaseVersions: Map<string, string>;
  /** One sentence for each failed reading. */
  failures: string[];
}

/** What is read through: nothing of it changes anything. */
export type Readers = Omit<Observers, 'pods' | 'notices'> & {
  pods: Pick<Observers['pods'], 'list'>;
  /** Who only looks at what there is can do without. */
  notices?: Pick<Observers['notices'], 'list'>;
};

/** An interruption is followed until what it took is back. */
const NOTICES_SECONDS = 1800;

/** All readings at once; each may fail without the others. */
export async function observe(
  observers: Readers,
  { policy, clusterName, queueUrl }: FleetParameters,
  at: Seconds,
  timeoutMs: number,
): Promise<Observation> {
  const { fleet } = policy;
  const read = <T>(what: string, work: Promise<T>): Promise<Reading<T>> => reading(timeoutMs, what, work);
  const [queue, nodeGroups, workloads, pods, leases, nodes, notices] = await Promise.all([
    read(`the queue ${queueUrl}`, observers.queue.read(queueUrl)),
    read('the Auto Scaling groups', observers.nodeGroups.list(clusterName)),
    read('the workloads (Kubernetes API)', observers.workloads.list(fleet)),
    read('the pods (Kubernetes API)', observers.pods.list(fleet)),
    read('the Leases (Kubernetes API)', observers.leases.list(fleet)),
    read('the nodes (Kubernetes API)', observers.nodes.list(fleet)),
    read('the notices', observers.notices?.list(fleet, at - NOTICES_SECONDS) ?? Promise.resolve([])),
  ]);
  const readings = { at, nodeGroups, workloads, pods, leases, nodes };
  const pools = policy.pools.map(
    (pool) => [pool.name, observePool(readings, policy, pool, clusterName)] as const,
  );
  const all: Reading<unknown>[] = [
    queue,
    nodeGroups,
    workloads,
    pods,
    leases,
    nodes,
    notices,
    ...pools.map(([, p]) => p),
  ];
  return {
    snapshot: {
      at,
      queue,
      workers: leases.ok ? { ok: true, value: leases.value.map((lease) => lease.worker) } : leases,
      pools: Object.fromEntries(pools),
      notices,
    },
    workloads: new Map(workloads.ok ? workloads.value.map((one) => [one.pool, one]) : []),
    groups: groupsByPool(nodeGroups.ok ? nodeGroups.value : [], policy.pools, clusterName, fleet),
    leaseVersions: new Map(
      leases.ok ? leases.value.map(({ worker, resourceVersion }) => [worker.replica, resourceVersion]) : [],
    ),
    failures: [...new Set(all.flatMap((one) => (one.ok ? [] : [one.error])))],
  };
}

async function reading<T>(timeoutMs: number, what: string, work: Promise<T>): Promise<Reading<T>> {
  try {
    return { ok: true, value: await withDeadline(timeoutMs, what, work) };
  } catch (error) {
    return { ok: false, error: messageOf(error) };
  }
}

function groupsByPool(
  groups: { nodegroup: string; autoScalingGroupName: string }[],
  pools: { name: string }[],
  clusterName: string,
  fleet: string,
): Map<string, string> {
  const names = new Map(groups.map((group) => [group.nodegroup, group.autoScalingGroupName]));
  return new Map(
    pools.flatMap(({ name }) => {
      const group = names.get(nodegroupName(clusterName, fleet, name));
      return group === undefined ? [] : [[name, group] as const];
    }),
  );
}
