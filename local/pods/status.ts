import type {
  V1Container,
  V1ContainerState,
  V1ContainerStatus,
  V1Pod,
  V1PodCondition,
  V1PodStatus,
} from '@kubernetes/client-node';

interface Ended {
  exitCode: number;
  signal?: number;
  since: string;
  until: string;
}

/** What the local kubelet knows of a pod that it runs. Times are ISO 8601. */
export interface PodFacts {
  podIP: string;
  startedAt: string;
  /** The worker's readiness probe succeeds. */
  isReady: boolean;
  restarts: number;
  state:
    | { kind: 'running'; since: string }
    | { kind: 'backing-off'; reason: string }
    | ({ kind: 'terminated' } & Ended);
  /** How the run before this one ended. */
  last?: Ended;
}

/** The kubelet's own conditions; others, such as readiness gates, belong to whoever sets them. */
const gatesHold = (pod: V1Pod): boolean =>
  (pod.spec?.readinessGates ?? []).every(({ conditionType }) =>
    pod.status?.conditions?.some(({ type, status }) => type === conditionType && status === 'True'),
  );

const terminated = ({ exitCode, signal, since, until }: Ended): V1ContainerState => ({
  terminated: {
    exitCode,
    ...(signal === undefined ? {} : { signal }),
    startedAt: since as unknown as Date,
    finishedAt: until as unknown as Date,
    reason: exitCode === 0 ? 'Completed' : 'Error',
  },
});

function stateOf({ state }: PodFacts): V1ContainerState {
  switch (state.kind) {
    case 'running':
      return { running: { startedAt: state.since as unknown as Date } };
    case 'backing-off':
      return { waiting: { reason: 'CrashLoopBackOff', message: state.reason } };
    case 'terminated':
      return terminated(state);
  }
}

/** A sidecar runs; the others have done their work, as nothing is fetched here. */
function initStatus({ name, image = '', restartPolicy }: V1Container, at: string): V1ContainerStatus {
  const isSidecar = restartPolicy === 'Always';
  return {
    name,
    image,
    imageID: '',
    ready: true,
    started: isSidecar,
    restartCount: 0,
    state: isSidecar
      ? { running: { startedAt: at as unknown as Date } }
      : terminated({ exitCode: 0, since: at, until: at }),
  };
}

/**
 * The status as a kubelet reports it: Ready only when the container is ready and every readiness gate is true.
 *
 * @param before the conditions reported last; a condition that stays keeps its transition time
 * @param now ISO 8601
 */
export function podStatus(pod: V1Pod, facts: PodFacts, before: V1PodCondition[], now: string): V1PodStatus {
  const condition = (type: string, holds: boolean, reason: string): V1PodCondition => {
    const status = holds ? 'True' : 'False';
    const old = before.find((c) => c.type === type && c.status === status);
    return {
      type,
      status,
      lastTransitionTime: (old?.lastTransitionTime ?? now) as Date,
      // A merge keeps what a patch leaves out: the reason of an earlier state is taken away by name.
      reason: (holds ? null : reason) as string,
    };
  };
  const container = 'ContainersNotReady';
  const isReady = facts.isReady && gatesHold(pod);
  return {
    phase: 'Running',
    podIP: facts.podIP,
    podIPs: [{ ip: facts.podIP }],
    startTime: facts.startedAt as unknown as Date,
    conditions: [
      condition('Initialized', true, ''),
      condition('ContainersReady', facts.isReady, container),
      condition('Ready', isReady, facts.isReady ? 'ReadinessGatesNotReady' : container),
    ],
    initContainerStatuses: (pod.spec?.initContainers ?? []).map((init) => initStatus(init, facts.startedAt)),
    containerStatuses: (pod.spec?.containers ?? []).map(
      ({ name, image = '' }): V1ContainerStatus => ({
        name,
        image,
        imageID: '',
        ready: facts.isReady,
        started: facts.state.kind === 'running',
        restartCount: facts.restarts,
        state: stateOf(facts),
        ...(facts.last ? { lastState: terminated(facts.last) } : {}),
      }),
    ),
  };
}
