import type {
  InstanceObservation,
  PoolObservation,
  ReplicaObservation,
  Snapshot,
  WorkerObservation,
} from '../../core/scaling/types.ts';
import type { Notice } from '../../core/spot/notices.ts';
import type { Instance, Pod, StormWorld } from './world.ts';
import { TIMES } from './world.ts';

/** Second 0 of a storm as an epoch time. */
export const EPOCH = 1_700_000_000;
const NEVER = Number.POSITIVE_INFINITY;

/**
 * What the scaler would read.
 * @param workloads each is a pool of its policy
 * @param hears whether AWS's notices reach it
 */
export function observeStorm(world: StormWorld, workloads: readonly string[], hears: boolean): Snapshot {
  const at = EPOCH + world.now;
  const workers = world.pods.filter((pod) => pod.instance && world.now >= pod.boundAt + 1);
  const snapshot = {
    at,
    queue: { ok: true as const, value: { backlog: world.service.backlog, inFlight: world.service.inFlight } },
    workers: { ok: true as const, value: workers.map((pod) => worker(world, pod)) },
    pools: Object.fromEntries(
      workloads.map((workload) => [workload, { ok: true as const, value: pool(world, workload) }]),
    ),
    notices: { ok: true as const, value: hears ? world.notices.map(epochNotice) : [] },
  };
  return snapshot;
}

function pool(world: StormWorld, workload: string): PoolObservation {
  const pools = world.poolsOf(workload);
  const instances = world.instances.filter(
    (one) => pools.includes(one.pool) && world.now < one.offAt + (one.isTerminating ? 10 : TIMES.healthCheck),
  );
  const wanted = pools.map((name) => world.desired.get(name));
  const live = instances.filter(({ isTerminating }) => !isTerminating).length;
  return {
    desiredNodes: wanted.some((one) => one === undefined) ? live : sum(wanted as number[]),
    minNodes: 0,
    maxNodes: sum(world.pools.filter(({ name }) => pools.includes(name)).map(({ max }) => max)),
    instances: instances.map((one) => instance(world, one)),
    desiredReplicas: world.replicas.get(workload) ?? 0,
    replicas: world.pods.filter((pod) => pod.workload === workload).map((pod) => replica(world, pod)),
  };
}

const instance = (world: StormWorld, one: Instance): InstanceObservation => ({
  instanceId: one.id,
  lifecycle: one.isTerminating ? 'terminating' : world.now >= one.readyAt ? 'in-service' : 'pending',
  ...(world.isShown(one) && { node: one.id }),
});

const replica = (world: StormWorld, pod: Pod): ReplicaObservation => ({
  name: pod.id,
  podUid: pod.id,
  phase: phase(world, pod),
  awaitingWarmup: false,
  isReady: pod.isServing,
  createdAt: EPOCH + pod.createdAt,
  ...(pod.instance && { node: pod.instance.id, instanceId: pod.instance.id, boundAt: EPOCH + pod.boundAt }),
  ...(pod.instance && world.now >= pod.boundAt + TIMES.load && { warmAt: EPOCH + pod.boundAt + TIMES.load }),
  ...(pod.drainDeadline < NEVER && { drainDeadline: EPOCH + pod.drainDeadline }),
});

/** A pod whose node is off looks as it did until the node is taken out. */
function phase(world: StormWorld, pod: Pod): ReplicaObservation['phase'] {
  if (pod.deletedAt < NEVER) return 'terminating';
  if (!pod.instance) return 'unassigned';
  if (pod.drainDeadline < NEVER) return 'draining';
  return world.now >= pod.boundAt + TIMES.load ? 'warm' : 'starting';
}

const worker = (world: StormWorld, pod: Pod): WorkerObservation => ({
  replica: pod.id,
  workerId: pod.id,
  podUid: pod.id,
  pool: pod.workload,
  state: pod.drainDeadline < NEVER ? 'draining' : pod.isServing ? 'warm' : 'loading',
  slots: world.slots,
  busyQueue: pod.busy,
  busyInteractive: 0,
  completedQueue: pod.completed,
  completedInteractive: 0,
  busySlotSeconds: pod.busySlotSeconds,
  renewedAt: EPOCH + Math.min(world.now, pod.instance?.offAt ?? NEVER),
  lastActiveAt: pod.lastActiveAt === 0 ? 0 : EPOCH + pod.lastActiveAt,
});

const epochNotice = (notice: Notice): Notice =>
  notice.kind === 'interruption'
    ? { ...notice, at: EPOCH + notice.at, endsAt: EPOCH + notice.endsAt }
    : { ...notice, at: EPOCH + notice.at };

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
