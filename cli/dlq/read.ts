import type { DeadLetter } from '../../adapters/aws/dead-letters.ts';
import { causeOfDeath } from '../../core/health/dead-letters.ts';
import { resultKey, statusKey } from '../../core/protocol/names.ts';
import {
  type QueuedRequest,
  type RequestResult,
  readQueuedRequest,
  requestResultSchema,
} from '../../core/protocol/request.ts';
import { parseStatus, type RequestStatus } from '../../core/protocol/status.ts';
import type { Dlq } from './queue.ts';

/** What is known of the request of a letter. */
export interface Known {
  letter: DeadLetter;
  /** Undefined for a message that is no request of the fleet; then `problem` says why. */
  request: QueuedRequest | undefined;
  problem: string | undefined;
  status: RequestStatus | undefined;
  result: RequestResult | undefined;
}

/** One line of `paddock dlq list`. */
export interface LetterRow {
  /** Of the request; of the message when it is no request of the fleet. */
  id: string;
  messageId: string;
  fleet: string;
  /** Since it was sent. */
  ageSeconds: number;
  receives: number;
  /** Failed ones that a worker lived to count. */
  attempts: number;
  model: string;
  /** What its client reads; `pending` until the next sweep; `foreign` for what is no request. */
  response: RequestResult['status'] | 'pending' | 'foreign';
  why: string;
}

/** Reads a letter's objects. Throws what the adapters throw, and Error for an object that can't be understood. */
export async function learn(letter: DeadLetter, { fleet, objects }: Dlq): Promise<Known> {
  const request = readQueuedRequest(letter.body, fleet);
  if (typeof request === 'string') {
    return { letter, request: undefined, problem: request, status: undefined, result: undefined };
  }
  const [status, result] = await Promise.all([
    objects.open(statusKey(fleet, request.id)),
    objects.open(resultKey(fleet, request.id)),
  ]);
  return {
    ...{ letter, request, problem: undefined },
    status: status && parseStatus(status.body),
    result: result && requestResultSchema.parse(JSON.parse(result.body)),
  };
}

export function rowOf(known: Known, { fleet, now }: Dlq): LetterRow {
  const { letter, request, status, result } = known;
  const model = status?.model || request?.body?.model;
  return {
    id: request?.id ?? letter.messageId,
    messageId: letter.messageId,
    fleet,
    ageSeconds: Math.max(0, Math.round((now() - (letter.sentAt || now())) / 1000)),
    receives: letter.receives,
    attempts: status?.failures ?? 0,
    model: typeof model === 'string' ? model : '',
    response: request ? (result?.status ?? 'pending') : 'foreign',
    why: whyOf(known),
  };
}

function whyOf({ letter, request, problem, status, result }: Known): string {
  if (!request) return `no request of this fleet: ${problem}`;
  // Delivered twice, and given up once.
  if (result && result.status !== 'failed') return `it is ${result.status}: redrive takes the letter out`;
  return result?.error?.message ?? causeOfDeath({ reason: letter.reason, status }).message;
}

/** Whether a person named this letter: by its request's id or its message's. */
export const isNamed = (
  letter: DeadLetter,
  fleet: string,
  names: ReadonlySet<string>,
): string | undefined => {
  const request = readQueuedRequest(letter.body, fleet);
  const id = typeof request === 'string' ? undefined : request.id;
  return [id, letter.messageId].find((name) => name !== undefined && names.has(name));
};
