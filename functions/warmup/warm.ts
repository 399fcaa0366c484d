import { ConflictError, NotFoundError } from '../../adapters/errors.ts';
import type { PodObservation, Pods } from '../../adapters/kubernetes/pods.ts';
import type { FailureKind, WarmFailure, Warmth } from '../../core/protocol/warmup.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { judge, type Look, type Progress } from '../../core/warmup/attempt.ts';
import { messageOf } from '../shared/async.ts';
import type { Log } from '../shared/telemetry.ts';
import type { WarmupEvent } from './event.ts';
import type { AskWorker } from './worker.ts';

export interface WarmupResult {
  outcome: 'warm' | 'gone' | 'not-yet' | 'failed';
  /** One sentence for an on-call engineer. */
  reason: string;
  /** Until the next look; 0 when there is none. */
  waitSeconds: number;
  /** For the next look; null when there is none. */
  progress: Progress | null;
  /** Why it failed; empty when it did not. */
  error: FailureKind | '';
}

export interface WarmupDependencies {
  pods: Pods;
  askWorker: AskWorker;
  now: () => Seconds;
  log: Log;
}

/** At the first look, and while it is nearly there, the worker may hold its answer back: never during a long fill. */
const HOLD_SECONDS = { first: 2, near: 20, far: 0 } as const;

/**
 * One look of an attempt: asks the pod's worker to be warm, opens the pod's gate once every model has answered, and shuts it
 * with the reason when the attempt has failed. Fine to repeat, and fine beside another one.
 */
export async function warm(event: WarmupEvent, deps: WarmupDependencies): Promise<WarmupResult> {
  const pod = await deps.pods.get(event.replica);
  const gone = whyGone(event, pod);
  if (!pod || gone) return end('gone', gone ?? '');
  const look = await lookAt(pod, event, deps);
  const verdict = judge(look, event.progress, event.startedAt, deps.now());
  switch (verdict.kind) {
    case 'not-yet': {
      const { reason, waitSeconds, progress } = verdict;
      return { outcome: 'not-yet', reason, waitSeconds, progress, error: '' };
    }
    case 'warm':
      return open(pod, 'warmth' in look ? look.warmth : undefined, event, deps);
    case 'failed':
      return report(pod, verdict.failure, event, deps);
  }
}

async function lookAt(
  pod: PodObservation,
  event: WarmupEvent,
  { askWorker }: WarmupDependencies,
): Promise<Look> {
  if (!pod.ip) return { silent: `the pod ${event.replica} has no address yet` };
  const hold = event.progress === undefined ? 'first' : event.progress.isNear ? 'near' : 'far';
  return askWorker(pod.ip, event.podUid, event.attempt, HOLD_SECONDS[hold]);
}

async function open(
  pod: PodObservation,
  warmth: Warmth | undefined,
  event: WarmupEvent,
  deps: WarmupDependencies,
): Promise<WarmupResult> {
  if (pod.isGateOpen) return end('warm', 'the gate was open already');
  const message = `Every model has produced one token${partsOf(warmth)}.`;
  const overtaken = await ifStill(event, deps, () =>
    deps.pods.openGate(pod.name, pod.uid, deps.now(), message),
  );
  if (overtaken) return overtaken;
  await note(pod, deps, { type: 'Normal', reason: 'Warm', message });
  return end('warm', message);
}

async function report(
  pod: PodObservation,
  failure: WarmFailure,
  event: WarmupEvent,
  deps: WarmupDependencies,
): Promise<WarmupResult> {
  const overtaken = await ifStill(event, deps, () =>
    deps.pods.shutGate(pod.name, pod.uid, deps.now(), failure),
  );
  if (overtaken) return overtaken;
  await note(pod, deps, {
    type: 'Warning',
    reason: 'WarmupFailed',
    message: `${failure.kind}: ${failure.reason}`,
  });
  return { ...end('failed', failure.reason), error: failure.kind };
}

/** Writes to the pod; says what became of it where it is gone or another writer was first: the next look sees. */
async function ifStill(
  event: WarmupEvent,
  deps: WarmupDependencies,
  write: () => Promise<void>,
): Promise<WarmupResult | undefined> {
  try {
    await write();
    return undefined;
  } catch (error) {
    if (!(error instanceof NotFoundError || error instanceof ConflictError)) throw error;
    const gone = whyGone(event, await deps.pods.get(event.replica));
    if (gone) return end('gone', gone);
    return { ...end('not-yet', error.message), waitSeconds: 1, progress: event.progress ?? null };
  }
}

/** The pod's events are for people; without one the gate still says the same. */
async function note(
  pod: PodObservation,
  { pods, log, now }: WarmupDependencies,
  what: Parameters<Pods['note']>[1],
): Promise<void> {
  try {
    await pods.note(pod, what, now());
  } catch (error) {
    log.warn(`The pod's event was not written: ${messageOf(error)}`, { ...what });
  }
}

const end = (outcome: WarmupResult['outcome'], reason: string): WarmupResult => ({
  outcome,
  reason,
  waitSeconds: 0,
  progress: null,
  error: '',
});

function partsOf(warmth: Warmth | undefined): string {
  if (!warmth) return '';
  const total = (part: 'fill' | 'load' | 'firstToken') =>
    warmth.models.reduce((sum, { seconds }) => sum + (seconds[part] ?? 0), 0).toFixed(1);
  return `: fill ${total('fill')} s, load ${total('load')} s, first token ${total('firstToken')} s`;
}

function whyGone({ replica, podUid }: WarmupEvent, pod?: PodObservation): string | undefined {
  if (!pod) return `there is no pod ${replica}`;
  if (pod.uid !== podUid) return `the pod ${replica} is another one by now: ${pod.uid}, not ${podUid}`;
  if (pod.isTerminating) return `the pod ${replica} is being deleted`;
  return undefined;
}
