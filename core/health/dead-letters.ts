import type { QueuedRequest, RequestResult } from '../protocol/request.ts';
import type { RequestStatus } from '../protocol/status.ts';

/** Error codes of responses that ended in the dead-letter queue. */
const DEAD_LETTER_CODE = {
  /** The worker counted the failures and gave up. */
  exhausted: 'attempts_exhausted',
  /** SQS gave up: no worker lived to count. */
  undeliverable: 'undeliverable',
} as const;

/**
 * For so long, milliseconds, nobody but `paddock dlq redrive` itself decides about a request that it has taken up
 * again: between two of its steps the request has no result and a message in the dead-letter queue alone.
 */
const REDRIVE_GRACE_MS = 15 * 60_000;

export interface DeadRequest {
  request: QueuedRequest;
  /** What the worker said that moved it; undefined when SQS did. */
  reason: string | undefined;
  status: RequestStatus | undefined;
}

/** Why the request ended in the dead-letter queue, for whoever sent it. */
export function causeOfDeath({ reason, status }: Omit<DeadRequest, 'request'>): {
  code: string;
  message: string;
} {
  if (reason !== undefined) return { code: DEAD_LETTER_CODE.exhausted, message: reason };
  const details = [
    status?.replica && status.startedAt !== undefined
      ? `the last attempt began on ${status.replica} at ${new Date(status.startedAt).toISOString()}`
      : '',
    status?.lastFailure ? `the last failure: ${status.lastFailure}` : '',
  ].filter((detail) => detail !== '');
  const message = ['delivered too often: no worker lived to answer it', ...details].join('; ');
  return { code: DEAD_LETTER_CODE.undeliverable, message };
}

/**
 * The result that ends a request whose message lies in the dead-letter queue.
 * @param by who writes it
 * @param now epoch milliseconds
 */
export function deathOf(dead: DeadRequest, by: string, now: number): RequestResult {
  const { id, submittedAt } = dead.request;
  const times = { submittedAt, startedAt: now, finishedAt: now };
  return { v: 1, id, status: 'failed', error: causeOfDeath(dead), replica: by, ...times };
}

/**
 * Whether the sweep ends it. Asked about requests without a result, with the status that was read after looking for
 * the result: a redrive writes its time into the status before it takes the result away.
 * @param now epoch milliseconds
 */
export const isForSweep = ({ status }: Pick<DeadRequest, 'status'>, now: number): boolean =>
  status?.redrivenAt === undefined || now - status.redrivenAt > REDRIVE_GRACE_MS;
