import type { QueueMessage, WorkQueue } from '../adapters/aws/queue.ts';
import type { ResultStore } from '../adapters/aws/results.ts';
import { ConflictError } from '../adapters/errors.ts';
import { resultKey } from '../core/protocol/names.ts';
import { type QueuedRequest, queuedRequestSchema, type RequestResult } from '../core/protocol/request.ts';
import { type AnswerOptions, answer } from './answer.ts';
import type { Counters } from './counters.ts';
import type { Log } from './log.ts';
import type { HandBackCause, WorkerMetrics } from './metrics.ts';
import { backoff, persist, type Sleep } from './time.ts';
import { keepHidden } from './visibility.ts';

export interface JobOptions extends AnswerOptions {
  queue: WorkQueue;
  results: ResultStore;
  fleet: string;
  visibilitySeconds: number;
  counters: Counters;
  metrics: WorkerMetrics;
  log: Log;
  sleep: Sleep;
}

/**
 * `settled`: the message is gone from the queue or will go with its next delivery. `handed-back`: it is in the queue.
 * `trouble`: handed back for a reason that is not the message's own.
 */
export type JobEnd = 'settled' | 'handed-back' | 'trouble';

/** A message that no one can read goes round until the queue moves it to the dead-letter queue. */
const UNREADABLE_SECONDS = 60;
const HAND_BACK_BASE_SECONDS = 2;
const HAND_BACK_CAP_SECONDS = 300;

/**
 * Takes one message to its end. The order is what keeps it safe: the result is written before the message is deleted,
 * so a worker that dies in between leaves a message whose next delivery finds the result and only deletes; and the
 * result is written once, so of two workers with the same request one answers. Never throws.
 */
export async function runJob(
  message: QueueMessage,
  inProgress: Set<string>,
  cutOff: AbortSignal,
  options: JobOptions,
): Promise<JobEnd> {
  const { log, fleet } = options;
  const request = readRequest(message.body, fleet);
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

async function serve(
  message: QueueMessage,
  request: QueuedRequest,
  cutOff: AbortSignal,
  options: JobOptions,
): Promise<JobEnd> {
  const { queue, results, fleet, log, counters, metrics, sleep } = options;
  const key = resultKey(fleet, request.id);
  const release = keepHidden(queue, message.receipt, options.visibilitySeconds, sleep, log);
  const retryLater = async (cause: HandBackCause, reason: string): Promise<JobEnd> => {
    await release();
    const delaySeconds = backoff(message.receives, HAND_BACK_BASE_SECONDS, HAND_BACK_CAP_SECONDS);
    await handBack(message, { delaySeconds, cause, reason, requestId: request.id }, options);
    return 'trouble';
  };
  try {
    if (await persist(() => results.exists(key), sleep, log)) {
      metrics.ended('queue', 'duplicate');
    } else {
      const outcome = await answer(request, cutOff, options);
      if (outcome.kind === 'retry') return await retryLater('server', outcome.reason);
      if (outcome.kind === 'cut-off') {
        await release();
        const why = { cause: 'draining' as const, reason: 'this worker is draining', requestId: request.id };
        return await handBack(message, { ...why, delaySeconds: 0 }, options);
      }
      if (outcome.result.status === 'failed') {
        counters.failed += 1;
        log.warn('a request can not succeed', { requestId: request.id, ...outcome.result.error });
      }
      await write(key, outcome.result, options);
    }
    await release();
    await remove(message, options);
    counters.completedQueue += 1;
    return 'settled';
  } catch (error) {
    return await retryLater('storage', (error as Error).message);
  }
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

/** The request, or why it is none. */
function readRequest(body: string, fleet: string): QueuedRequest | string {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return 'not JSON';
  }
  const parsed = queuedRequestSchema.safeParse(json);
  if (!parsed.success) {
    return parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  }
  if (parsed.data.fleet !== fleet) return `it belongs to the fleet ${parsed.data.fleet}`;
  return parsed.data;
}
