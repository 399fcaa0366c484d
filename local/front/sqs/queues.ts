import { setImmediate as immediate } from 'node:timers/promises';
import type { Backend, Exchange, FauxQueue, Fauxqs } from '../backend.ts';
import { FAUX_ACCOUNT } from '../backend.ts';
import { record } from '../iam/mapping.ts';
import { serviceSpec } from '../services.ts';
import type { AwsRequest, AwsResponse } from '../types.ts';
import { commonError } from '../wire/errors.ts';
import { CounterHistory, type QueueCounts } from './history.ts';
import { queueName } from './names.ts';

export interface QueuesOptions {
  fauxqs: Fauxqs;
  accountId: string;
  region: string;
  /** The front's own address: queue URLs point there. */
  url(): string;
}

/** For so long a `reorder` fault keeps messages back. */
const HELD_BACK_SECONDS = 1;
/** Lagging counters are sampled this often. */
const SAMPLE_MS = 250;
const SPEC = serviceSpec('sqs');
const NO_COUNTS: QueueCounts = { visible: 0, notVisible: 0, delayed: 0 };

type Body = Record<string, unknown>;

/** SQS from fauxqs, with this account's names, long polls that last, late counters, duplicate deliveries and messages that overtake others. */
export class Queues implements Backend {
  readonly #options: QueuesOptions;
  readonly #history = new CounterHistory();
  /** Handles whose message was made visible again behind their back. */
  readonly #duplicated = new Set<string>();
  /** Handles of messages that are kept back, and that no younger one has overtaken yet; and their queues. */
  readonly #heldBack = new Map<string, FauxQueue>();
  readonly #sampler: NodeJS.Timeout;

  constructor(options: QueuesOptions) {
    this.#options = options;
    this.#sampler = setInterval(() => this.#sample(), SAMPLE_MS);
    this.#sampler.unref();
  }

