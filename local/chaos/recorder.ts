import { createHash } from 'node:crypto';
import { resultKey } from '../../core/protocol/names.ts';
import { type RequestResult, requestResultSchema } from '../../core/protocol/request.ts';
import type { Delivery } from '../front/backend.ts';
import type { RequestEvent } from '../front/front.ts';
import type { ServerEvent } from '../model-server/types.ts';
import type { Reading, RequestTrail } from './verdict.ts';

/**
 * What can be seen of the requests from outside: by their clients, by the model servers, and on the wire to SQS and S3. Nothing
 * in it comes from what the control plane says of itself.
 */
export class ChaosRecorder {
  readonly #trails = new Map<string, RequestTrail>();
  /** Seen before the client knew that its request was accepted. */
  readonly #early = new Map<string, Omit<RequestTrail, 'via' | 'submittedAt'>>();
  readonly #unread = new Set<string>();
  /** Which request a delivery is of, by its receipt. */
  readonly #delivered = new Map<string, string>();
  readonly #listeners = new Set<(id: string) => void>();
  readonly #resultOf: RegExp;
  readonly #now: () => number;

  /** @param now epoch milliseconds */
  constructor(fleet: string, now: () => number = Date.now) {
    this.#now = now;
    this.#resultOf = new RegExp(`${resultKey(fleet, '([^/]+)').replaceAll('.', '\\.')}$`);
  }

  get submitted(): number {
    return this.#trails.size;
  }

  get answered(): number {
    return this.#trails.size - this.#unread.size;
  }

  /** Accepted, and no result of it has been read yet. */
  get unread(): ReadonlySet<string> {
    return this.#unread;
  }

  /** Of those, what should have been read by now: its result was written, or it was submitted before `since`. */
  overdue(since: number): string[] {
    return [...this.#unread].filter((id) => {
      const trail = this.#trails.get(id);
      return trail !== undefined && (trail.writes.length > 0 || trail.submittedAt < since);
    });
  }

  get trails(): RequestTrail[] {
    return [...this.#trails.values()];
  }

  /** Called with the id of a request whose result was written. Returns what ends it. */
  onWritten(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The client was told that the system has its request. */
  accepted(id: string, via: RequestTrail['via']): void {
    const known = this.#early.get(id) ?? blank(id);
    this.#early.delete(id);
    const trail = { ...known, via, submittedAt: this.#now() };
    this.#trails.set(id, trail);
    if (trail.readings.length === 0) this.#unread.add(id);
    if (trail.writes.length > 0) this.#tell(id);
  }

  /** The request of a delivery. */
  requestOf(receipt: string): string | undefined {
    return this.#delivered.get(receipt);
  }

  /** A call to the AWS front that is over. */
  onRequest({ operation, status, carriedOut, resource, delivery, input, fault }: RequestEvent): void {
    if (delivery) this.#onDelivery(delivery);
    // What was carried out counts, whether or not its caller was told.
    const isDone = (carriedOut ?? status) === 200;
    switch (operation) {
      case 'PutObject':
        if (isDone) this.#onWrite(resource?.[0] ?? '');
        break;
      case 'SendMessage':
        if (isDone) this.#onSent(requestIdOf(String(input?.MessageBody)));
        break;
      case 'ChangeMessageVisibility':
        if (fault) this.#onFault(this.requestOf(String(input?.ReceiptHandle)));
    }
  }

  #onDelivery({ messages, twice }: Delivery): void {
    for (const { body, receipt } of messages) {
      const id = requestIdOf(body);
      if (id === undefined) continue;
      this.#delivered.set(receipt, id);
      const trail = this.#trail(id);
      trail.deliveries.push(this.#now());
      // All of a batch, or none of it.
      if (twice > 0) trail.isDisturbed = true;
    }
  }

  #onWrite(resource: string): void {
    const id = this.#resultOf.exec(resource)?.[1];
    if (id === undefined) return;
    this.#trail(id).writes.push(this.#now());
    this.#tell(id);
  }

  #onSent(id: string | undefined): void {
    if (id === undefined) return;
    const trail = this.#trail(id);
    trail.sent += 1;
    if (trail.sent > 1) trail.isDisturbed = true;
  }

  #onFault(id: string | undefined): void {
    if (id !== undefined) this.#trail(id).isDisturbed = true;
  }

  onServer({ kind, pod, requestId, at }: ServerEvent): void {
    if (requestId === '' || kind === 'cold') return;
    const { runs } = this.#trail(requestId);
    if (kind === 'started') {
      runs.push({ pod, startedAt: at });
      return;
    }
    const run = runs.findLast((one) => one.pod === pod && one.end === undefined);
    if (run) Object.assign(run, { end: kind, endedAt: at });
  }

  /** What a client read as the result; undefined: there is none. */
  read(id: string, body: unknown): void {
    const trail = this.#trail(id);
    const { data: result } = requestResultSchema.safeParse(body);
    trail.last = result && readingOf(result);
    if (!trail.last) return;
    this.#unread.delete(id);
    const { digest } = trail.last;
    if (!trail.readings.some((one) => one.digest === digest)) trail.readings.push(trail.last);
  }

  /** What the gateway told a client that waited for the end. */
  told(id: string, status: string, text: string): void {
    this.#trail(id).told = { status, answer: answerIn(text) };
  }

  setStatus(id: string, status: string): void {
    this.#trail(id).status = status;
  }

  #trail(id: string): Omit<RequestTrail, 'via' | 'submittedAt'> {
    const known = this.#trails.get(id) ?? this.#early.get(id);
    if (known) return known;
    const early = blank(id);
    this.#early.set(id, early);
    return early;
  }

  #tell(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }
}

const blank = (id: string): Omit<RequestTrail, 'via' | 'submittedAt'> => ({
  id,
  ...{ sent: 0, isDisturbed: false },
  deliveries: [],
  runs: [],
  writes: [],
  readings: [],
  last: undefined,
});

/** Of a message; undefined when it is none of ours. */
export function requestIdOf(body: string): string | undefined {
  try {
    const { id } = JSON.parse(body) as { id?: unknown };
    return typeof id === 'string' ? id : undefined;
  } catch {
    return undefined;
  }
}

/** No two runs of the synthetic model server say the same: it names each answer. */
const answerIn = (text: string): string | undefined => /Answer ([0-9a-f-]{36}) to /.exec(text)?.[1];

function readingOf({ id, status, error, response, ...times }: RequestResult): Reading {
  const text = JSON.stringify(response ?? '');
  return {
    status,
    digest: createHash('sha256').update(JSON.stringify({ status, error, text, times })).digest('hex'),
    reason: error?.message ?? '',
    answer: answerIn(text),
    isOwn: text.includes(` to ${id}: `),
  };
}
