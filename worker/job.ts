import type { DeadLetterQueue, QueueMessage, WorkQueue } from '../adapters/aws/queue.ts';
import type { ResultStore, StatusStore } from '../adapters/aws/results.ts';
import { ConflictError } from '../adapters/errors.ts';
import { resultKey } from '../core/protocol/names.ts';
import { type QueuedRequest, type RequestResult, readQueuedRequest } from '../core/protocol/request.ts';
import type { AnswerOptions } from './answer.ts';
import { attempt } from './attempt.ts';
import type { Counters } from './counters.ts';
import type { Log } from './log.ts';
import type { HandBackCause, WorkerMetrics } from './metrics.ts';
import { StatusNote } from './status.ts';
import { backoff, persist, type Sleep } from './time.ts';
import { keepHidden } from './visibility.ts';

export interface JobOptions extends AnswerOptions {
  queue: WorkQueue;
  results: ResultStore;
  statuses: StatusStore;
  deadLetters: DeadLetterQueue;
  fleet: string;
  /** Failed attempts after which a request is given up. */
  maxAttempts: number;
  visibilitySeconds: number;
  counters: Counters;
  metrics: WorkerMetrics;
  log: Log;
  sleep: Sleep;
}

/** How one message is seen through. */
export interface RunOptions extends JobOptions {
  /** Called when the model server has answered: its part is done, the result's writing is not. */
  onServed(): void;
}

/**
 * `settled`: the message is gone from the queue or will go with its next delivery. `handed-back`: it is in the queue.
 * `trouble`: handed back, or given up, for a reason that may be the model server's.
 */
export type JobEnd = 'settled' | 'handed-back' | 'trouble';

/** A message that no one can read goes round until the queue moves it to the dead-letter queue. */
const UNREADABLE_SECONDS = 60;
const HAND_BACK_BASE_SECONDS = 2;
/** In visibility time-outs, and seconds: who wants a dead worker's message back soon wants this one back soon as well. */
const HAND_BACK_CAP = { visibilities: 10, seconds: 300 };

/**
 * Takes one message to its end. The order is what keeps it safe: the result is written before the message is deleted,
 * so a worker that dies in between leaves a message whose next delivery finds the result and only deletes; and the
 * result is written once, so of two workers with the same request one answers. Never throws.
 */
export async function runJob(
  message: QueueMessage,
  inProgress: Set<string>,
  cutOff: AbortSignal,
  options: RunOptions,
): Promise<JobEnd> {
  const { log, fleet } = options;
  const request = readQueuedRequest(message.body, fleet);
  if (typeof request === 'string') {
    log.error('a message is not a request of this fleet', { messageId: message.messageId, reason: request });
    const why = { cause: 'unreadable' as const, reason: request };
    return handBack(message, { ...why, delaySeconds: UNREADABLE_SECONDS }, options);
  }
  if (inProgress.has(request.id)) {
    const why = { cause: 'in-progress' as const, reason: 'the same request is being answered here' };
    return handBack(message, { ...why, delaySeconds: options.visibilitySeconds }, options);
  }
  inProgress.add(request.id);
  try {
    return await serve(message, request, cutOff, options);
  } finally {
    inProgress.delete(request.id);
  }
}

/** What is to become of a message once its request has been seen to. */
type MessageEnd =
  /** It goes: its request has a result. */
  | { kind: 'done'; end: JobEnd }
  /** It goes back to the queue. */
  | { kind: 'back'; end: JobEnd; why: HandBack; alongside?: Promise<void> };

async function serve(
  message: QueueMessage,
  request: QueuedRequest,
  cutOff: AbortSignal,
  options: RunOptions,
): Promise<JobEnd> {
  const { queue, visibilitySeconds, counters, sleep, log } = options;
  const release = keepHidden(queue, message.receipt, visibilitySeconds, sleep, log);
  const outcome = await seeTo(message, request, cutOff, options).catch((error: Error) =>
    later(message, request, 'storage', error.message, options),
  );
  // What follows is the last word on the message's visibility.
  await release();
  if (outcome.kind === 'back') {
    await Promise.all([handBack(message, outcome.why, options), outcome.alongside]);
    return outcome.end;
  }
  await remove(message, options);
  counters.completedQueue += 1;
  return outcome.end;
}

