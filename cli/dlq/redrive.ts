import type { DeadLetter } from '../../adapters/aws/dead-letters.ts';
import { deathOf } from '../../core/health/dead-letters.ts';
import { resultKey, statusKey } from '../../core/protocol/names.ts';
import {
  type QueuedRequest,
  type RequestResult,
  readQueuedRequest,
  requestResultSchema,
} from '../../core/protocol/request.ts';
import { parseStatus, type RequestStatus } from '../../core/protocol/status.ts';
import type { Dlq } from './queue.ts';

/** `foreign`: left where it is. The others are out of the dead-letter queue: the request ended in that way already. */
export type Redriven = 'redriven' | 'foreign' | Exclude<RequestResult['status'], 'failed'>;

/** The client and a sweep may write at the same time; more rounds than that mean something else is wrong. */
const ROUNDS = 5;

/**
 * Puts a letter's request back into its queue: new attempts, and its response is `queued` again.
 *
 * The order is what keeps it safe, wherever it is interrupted. The time goes into the status first, so that no sweep
 * ends the request meanwhile; then the failed result goes, if it is still the one that was read; then the message is sent;
 * then the letter is deleted. Until the last step the letter is there: redriving it again completes it, and a request
 * that is sent twice is answered once.
 *
 * @throws UnavailableError, RefusedError
 */
export async function redrive(letter: DeadLetter, dlq: Dlq): Promise<Redriven> {
  const { fleet, letters, queue } = dlq;
  const request = readQueuedRequest(letter.body, fleet);
  if (typeof request === 'string') return 'foreign';
  const readied = await ready(request, dlq);
  if (readied.end === undefined) await queue.send(request, readied.owner);
  await letters.delete(letter.receipt);
  return readied.end ?? 'redriven';
}

/** Takes the failed result away. `end`: the request has ended in another way, and is left so. */
async function ready(
  request: QueuedRequest,
  dlq: Dlq,
): Promise<{ owner?: string | undefined; end?: Exclude<RequestResult['status'], 'failed'> }> {
  const { fleet, objects } = dlq;
  const key = resultKey(fleet, request.id);
  for (let round = 0; round < ROUNDS; round += 1) {
    const stored = await objects.open(key);
    const result = stored && requestResultSchema.parse(JSON.parse(stored.body));
    if (result && result.status !== 'failed') return { end: result.status };
    const status = await mark(request, dlq);
    if (!status) continue;
    if (!stored || (await objects.deleteIf(key, stored.etag))) return { owner: status.owner };
  }
  throw new Error(`${request.id} keeps being changed by someone else. Redrive it again.`);
}

/** The status as it is from now on; undefined when someone else was faster. */
async function mark(
  request: QueuedRequest,
  { fleet, objects, now }: Dlq,
): Promise<RequestStatus | undefined> {
  const { id, path, body, submittedAt } = request;
  const key = statusKey(fleet, id);
  const stored = await objects.open(key);
  const fresh = { status: 'queued' as const, failures: 0, redrivenAt: now() };
  if (!stored) {
    // It came straight through the queue. Without an owner nobody can read it.
    const model = typeof body?.model === 'string' ? body.model : '';
    const status: RequestStatus = { v: 1, id, path, model, submittedAt, ...fresh };
    return (await objects.writeOnce(key, JSON.stringify(status))) === 'written' ? status : undefined;
  }
  const { startedAt: _, replica: __, ...before } = parseStatus(stored.body);
  const status: RequestStatus = { ...before, ...fresh };
  const etag = await objects.replace(key, JSON.stringify(status), stored.etag);
  return etag === undefined ? undefined : status;
}

/** Gives a request up for good: its response stays, or becomes, `failed`, and the letter goes. */
export async function purge(letter: DeadLetter, { fleet, letters, objects, now }: Dlq): Promise<void> {
  const request = readQueuedRequest(letter.body, fleet);
  if (typeof request !== 'string') {
    const stored = await objects.open(statusKey(fleet, request.id));
    const dead = { request, reason: letter.reason, status: stored && understood(stored.body) };
    // First: without letter and result nothing would ever end it.
    await objects.writeOnce(resultKey(fleet, request.id), JSON.stringify(deathOf(dead, 'dlq', now())));
  }
  await letters.delete(letter.receipt);
}

/** Only the reason is better for it: one that nobody can understand is as good as none. */
function understood(text: string): RequestStatus | undefined {
  try {
    return parseStatus(text);
  } catch {
    return undefined;
  }
}
