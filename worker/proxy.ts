import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { isStream } from '../adapters/ollama/follow.ts';
import type { ModelServer } from '../adapters/ollama/server.ts';
import { errorBody, INFERENCE_PATHS, READ_PATHS, WHEN_FULL_HEADER } from '../core/protocol/api.ts';
import type { Counters } from './counters.ts';
import { prepareBody } from './inference.ts';
import type { Log } from './log.ts';
import type { Outcome, WorkerMetrics } from './metrics.ts';
import type { Release, Slots } from './slots.ts';
import type { WorkerState } from './state.ts';
import { deadline } from './time.ts';
import { AnswerTap } from './tokens.ts';

export interface ProxyOptions {
  server: ModelServer;
  slots: Slots;
  state: WorkerState;
  models: readonly string[];
  /** See `prepareBody`. */
  behind?: ReadonlyMap<string, string>;
  counters: Counters;
  metrics: WorkerMetrics;
  log: Log;
  /** One generation at most. */
  timeoutSeconds: number;
  onServerTrouble: () => void;
  /** Told of the model of each request that is given to the model server. */
  onUse: (model: string) => void;
}

/** Images come as base64 in the body. */
const BODY_LIMIT_BYTES = 32 * 1024 * 1024;
const RETRY_AFTER_SECONDS = 2;

const HOP_BY_HOP = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  WHEN_FULL_HEADER,
]);

/** The way to the model server for interactive requests. */
export class InferenceProxy {
  readonly #options: ProxyOptions;
  readonly #cutOff = new Set<AbortController>();
  readonly #underWay = new Set<Promise<void>>();

  constructor(options: ProxyOptions) {
    this.#options = options;
  }

  /** Breaks off every request under way: its client sees the connection end. */
  cutOff(): void {
    for (const request of this.#cutOff) request.abort();
  }

  /** Resolves when every generated answer has been handed over; its slot was free before. */
  async settled(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
    const method = request.method ?? 'GET';
    if (INFERENCE_PATHS.has(path) && method === 'POST') return this.#infer(path, request, response);
    const isRead = READ_PATHS[path]?.includes(method) || (method === 'GET' && path.startsWith('/v1/models/'));
    if (!isRead)
      return refuse(response, path, 404, `${method} ${path}: only inference and reading is served here`);
    const body = method === 'POST' ? await readBody(request) : undefined;
    if (body === 'too-large') return tooLarge(response, path);
    await this.#forward(path, request, response, body);
  }

  async #infer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { slots, state, models, behind, metrics } = this.#options;
    if (!state.isAccepting || slots.free <= 0) return this.#busy(path, request, response);
    const text = await readBody(request);
    if (text === 'too-large') {
      metrics.ended('interactive', 'invalid');
      return tooLarge(response, path);
    }
    const prepared = prepareBody(parse(text), models, behind);
    if (!prepared.ok) {
      metrics.ended('interactive', 'invalid');
      return refuse(response, path, prepared.status, prepared.message);
    }
    // Only now, so that a slow upload holds no slot; what was free before it may be taken.
    const release = state.isAccepting ? slots.tryTake('interactive') : undefined;
    if (!release) return this.#busy(path, request, response);
    const work = this.#generate(path, request, response, prepared.body, release).finally(release);
    this.#underWay.add(work);
    try {
      await work;
    } finally {
      this.#underWay.delete(work);
    }
  }

  /** @param release called as soon as the model has written the last piece, or after this */
  async #generate(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    body: Record<string, unknown>,
    release: Release,
  ): Promise<void> {
    this.#options.onUse(String(body.model));
    const startedAt = performance.now();
    const tap = new AnswerTap(release);
    const outcome = await this.#forward(path, request, response, JSON.stringify(body), tap);
    this.#count(outcome, startedAt, tap);
  }

  #count(outcome: Outcome, startedAt: number, { firstAt, isStreamed, tokens }: AnswerTap): void {
    const { counters, metrics } = this.#options;
    counters[outcome === 'completed' ? 'completedInteractive' : 'failed'] += 1;
    metrics.ended('interactive', outcome);
    if (isStreamed && firstAt !== undefined) metrics.firstToken((firstAt - startedAt) / 1000);
    if (outcome === 'completed')
      metrics.served('interactive', (performance.now() - startedAt) / 1000, tokens);
  }

  /** The body is read to its end and dropped: a connection closed with unread bytes would take the answer along. */
  #busy(path: string, request: IncomingMessage, response: ServerResponse): void {
    const { state, metrics } = this.#options;
    metrics.ended('interactive', 'refused');
    response.setHeader('retry-after', RETRY_AFTER_SECONDS);
    const reason = state.isAccepting
      ? 'every slot of this replica is busy'
      : `this replica is ${state.current}`;
    refuse(response, path, request.headers[WHEN_FULL_HEADER] === '403' ? 403 : 503, reason);
    request.resume();
  }

  /** Never throws. `completed`: the client got a whole answer that is no failure. */
  async #forward(
    path: string,
    request: IncomingMessage,
    response: ServerResponse,
    body: string | undefined,
    tap = new AnswerTap(),
  ): Promise<Outcome> {
    const { server, timeoutSeconds, log, state, onServerTrouble } = this.#options;
    const abort = new AbortController();
    const hangUp = () => response.writableFinished || abort.abort();
    response.once('close', hangUp);
    this.#cutOff.add(abort);
    const limit = deadline(timeoutSeconds * 1000, abort.signal);
    // A client that leaves aborts first: whatever fails without that is the server's.
    let isServerTrouble = false;
    const blame = () => {
      isServerTrouble = !abort.signal.aborted;
    };
    try {
      const opening = server.open({
        method: request.method ?? 'GET',
        path: request.url ?? '/',
        headers: forwardable(request.headers),
        ...(body !== undefined && { body }),
        signal: limit.signal,
      });
      opening.catch(blame);
      const upstream = await opening;
      upstream.once('error', blame);
      const status = upstream.statusCode ?? 502;
      const headers: OutgoingHttpHeaders = forwardable(upstream.headers);
      if (state.current === 'draining') headers.connection = 'close';
      response.writeHead(status, headers);
      response.flushHeaders();
      tap.isStreamed = isStream(upstream.headers['content-type']);
      await pipeline(upstream, tap, response);
      if (status >= 500) onServerTrouble();
      return status < 400 ? 'completed' : 'failed';
    } catch (error) {
      if (isServerTrouble) {
        log.warn('the model server failed a request', { path, error });
        onServerTrouble();
      }
      if (response.headersSent) response.destroy();
      else refuse(response, path, 502, 'the model server did not answer');
      return isServerTrouble ? 'failed' : 'aborted';
    } finally {
      limit.clear();
      this.#cutOff.delete(abort);
      response.off('close', hangUp);
    }
  }
}

function forwardable(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name) && !named.has(name)),
  );
}

async function readBody(request: IncomingMessage): Promise<string | 'too-large'> {
  if (Number(request.headers['content-length'] ?? 0) > BODY_LIMIT_BYTES) return 'too-large';
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > BODY_LIMIT_BYTES) return 'too-large';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function tooLarge(response: ServerResponse, path: string): void {
  response.setHeader('connection', 'close');
  refuse(response, path, 413, `the body is larger than ${BODY_LIMIT_BYTES} bytes`);
}

function refuse(response: ServerResponse, path: string, status: number, message: string): void {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(errorBody(path, status, message)));
}