/** Throws when the bucket or the dead-letter queue fails. */
async function seeTo(
  message: QueueMessage,
  request: QueuedRequest,
  cutOff: AbortSignal,
  options: RunOptions,
): Promise<MessageEnd> {
  const { results, fleet, log, counters, metrics, maxAttempts, sleep } = options;
  const key = resultKey(fleet, request.id);
  const hadEnded = (): MessageEnd => {
    metrics.ended('queue', 'duplicate');
    return { kind: 'done', end: 'settled' };
  };
  const [hasEnded, note] = await Promise.all([
    persist(() => results.exists(key), sleep, log),
    StatusNote.open(request, options),
  ]);
  if (hasEnded) return hadEnded();
  // Only its last step is missing: whoever counted the last failure did not live to give up.
  if (note.failures >= maxAttempts) {
    await giveUp(message, request, note.failures, 'its worker ended', options);
    return { kind: 'done', end: 'settled' };
  }
  const outcome = await attempt(request, note, cutOff, options);
  switch (outcome.kind) {
    case 'ended':
      return hadEnded();
    case 'cut-off': {
      const why = { cause: 'draining' as const, reason: 'this worker is draining', requestId: request.id };
      return {
        ...{ kind: 'back', end: 'handed-back', why: { ...why, delaySeconds: 0 } },
        alongside: note.withdraw(),
      };
    }
    // The slot stays taken until the consumer knows of it: the next request would meet the same server.
    case 'retry': {
      const failures = outcome.counts ? await note.fail(outcome.reason) : note.failures;
      if (failures < maxAttempts) {
        await note.withdraw();
        return later(message, request, 'server', outcome.reason, options);
      }
      await giveUp(message, request, failures, outcome.reason, options);
      return { kind: 'done', end: 'trouble' };
    }
    case 'result':
      options.onServed();
      if (outcome.result.status === 'failed') {
        counters.failed += 1;
        log.warn('a request can not succeed', { requestId: request.id, ...outcome.result.error });
      }
      await write(key, outcome.result, options);
      return { kind: 'done', end: 'settled' };
  }
}

/** After trouble: the more often the message has been taken, the later. */
function later(
  { receives }: QueueMessage,
  { id: requestId }: QueuedRequest,
  cause: HandBackCause,
  reason: string,
  { visibilitySeconds }: JobOptions,
): MessageEnd {
  const cap = Math.min(HAND_BACK_CAP.seconds, HAND_BACK_CAP.visibilities * visibilitySeconds);
  const delaySeconds = backoff(receives, HAND_BACK_BASE_SECONDS, cap);
  return { kind: 'back', end: 'trouble', why: { delaySeconds, cause, reason, requestId } };
}

/**
 * Ends a request that failed too often. The message goes to the dead-letter queue before the result is
 * written: a worker that dies in between leaves it there twice, and never only in the result.
 */
async function giveUp(
  { body, messageId }: QueueMessage,
  { id, fleet, submittedAt }: QueuedRequest,
  failures: number,
  reason: string,
  options: JobOptions,
): Promise<void> {
  const { deadLetters, replica, now, counters, sleep, log } = options;
  const message = `given up after ${failures} failed ${failures === 1 ? 'attempt' : 'attempts'}; the last: ${reason}`;
  counters.failed += 1;
  log.error('a request is given up', { requestId: id, messageId, failures, reason });
  await persist(() => deadLetters.bury(body, message), sleep, log);
  const error = { code: 'attempts_exhausted', message };
  const at = now();
  const times = { submittedAt, startedAt: at, finishedAt: at };
  await write(resultKey(fleet, id), { v: 1, id, status: 'failed', error, replica, ...times }, options);
}

async function write(key: string, result: RequestResult, options: JobOptions): Promise<void> {
  const { results, metrics, sleep, log } = options;
  const outcome = await persist(() => results.writeOnce(key, JSON.stringify(result)), sleep, log);
  if (outcome === 'written') return metrics.answered(result);
  metrics.ended('queue', 'duplicate');
  log.info('a request was answered already', { requestId: result.id });
}

/** The result is there: whatever happens to this call, the next delivery only deletes. */
async function remove(message: QueueMessage, { queue, sleep, log }: JobOptions): Promise<void> {
  try {
    await persist(() => queue.delete(message.receipt), sleep, log);
  } catch (error) {
    log.warn('an answered message could not be deleted', { messageId: message.messageId, error });
  }
}

export interface HandBack {
  /** Visible again after so many seconds. */
  delaySeconds: number;
  cause: HandBackCause;
  reason: string;
  requestId?: string;
}

/** Gives the message back to the queue. Counts as a failed attempt. */
export async function handBack(
  message: QueueMessage,
  { delaySeconds, cause, reason, requestId }: HandBack,
  {
    queue,
    counters,
    metrics,
    sleep,
    log,
  }: Pick<JobOptions, 'queue' | 'counters' | 'metrics' | 'sleep' | 'log'>,
): Promise<JobEnd> {
  counters.failed += 1;
  metrics.handedBack(cause);
  const fields = {
    messageId: message.messageId,
    requestId,
    delaySeconds,
    receives: message.receives,
    reason,
  };
  log.info('a message is handed back', fields);
  try {
    await persist(() => queue.setVisibility(message.receipt, delaySeconds), sleep, log);
  } catch (error) {
    // It turns visible by itself when its visibility runs out.
    if (!(error instanceof ConflictError)) log.warn('a hand-back failed', { ...fields, error });
  }
  return 'handed-back';
}
