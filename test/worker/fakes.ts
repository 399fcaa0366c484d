import type { DeadLetterQueue, QueueMessage, ReceiveOptions, WorkQueue } from '../../adapters/aws/queue.ts';
import type { ResultStore, StatusStore, Versioned } from '../../adapters/aws/results.ts';
import { ConflictError } from '../../adapters/errors.ts';
import type { HeldConnection } from '../../adapters/ollama/connection.ts';
import type { Follower } from '../../adapters/ollama/follow.ts';
import type { ModelServer, ServerAnswer, ServerRequest } from '../../adapters/ollama/server.ts';
import type { RequestResult } from '../../core/protocol/request.ts';
import type { FillModel } from '../../core/protocol/warmup.ts';
import type { Log } from '../../worker/log.ts';
import type { Sleep } from '../../worker/time.ts';

export const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Time that passes only when a test says so. */
export class FakeClock {
  now = 1_000_000;
  readonly #timers = new Set<{ at: number; fire: () => void }>();

  readonly sleep: Sleep = (ms, signal) =>
    new Promise((resolve) => {
      const timer = { at: this.now + ms, fire: () => done() };
      const done = () => {
        this.#timers.delete(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      if (signal?.aborted) return resolve();
      this.#timers.add(timer);
      signal?.addEventListener('abort', done, { once: true });
    });

  /** Lets everything that is ready run, then lets time pass to each timer in turn. */
  async advance(ms: number): Promise<void> {
    const until = this.now + ms;
    await settle();
    for (;;) {
      const next = [...this.#timers].filter((t) => t.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.now = Math.max(this.now, next.at);
      next.fire();
      await settle();
    }
    this.now = until;
  }
}

/** Lets promises that are ready run on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
}

interface StoredMessage {
  id: string;
  body: string;
  receives: number;
  visibleAt: number;
  receipt: string;
}

/** SQS as far as the worker can tell: visibility, receive counts, receipts that go stale. */
export class FakeQueue implements WorkQueue {
  readonly #clock: FakeClock;
  #next = 0;
  #messages: StoredMessage[] = [];
  #arrival = new AbortController();
  /** Called with the body of each message that is deleted. */
  onDelete: (body: string) => void = () => {};
  readonly calls: string[] = [];
  readonly visibilities: number[] = [];

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  send(body: unknown): void {
    this.#next += 1;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    this.#messages.push({ id: `m${this.#next}`, body: text, receives: 0, visibleAt: 0, receipt: '' });
    this.#arrival.abort();
  }

  /** As the queue's own purge: whatever is in it is gone. */
  purge(): void {
    this.#messages = [];
  }

  get size(): number {
    return this.#messages.length;
  }

  get visible(): number {
    return this.#messages.filter((m) => m.visibleAt <= this.#clock.now).length;
  }

  async receive({ max, waitSeconds, visibilitySeconds }: ReceiveOptions): Promise<QueueMessage[]> {
    this.calls.push('receive');
    if (this.visible === 0) {
      this.#arrival = new AbortController();
      await this.#clock.sleep(waitSeconds * 1000, this.#arrival.signal);
    }
    const taken = this.#messages.filter((m) => m.visibleAt <= this.#clock.now).slice(0, max);
    return taken.map((m) => {
      this.#next += 1;
      m.receives += 1;
      m.receipt = `r${this.#next}`;
      m.visibleAt = this.#clock.now + visibilitySeconds * 1000;
      return { body: m.body, receipt: m.receipt, messageId: m.id, receives: m.receives };
    });
  }

  async setVisibility(receipt: string, seconds: number): Promise<void> {
    this.visibilities.push(seconds);
    const message = this.#messages.find((m) => m.receipt === receipt);
    if (!message || message.visibleAt <= this.#clock.now)
      throw new ConflictError('gone', 'MessageNotInflight');
    message.visibleAt = this.#clock.now + seconds * 1000;
  }

  async delete(receipt: string): Promise<void> {
    this.calls.push('delete');
    const message = this.#messages.find((m) => m.receipt === receipt);
    if (message) this.onDelete(message.body);
    this.#messages = this.#messages.filter((m) => m !== message);
  }
}

/** S3 with conditional writes. */
export class FakeResults implements ResultStore, StatusStore {
  readonly objects = new Map<string, string>();
  readonly #etags = new Map<string, string>();
  /** Objects written so far. */
  get writes(): number {
    return this.#writes;
  }
  #writes = 0;
  /** What the next replacements meet instead of the bucket. */
  failReplace: Error[] = [];
  /** Writes that came after the first. */
  refused = 0;

  async exists(key: string): Promise<boolean> {
    return this.objects.has(key);
  }

  async writeOnce(key: string, body: string): Promise<'written' | 'exists'> {
    if (this.objects.has(key)) {
      this.refused += 1;
      return 'exists';
    }
    this.#put(key, body);
    return 'written';
  }

  async read(key: string): Promise<string | undefined> {
    return this.objects.get(key);
  }

  async open(key: string): Promise<Versioned | undefined> {
    const body = this.objects.get(key);
    return body === undefined ? undefined : { body, etag: this.#etags.get(key) ?? '"first"' };
  }

  async replace(key: string, body: string, etag: string): Promise<string | undefined> {
    const failure = this.failReplace.shift();
    if (failure) throw failure;
    if (!this.objects.has(key) || (this.#etags.get(key) ?? '"first"') !== etag) return undefined;
    return this.#put(key, body);
  }

  async deleteIf(key: string, etag: string): Promise<boolean> {
    if (!this.objects.has(key) || (this.#etags.get(key) ?? '"first"') !== etag) return false;
    await this.delete(key);
    return true;
  }

  async delete(key: string): Promise<void> {
    this.objects.delete(key);
    this.#etags.delete(key);
  }

  result(key: string): RequestResult {
    return JSON.parse(this.objects.get(key) ?? 'null');
  }

  #put(key: string, body: string): string {
    this.#writes += 1;
    const etag = `"${this.#writes}"`;
    this.objects.set(key, body);
    this.#etags.set(key, etag);
    return etag;
  }
}

export class FakeDeadLetters implements DeadLetterQueue {
  readonly buried: { body: string; reason: string }[] = [];

  async bury(body: string, reason: string): Promise<void> {
    this.buried.push({ body, reason });
  }
}

/** Answers what it is told, after so long. */
export class FakeServer implements ModelServer {
  readonly #clock: FakeClock;
  readonly asked: ServerRequest[] = [];
  seconds = 1;
  reply: (request: ServerRequest) => ServerAnswer = () => ({ status: 200, body: { response: 'yes' } });
  models: string[] | Error = ['tiny:latest'];
  warmed: string[] = [];
  failWarm: Error | undefined;
  readonly notOnDisk = new Set<string>();
  whileLoading: (() => void | Promise<void>) | undefined;
  whilePulling: (() => void | Promise<void>) | undefined;
  readonly #connections: (() => void)[] = [];

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async loaded(): Promise<string[]> {
    if (this.models instanceof Error) throw this.models;
    return this.models;
  }

  async load(_model?: string): Promise<void> {
    if (this.failWarm) throw this.failWarm;
    await this.whileLoading?.();
  }

  async answer(model: string): Promise<void> {
    if (this.failWarm) throw this.failWarm;
    this.warmed.push(model);
  }

  readonly fill: FillModel = async (model, report) => {
    if (!this.notOnDisk.has(model)) return report({ source: 'disk' });
    report({ source: 'registry', completedBytes: 1, totalBytes: 4 });
    await this.whilePulling?.();
    report({ source: 'registry', completedBytes: 4, totalBytes: 4 });
    this.notOnDisk.delete(model);
    this.warmed.push(`pulled ${model}`);
  };

  async hold(): Promise<HeldConnection> {
    if (this.failWarm) throw this.failWarm;
    let isOver = false;
    const listeners: (() => void)[] = [];
    this.#connections.push(() => {
      isOver = true;
      for (const listener of listeners) listener();
    });
    return {
      get isOver() {
        return isOver;
      },
      onOver: (listener) => void listeners.push(listener),
      close: () => listeners.splice(0),
    };
  }

  /** As a server that ends and is back at once. */
  restart(): void {
    for (const drop of this.#connections.splice(0)) drop();
  }

  async ask(request: ServerRequest): Promise<ServerAnswer> {
    this.asked.push(request);
    await this.#clock.sleep(this.seconds * 1000, request.signal);
    if (request.signal?.aborted) throw new Error('aborted');
    return this.reply(request);
  }

  /** What a streamed answer consists of, spread over its time. */
  pieces: Record<string, unknown>[] = [];

  async follow(request: ServerRequest, { assembly, onPiece }: Follower): Promise<ServerAnswer> {
    this.asked.push(request);
    const gap = (this.seconds * 1000) / (this.pieces.length + 1);
    for (const piece of this.pieces) {
      await this.#clock.sleep(gap, request.signal);
      if (request.signal?.aborted) throw new Error('aborted');
      assembly.add(piece);
      onPiece();
    }
    await this.#clock.sleep(gap, request.signal);
    if (request.signal?.aborted) throw new Error('aborted');
    return this.reply(request);
  }

  async open(): Promise<never> {
    throw new Error('not played');
  }
}
