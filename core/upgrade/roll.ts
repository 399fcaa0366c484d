import type { Seconds } from '../scaling/types.ts';

/** One pool while its pods are replaced. */
export interface RollingPool {
  name: string;
  /** Its workload asks for what is wanted. */
  hasTemplate: boolean;
  desired: number;
  pods: RollingPod[];
}

export interface RollingPod {
  name: string;
  /** It runs what is wanted. */
  isNew: boolean;
  isReady: boolean;
  isTerminating: boolean;
  createdAt: Seconds;
  /** When it was bound to a node; undefined: it waits for one. */
  boundAt?: Seconds | undefined;
  /** Restarts of its containers, the model server's among them. */
  restarts: number;
  /** Why a container of it does not run, in the kubelet's words. */
  waiting?: { reason: string; message: string } | undefined;
}

export interface RollSettings {
  at: Seconds;
  /** A new replica that is not warm so long after it was bound does not come up. */
  warmSeconds: Seconds;
}

export type RollStep =
  /** Change the workload of this pool. */
  | { kind: 'change'; pool: string; reason: string }
  | { kind: 'wait'; pool: string; reason: string }
  | { kind: 'failed'; pool: string; reason: string }
  | { kind: 'done' };

/** Restarts of a new pod that are no accident. */
const MAX_RESTARTS = 2;
/** The kubelet's words for an image that it does not get. Source: Kubernetes, pkg/kubelet/images/types.go. */
const NO_IMAGE = ['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull'];
/** A registry that does not answer once is no wrong version: the kubelet has tried some times by then. */
const IMAGE_SECONDS = 120;

/**
 * The next thing to do to bring all pools to what is wanted, one pool after the other; from the observation alone, so that
 * whoever goes on later does the same. Pure.
 */
export function rollStep(pools: readonly RollingPool[], settings: RollSettings): RollStep {
  for (const pool of pools) {
    if (!pool.hasTemplate)
      return { kind: 'change', pool: pool.name, reason: `${pool.name}: its replicas are next` };
    const live = pool.pods.filter(({ isTerminating }) => !isTerminating);
    const stuck = live.filter(({ isNew }) => isNew).find((pod) => whyStuck(pod, settings));
    if (stuck)
      return {
        kind: 'failed',
        pool: pool.name,
        reason: `the new replica ${stuck.name} ${whyStuck(stuck, settings)}`,
      };
    const done = live.filter(({ isNew, isReady }) => isNew && isReady).length;
    if (done < pool.desired || pool.pods.some(({ isNew }) => !isNew))
      return {
        kind: 'wait',
        pool: pool.name,
        reason: `${pool.name}: ${done} of ${pool.desired} replicas are new and warm`,
      };
  }
  return { kind: 'done' };
}

function whyStuck(pod: RollingPod, { at, warmSeconds }: RollSettings): string | undefined {
  if (pod.isReady) return undefined;
  if (pod.restarts > MAX_RESTARTS) return `was started ${pod.restarts + 1} times and does not stay up`;
  if (pod.boundAt === undefined) return undefined;
  const { waiting } = pod;
  const age = at - pod.boundAt;
  if (waiting && NO_IMAGE.includes(waiting.reason) && age > Math.min(IMAGE_SECONDS, warmSeconds))
    return `does not get its image: ${waiting.reason}: ${waiting.message}`;
  if (age > warmSeconds) return `is not warm ${Math.round(age)} s after it got its node${saying(waiting)}`;
  return undefined;
}

const saying = (waiting: RollingPod['waiting']): string =>
  waiting ? ` (${waiting.reason}: ${waiting.message})` : '';

/**
 * Back: as forward, but nothing may stop it. A replica that does not come up is removed, for a StatefulSet waits for it
 * for ever. Source: Kubernetes, 'StatefulSets', 'Forced rollback'.
 */
export function backStep(pools: readonly RollingPool[]): RollStep & { remove: string[] } {
  const step = rollStep(pools, { at: 0, warmSeconds: Number.POSITIVE_INFINITY });
  const remove = pools
    .filter(({ hasTemplate }) => hasTemplate)
    .flatMap(({ pods }) => pods.filter((pod) => !pod.isNew && !pod.isReady && !pod.isTerminating))
    .map(({ name }) => name);
  const next: RollStep =
    step.kind === 'failed' ? { kind: 'wait', pool: step.pool, reason: step.reason } : step;
  return { ...next, remove };
}
