import { ConflictError, NotFoundError } from '../../adapters/errors.ts';
import type { PodObservation, Pods } from '../../adapters/kubernetes/pods.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import type { WarmupEvent } from './event.ts';
import type { AskWorker } from './worker.ts';

export interface WarmupResult {
  outcome: 'warm' | 'gone' | 'not-yet';
  /** One sentence for an on-call engineer. */
  reason: string;
  /** Since the execution began: the state machine gives up by it. */
  waitedSeconds: number;
}

export interface WarmupDependencies {
  pods: Pods;
  askWorker: AskWorker;
  now: () => Seconds;
}

/** Opens the pod's warm gate once its worker says that every model has answered. Fine to repeat. */
export async function warm(event: WarmupEvent, deps: WarmupDependencies): Promise<WarmupResult> {
  const answer = (outcome: WarmupResult['outcome'], reason: string): WarmupResult => ({
    outcome,
    reason,
    waitedSeconds: Math.max(0, Math.floor(deps.now() - event.startedAt)),
  });
  const pod = await deps.pods.get(event.replica);
  const gone = whyGone(event, pod);
  if (!pod || gone) return answer('gone', gone ?? '');
  if (pod.isGateOpen) return answer('warm', 'the gate was open already');
  if (!pod.ip) return answer('not-yet', `the pod ${event.replica} has no address yet`);

  const worker = await deps.askWorker(pod.ip);
  if (!worker.warm) return answer('not-yet', worker.reason);
  try {
    await deps.pods.openGate(pod.name, pod.uid, deps.now(), 'Every model has produced one token.');
  } catch (error) {
    if (!(error instanceof NotFoundError || error instanceof ConflictError)) throw error;
    // A conflict may also be another writer of the same pod: the next round looks again.
    const now = await deps.pods.get(event.replica);
    const goneNow = whyGone(event, now);
    return goneNow ? answer('gone', goneNow) : answer('not-yet', error.message);
  }
  return answer('warm', 'every model has produced one token');
}

function whyGone({ replica, podUid }: WarmupEvent, pod?: PodObservation): string | undefined {
  if (!pod) return `there is no pod ${replica}`;
  if (pod.uid !== podUid) return `the pod ${replica} is another one by now: ${pod.uid}, not ${podUid}`;
  if (pod.isTerminating) return `the pod ${replica} is being deleted`;
  return undefined;
}
