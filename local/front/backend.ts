import { buildApp } from 'fauxqs';
import type { AwsRequest, AwsResponse } from './types.ts';

/** What stands behind the front for a service whose requests are passed on as they came. */
export interface Backend {
  handle(request: AwsRequest, exchange: Exchange): Promise<AwsResponse>;
}

/** What the front knows about the exchange beside the request itself. */
export interface Exchange {
  /** Aborted when the client goes away. */
  signal: AbortSignal;
  /** A `duplicate` fault was drawn for this request. */
  duplicate: boolean;
  /** A `reorder` fault was. */
  reorder: boolean;
  /** Told what a ReceiveMessage hands out. */
  note(delivery: Delivery): void;
}

export interface Delivery {
  /** What was sent, and what names this delivery of it. */
  messages: { body: string; receipt: string }[];
  /** How many will be delivered once more, because of a fault. */
  twice: number;
  /** How many older ones, kept back by a fault, it is the first to overtake. */
  outOfOrder: number;
}

interface FauxMessage {
  approximateReceiveCount: number;
  /** Epoch milliseconds. */
  sentTimestamp?: number;
}

/** The parts of fauxqs's queues that its own API has no way to reach: due timers and un-received messages. */
export interface FauxQueue {
  readonly name: string;
  readonly url: string;
  /** Those that wait, oldest first. */
  readonly messages: readonly FauxMessage[];
  readonly delayedMessages: readonly FauxMessage[];
  readonly inflightMessages: ReadonlyMap<string, { message: FauxMessage }>;
  readonly attributes: Readonly<Record<string, string>>;
  processTimers(): void;
  changeVisibility(receiptHandle: string, seconds: number): void;
}

export interface FauxQueues {
  getQueueByName(name: string): FauxQueue | undefined;
  listQueues(): { queues: FauxQueue[] };
}

export interface Fauxqs {
  queues: FauxQueues;
  /** Hands a request to it in process: no second port by which someone could pass the front. */
  inject(request: {
    method: string;
    url: string;
    headers: Record<string, string>;
    body: string | Buffer;
  }): Promise<AwsResponse & { headers: Record<string, string>; body: Buffer }>;
  stop(): Promise<void>;
}

export const FAUX_ACCOUNT = '000000000000';
/** More per request than this it refuses. */
export const FAUX_BODY_LIMIT = 11 * 1024 * 1024;

/** Headers that belong to the connection between client and front. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'expect',
  'upgrade',
  'content-length',
]);

export const endToEnd = (headers: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));

/** The package exports only its entry: its other modules are found beside it. */
const inside = async (path: string): Promise<unknown> =>
  await import(new URL(path, import.meta.resolve('fauxqs')).href);

const SQS_TEXT = /^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u;

export async function startFauxqs(region: string): Promise<Fauxqs> {
  const { SqsStore } = (await inside('./sqs/sqsStore.js')) as { SqsStore: new () => FauxQueues };
  const types = (await inside('./sqs/sqsTypes.js')) as { INVALID_MESSAGE_BODY_CHAR: RegExp };
  // fauxqs refuses characters beyond U+FFFF, which SQS takes and prompts hold.
  types.INVALID_MESSAGE_BODY_CHAR.test = (body) => !SQS_TEXT.test(body);
  const queues = new SqsStore();
  type Options = NonNullable<Parameters<typeof buildApp>[0]>;
  const stores = { sqsStore: queues } as unknown as NonNullable<Options['stores']>;
  const app = buildApp({ logger: false, defaultRegion: region, stores });
  await app.ready();
  return {
    queues,
    inject: async ({ method, url, headers, body }) => {
      const response = await app.inject({
        method: method as 'GET',
        url,
        headers: { ...headers, host: '127.0.0.1' },
        ...(body.length > 0 ? { payload: body } : {}),
      });
      const answered: Record<string, string> = {};
      for (const [name, value] of Object.entries(response.headers)) {
        if (value !== undefined) answered[name] = Array.isArray(value) ? value.join(', ') : String(value);
      }
      return { status: response.statusCode, headers: answered, body: response.rawPayload };
    },
    stop: () => app.close(),
  };
}
