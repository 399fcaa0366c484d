import type { EksHealthReader } from '../../adapters/aws/eks-health.ts';
import type { FleetParameters, FleetParametersReader } from '../../adapters/aws/fleet-parameters.ts';
import type { FleetState, PlanRecord } from '../../adapters/aws/fleet-state.ts';
import type { QueueAgeReader } from '../../adapters/aws/queue-age.ts';
import type { PodObservation } from '../../adapters/kubernetes/pods.ts';
import type {
  FleetHealth,
  HealthObservation,
  PodHealth,
  QueueHealth,
  TickHealth,
} from '../../core/health/observations.ts';
import { DRAIN_COST } from '../../core/protocol/names.ts';
import type { Reading, Seconds } from '../../core/scaling/types.ts';
import { observe, type Readers } from '../scaler/observe.ts';
import { messageOf, withDeadline } from '../shared/async.ts';
import { type AskCanary, sendCanaries, type Target } from './canary.ts';

export interface HealthDependencies extends Readers {
  clusterName: string;
  fleets: readonly { name: string; deadLetterQueueUrl: string }[];
  eks: EksHealthReader;
  parameters: FleetParametersReader;
  state: Pick<FleetState, 'recentPlans'>;
  queueAge: QueueAgeReader;
  askCanary: AskCanary;
  /** Epoch seconds. */
  now: () => Seconds;
  /** One reading may take this long, milliseconds. */
  readingTimeoutMs: number;
}

/** Looks at everything at once; each reading may fail without the others. */
export async function observeHealth(deps: HealthDependencies): Promise<HealthObservation> {
  const { clusterName, eks, readingTimeoutMs } = deps;
  const at = deps.now();
  const [cluster, nodeGroups, ...fleets] = await Promise.all([
    read(readingTimeoutMs, `the cluster ${clusterName}`, eks.cluster(clusterName)),
    read(readingTimeoutMs, 'the node groups', eks.nodeGroups(clusterName)),
    ...deps.fleets.map((fleet) => observeFleet(fleet, deps, at)),
  ]);
  return { at, clusterName, cluster, nodeGroups, fleets: Object.fromEntries(fleets) };
}

async function observeFleet(
  { name, deadLetterQueueUrl }: HealthDependencies['fleets'][number],
  deps: HealthDependencies,
  at: Seconds,
): Promise<[string, Reading<FleetHealth>]> {
  const { readingTimeoutMs: ms } = deps;
  const parameters = await read(ms, `the parameter of ${name}`, deps.parameters.read(name));
  if (!parameters.ok) return [name, parameters];
  const { policy } = parameters.value;
  // Kept, for what the tick's own readings leave out.
  const kept = keeping(deps);
  const [{ snapshot }, queue, deadLetters, tick] = await Promise.all([
    observe(kept.observers, parameters.value, at, ms),
    read(ms, 'the queue', queueHealth(parameters.value, deps)),
    read(
      ms,
      'the dead-letter queue',
      deps.queue.read(deadLetterQueueUrl).then(({ backlog, inFlight }) => backlog + inFlight),
    ),
    read(
      ms,
      'the last plan',
      deps.state.recentPlans(name, 1).then(([record]) => (record ? tickHealth(record) : undefined)),
    ),
  ]);
  const pods = await read(ms, 'the pods', kept.pods());
  const nodes = await read(ms, 'the nodes', kept.nodes());
  const targets = pods.ok ? targetsOf(pods.value) : [];
  const canaries = await sendCanaries(targets, deps.askCanary, Math.floor(at / 60));
  return [
    name,
    {
      ok: true,
      value: {
        ...{ fleet: name, policy, queue, deadLetters, tick, canaries, nodes },
        pools: snapshot.pools,
        workers: snapshot.workers,
        pods: pods.ok ? { ok: true, value: pods.value.map(podHealth) } : pods,
      },
    },
  ];
}

/** The tick's observers, and what pods and nodes they gave: they are listed once. */
function keeping(deps: HealthDependencies) {
  let pods: Promise<PodObservation[]> = Promise.resolve([]);
  let nodes: ReturnType<Readers['nodes']['list']> = Promise.resolve([]);
  const observers: Readers = {
    ...deps,
    pods: {
      list: (fleet) => {
        pods = deps.pods.list(fleet);
        return pods;
      },
    },
    nodes: {
      list: (fleet) => {
        nodes = deps.nodes.list(fleet);
        return nodes;
      },
    },
  };
  return { observers, pods: () => pods, nodes: () => nodes };
}

/** CloudWatch is asked only when something waits: an empty queue has no oldest message. */
async function queueHealth(
  { queueUrl }: FleetParameters,
  { queue, queueAge }: HealthDependencies,
): Promise<QueueHealth> {
  const { backlog, inFlight } = await queue.read(queueUrl);
  if (backlog === 0) return { backlog, inFlight };
  const oldestSeconds = await queueAge.oldestSeconds(queueUrl);
  return { backlog, inFlight, ...(oldestSeconds === undefined ? {} : { oldestSeconds }) };
}

const tickHealth = ({ plan, failures }: PlanRecord): TickHealth => ({
  at: plan.at,
  failures: [...failures],
  wanted: plan.wanted,
  quarantined: plan.reasons.flatMap(({ rule, pool }) => (rule === 'quarantine' && pool ? [pool] : [])),
});

const targetsOf = (pods: readonly PodObservation[]): Target[] =>
  pods
    .filter(({ isReady, isGateOpen, isTerminating, ip }) => isReady && isGateOpen && !isTerminating && ip)
    .map(({ name, ip = '' }) => ({ replica: name, ip }));

const podHealth = ({
  name,
  pool,
  createdAt,
  isReady,
  unreadySince,
  isTerminating,
  deletionCost,
  node,
  trouble,
}: PodObservation): PodHealth => ({
  ...{ name, pool, createdAt, isReady, isTerminating, isDraining: deletionCost === DRAIN_COST },
  ...(unreadySince === undefined ? {} : { unreadySince }),
  ...(node === undefined ? {} : { node }),
  ...(trouble === undefined ? {} : { trouble }),
});

async function read<T>(timeoutMs: number, what: string, work: Promise<T>): Promise<Reading<T>> {
  try {
    return { ok: true, value: await withDeadline(timeoutMs, what, work) };
  } catch (error) {
    return { ok: false, error: messageOf(error) };
  }
}