  stop(): void {
    clearInterval(this.#sampler);
  }

  setCounterLag(seconds: number): void {
    this.#history.setLag(seconds);
    this.#sample();
  }

  /** Exact; undefined if there is no such queue. */
  counts(name: string): QueueCounts | undefined {
    const queue = this.#options.fauxqs.queues.getQueueByName(name);
    if (!queue) return undefined;
    // fauxqs looks at visibility timeouts only while someone receives: with no worker left, work would stay in flight.
    queue.processTimers();
    return {
      visible: queue.messages.length,
      notVisible: queue.inflightMessages.size,
      delayed: queue.delayedMessages.length,
    };
  }

  /** Seconds since the oldest message that is still there was sent; 0 when there is none. */
  oldestSeconds(name: string, now = Date.now()): number {
    const queue = this.#options.fauxqs.queues.getQueueByName(name);
    if (!queue) return 0;
    const sent = [
      ...queue.messages,
      ...[...queue.inflightMessages.values()].map(({ message }) => message),
    ].map(({ sentTimestamp = now }) => sentTimestamp);
    return sent.length === 0 ? 0 : Math.max(0, now - Math.min(...sent)) / 1000;
  }

  /** As `GetQueueAttributes` and CloudWatch tell it. */
  laggedCounts(name: string): QueueCounts | undefined {
    const counts = this.counts(name);
    return counts && this.#history.read(name, counts, Date.now());
  }

  names(): string[] {
    return this.#options.fauxqs.queues.listQueues().queues.map(({ name }) => name);
  }

  async handle(request: AwsRequest, exchange: Exchange): Promise<AwsResponse> {
    const body = this.#toFauxqs(request.input);
    const { operation } = request;
    if (operation === 'ReceiveMessage') return await this.#receive(body, exchange);
    if (operation === 'ChangeMessageVisibility' && this.#duplicated.has(String(body.ReceiptHandle))) {
      return respond({});
    }
    const { status, output, headers } = await this.#call(operation, body);
    if (status !== 200) return respond(output, status, headers);
    if (operation === 'CreateQueue')
      this.#history.sample(queueName(String(output.QueueUrl)), NO_COUNTS, Date.now());
    if (operation === 'DeleteMessage') this.#duplicated.delete(String(body.ReceiptHandle));
    if (operation === 'DeleteQueue') this.#history.forget(queueName(String(body.QueueUrl)));
    return respond(this.#fromFauxqs(operation, output, body));
  }

  /**
   * A long poll lasts as long as it was asked to: fauxqs wakes every waiter for one message and lets the losers go
   * empty-handed, so they ask again. A client that went away while it waited gets nothing, and what was taken for it
   * is as if it had never been received. SQS does not promise that: there the message stays invisible for its timeout.
   */
  async #receive(body: Body, exchange: Exchange): Promise<AwsResponse> {
    const queue = this.#queue(body);
    const asked = body.WaitTimeSeconds ?? Number(queue?.attributes.ReceiveMessageWaitTimeSeconds ?? 0);
    const deadline = performance.now() + (typeof asked === 'number' && asked <= 20 ? asked * 1000 : 0);
    let isToHoldBack = exchange.reorder;
    for (;;) {
      const left = Math.max(0, deadline - performance.now()) / 1000;
      // Short slices bound how long a poll outlives its client.
      const wait = typeof asked === 'number' && asked <= 20 ? Math.min(left, 1) : asked;
      const { status, output, headers } = await this.#call('ReceiveMessage', {
        ...body,
        WaitTimeSeconds: wait,
      });
      const handles = received(output);
      // What woke the poll may have arrived together with the news that its client is gone: let that be seen too.
      await immediate();
      if (exchange.signal.aborted) {
        if (queue) for (const handle of handles) unreceive(queue, handle);
        return respond({});
      }
      if (isToHoldBack && queue && handles.length > 0) {
        for (const handle of handles) this.#holdBack(queue, handle);
        isToHoldBack = false;
        continue;
      }
      if (status !== 200 || handles.length > 0 || left === 0) {
        const outOfOrder = queue ? this.#overtaken(queue, handles) : 0;
        const twice = exchange.duplicate && queue ? handles : [];
        for (const handle of twice) if (queue) this.#duplicate(queue, handle);
        exchange.note({
          messages: messages(output).map((message) => ({
            body: String(message.Body),
            receipt: String(message.ReceiptHandle),
          })),
          twice: twice.length,
          outOfOrder,
        });
        return respond(output, status, headers);
      }
    }
  }

  /** Lets the next receiver have the message too, while the first one works on it. */
  #duplicate(queue: FauxQueue, handle: string): void {
    queue.changeVisibility(handle, 0);
    this.#duplicated.add(handle);
  }

  /** As if it had not been received: what comes later is received before it. */
  #holdBack(queue: FauxQueue, handle: string): void {
    unreceive(queue, handle, HELD_BACK_SECONDS);
    this.#heldBack.set(handle, queue);
  }

  /** How many of those that are kept back are older than one that is delivered now; each counts once. */
  #overtaken(queue: FauxQueue, handles: readonly string[]): number {
    const sentAt = (handle: string): number | undefined =>
      queue.inflightMessages.get(handle)?.message.sentTimestamp;
    const youngest = Math.max(...handles.map((handle) => sentAt(handle) ?? 0));
    let overtaken = 0;
    for (const [handle, itsQueue] of this.#heldBack) {
      const at = sentAt(handle);
      if (itsQueue !== queue || (at !== undefined && at >= youngest)) continue;
      if (at !== undefined) overtaken += 1;
      this.#heldBack.delete(handle);
    }
    return overtaken;
  }

  async #call(
    operation: string,
    body: Body,
  ): Promise<{ status: number; output: Body; headers: Record<string, string> }> {
    const response = await this.#options.fauxqs.inject({
      method: 'POST',
      url: '/',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': `AmazonSQS.${operation}` },
      body: JSON.stringify(body),
    });
    const output = response.body.length > 0 ? record(JSON.parse(response.body.toString())) : {};
    if (response.status >= 400 && output.__type === undefined) {
      // fauxqs's own failure, mostly at input of the wrong type, which SQS refuses as unreadable.
      throw commonError(
        SPEC,
        'malformed',
        `${operation}: ${String(output.message ?? 'the request is not valid')}`,
      );
    }
    const error = response.headers['x-amzn-query-error'];
    return { status: response.status, output, headers: error ? { 'x-amzn-query-error': error } : {} };
  }

  #queue(body: Body): FauxQueue | undefined {
    return this.#options.fauxqs.queues.getQueueByName(queueName(String(body.QueueUrl)));
  }

  #toFauxqs(input: Body): Body {
    const body = { ...input };
    if (typeof body.QueueUrl === 'string') {
      const name = queueName(body.QueueUrl);
      body.QueueUrl = this.#options.fauxqs.queues.getQueueByName(name)?.url ?? body.QueueUrl;
    }
    const attributes = record(body.Attributes);
    if (typeof attributes.RedrivePolicy === 'string') {
      const redrive = attributes.RedrivePolicy.replace(`:${this.#options.accountId}:`, `:${FAUX_ACCOUNT}:`);
      body.Attributes = { ...attributes, RedrivePolicy: redrive };
    }
    return body;
  }

  #fromFauxqs(operation: string, output: Body, body: Body): Body {
    const { accountId } = this.#options;
    if (typeof output.QueueUrl === 'string') return { ...output, QueueUrl: this.#url(output.QueueUrl) };
    if (Array.isArray(output.QueueUrls)) {
      return { ...output, QueueUrls: output.QueueUrls.map((url) => this.#url(String(url))) };
    }
    if (operation !== 'GetQueueAttributes') return output;
    const attributes = record(output.Attributes);
    const counts = this.laggedCounts(queueName(String(body.QueueUrl))) ?? NO_COUNTS;
    const shown: Record<string, string> = {};
    for (const [name, value] of Object.entries(attributes)) {
      shown[name] = String(value).replace(`:${FAUX_ACCOUNT}:`, `:${accountId}:`);
    }
    const replace = (name: string, value: number): void => {
      if (name in shown) shown[name] = String(value);
    };
    replace('ApproximateNumberOfMessages', counts.visible);
    replace('ApproximateNumberOfMessagesNotVisible', counts.notVisible);
    replace('ApproximateNumberOfMessagesDelayed', counts.delayed);
    return { ...output, Attributes: shown };
  }

  #url(fauxUrl: string): string {
    return `${this.#options.url()}/${this.#options.accountId}/${queueName(fauxUrl)}`;
  }

  #sample(): void {
    if (!this.#history.lags) return;
    const now = Date.now();
    for (const name of this.names()) this.#history.sample(name, this.counts(name) ?? NO_COUNTS, now);
  }
}

const messages = (output: Body): Body[] =>
  Array.isArray(output.Messages) ? output.Messages.map((message) => record(message)) : [];

const received = (output: Body): string[] =>
  messages(output).map(({ ReceiptHandle }) => String(ReceiptHandle));

/** @param seconds after which it can be received */
function unreceive(queue: FauxQueue, handle: string, seconds = 0): void {
  const entry = queue.inflightMessages.get(handle);
  if (!entry) return;
  entry.message.approximateReceiveCount--;
  queue.changeVisibility(handle, seconds);
}

const respond = (output: Body, status = 200, headers: Record<string, string> = {}): AwsResponse => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.0', ...headers },
  body: JSON.stringify(output),
});
