import { createHash } from 'node:crypto';
import type { Alarm } from '../../../adapters/aws/wake.ts';
import { UnavailableError } from '../../../adapters/errors.ts';
import type { ApiKeys } from '../../../core/protocol/api-keys.ts';
import { resultKey, statusKey } from '../../../core/protocol/names.ts';
import { type QueuedRequest, queuedRequestSchema } from '../../../core/protocol/request.ts';
import { parseStatus } from '../../../core/protocol/status.ts';
import type { RateLimit } from '../../../core/rate-limit.ts';
import { ModelDirectory } from '../../../functions/gateway/config.ts';
import type { GatewayDependencies } from '../../../functions/gateway/dependencies.ts';
import { fleetOfId } from '../../../functions/gateway/ids.ts';
import { KeyChecker } from '../../../functions/gateway/keys.ts';
import { KeyLimit } from '../../../functions/gateway/limit.ts';
import { respond } from '../../../functions/gateway/respond.ts';
import { RequestStore } from '../../../functions/gateway/store.ts';
import { Waker } from '../../../functions/gateway/wake.ts';
import { FakeRateBuckets } from '../../fakes/rate-buckets.ts';
import { FakeResults } from '../../worker/fakes.ts';

export const KEY = 'paddock_0123abcd_first';
export const OTHER_KEY = 'paddock_0123abce_second';

const apiKey = (id: string, name: string, key: string) => ({
  id,
  name,
  sha256: createHash('sha256').update(key).digest('hex'),
  createdAt: '2026-01-01T00:00:00Z',
});

/** How a call of a service goes: done, refused, or done without anyone being told. */
export type Luck = 'ok' | 'fail-before' | 'fail-after';

export interface Reply {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: assertions are the check
  body: any;
  headers: Record<string, unknown>;
}

/** The gateway between a bucket, queues and a scale machine that fail on demand. */
export class World {
  now = 1_700_000_000_000;
  readonly objects = new FakeResults();
  readonly messages: { fleet: string; group: string | undefined; request: QueuedRequest }[] = [];
  readonly logged: unknown[] = [];
  /** What the next calls of each kind meet; then all goes well. */
  readonly luck: Record<'send' | 'writeOnce' | 'replace' | 'open' | 'keys', Luck[]> = {
    send: [],
    writeOnce: [],
    replace: [],
    open: [],
    keys: [],
  };
  awakeUntil = Number.POSITIVE_INFINITY;
  rung = 0;
  leaseReads = 0;
  secretReads = 0;
  secret: ApiKeys = {
    v: 1,
    keys: [apiKey('0123abcd', 'app', KEY), apiKey('0123abce', 'batch', OTHER_KEY)],
  };
  readonly buckets = new FakeRateBuckets();
  /** Of each key's name, for the processes made after it was set. */
  limit: RateLimit | undefined;
  readonly deps: GatewayDependencies = this.instance();

  /** One more process of the function. */
  instance(): GatewayDependencies {
    const log = {
      info: (...line: unknown[]) => void this.logged.push(line),
      warn: (...line: unknown[]) => void this.logged.push(line),
      error: (...line: unknown[]) => void this.logged.push(line),
    };
    const alarm: Alarm = {
      awakeUntil: async () => {
        this.leaseReads += 1;
        return this.awakeUntil;
      },
      ring: async () => {
        this.rung += 1;
      },
    };
    const objects = this.#lucky(this.objects);
    const keys = {
      read: async () => {
        this.secretReads += 1;
        if ((this.luck.keys.shift() ?? 'ok') !== 'ok') throw new UnavailableError('injected', 'Injected');
        return this.secret;
      },
    };
    return {
      directory: new ModelDirectory([
        { name: 'cpu', models: ['tiny', 'llama3.1:8b'], queueUrl: 'http://127.0.0.1/cpu' },
        { name: 'gpu', models: ['large:70b', 'tiny'], queueUrl: 'http://127.0.0.1/gpu' },
      ]),
      keys: new KeyChecker({ keys, now: () => this.now, log }),
      store: new RequestStore(objects, () => this.now),
      queueOf: (fleet) => this.#lucky({ send: this.#send(fleet) }),
      waker: new Waker({ alarm, objects: this.objects, now: () => this.now / 1000, log }),
      limit:
        this.limit && new KeyLimit({ buckets: this.buckets, limit: this.limit, now: () => this.now, log }),
      maxBodyBytes: 300_000,
      now: () => this.now,
      log,
    };
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
    deps: GatewayDependencies = this.deps,
  ): Promise<Reply> {
    const [rawPath = '', query] = path.split('?');
    const bytes = Buffer.isBuffer(body)
      ? body
      : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body ?? {}));
    const reply = await respond(
      {
        method,
        path: rawPath,
        headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}`, ...headers },
        query: new URLSearchParams(query),
        body: body === undefined ? Buffer.alloc(0) : bytes,
        requestId: 'request-1',
      },
      deps,
    );
    return {
      status: reply.statusCode ?? 0,
      body: JSON.parse(reply.body ?? 'null'),
      headers: reply.headers ?? {},
    };
  }

  submit(
    body: object = {},
    headers: Record<string, string> = {},
    deps?: GatewayDependencies,
  ): Promise<Reply> {
    const request = { model: 'tiny', input: 'Why?', background: true, ...body };
    return this.call('POST', '/v1/responses', request, headers, deps);
  }

  /** What a worker does with the request. */
  finish(id: string, result: object): void {
    const times = { submittedAt: this.now, startedAt: this.now + 1000, finishedAt: this.now + 3000 };
    void this.objects.writeOnce(
      resultKey(fleetOfId(id) ?? '', id),
      JSON.stringify({ v: 1, id, replica: 'cpu-main-0', ...times, ...result }),
    );
  }

  status(id: string) {
    const text = this.objects.objects.get(statusKey(fleetOfId(id) ?? '', id));
    return text === undefined ? undefined : parseStatus(text);
  }

  /** Statuses that say that work is to come. */
  get pending(): string[] {
    return [...this.objects.objects.keys()].filter((key) => key.startsWith('status/'));
  }

  #send(fleet: string) {
    return async (request: QueuedRequest, group?: string) => {
      this.messages.push({
        fleet,
        group,
        request: queuedRequestSchema.parse(JSON.parse(JSON.stringify(request))),
      });
      return { messageId: `m${this.messages.length}` };
    };
  }

  #lucky<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (object, name) => {
        const method = Reflect.get(object, name);
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          const luck = this.luck[name as keyof World['luck']]?.shift() ?? 'ok';
          if (luck === 'fail-before') throw new UnavailableError('injected', 'Injected');
          const answer = await method.apply(object, args);
          if (luck === 'fail-after') throw new UnavailableError('injected', 'Injected');
          return answer;
        };
      },
    });
  }
}
