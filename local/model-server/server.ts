import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { REQUEST_ID_HEADER } from '../../core/protocol/request.ts';
import { type Dialect, dialectOf } from './dialects.ts';
import { pace, Slots, sizeOf } from './generation.ts';
import type { ServerEvent, ServerSpec } from './types.ts';

/** The version that it says it is. */
const VERSION = '0.17.4';
const MAX_BODY_BYTES = 32 * 1024 * 1024;
/** A stream writes at most this often: a token of 1 ms would only heat the machine. */
const MIN_PIECE_SECONDS = 0.02;

class Refusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** One generation under way. */
interface Job {
  dialect: Dialect;
  model: string;
  body: Record<string, unknown>;
  response: ServerResponse;
  gone: AbortSignal;
  requestId: string;
}

const canonical = (model: string): string => (model.includes(':') ? model : `${model}:latest`);

/**
 * Speaks Ollama's API for one pod, with stated rates in place of a model: what it generates means nothing, when it does so
 * is what counts.
 */
export class SyntheticServer {
  readonly #spec: ServerSpec;
  readonly #emit: (event: ServerEvent) => void;
  readonly #slots: Slots;
  readonly #loaded = new Set<string>();
  readonly #server: Server;
  #loadableAt: number;

  constructor(spec: ServerSpec, emit: (event: ServerEvent) => void) {
    this.#spec = spec;
    this.#emit = emit;
    this.#slots = new Slots(spec.slots);
    this.#loadableAt = spec.loadableAt;
    // Like Ollama's: a connection on which nothing is asked stays open.
    const patient = { headersTimeout: 0, requestTimeout: 0 };
    this.#server = createServer(patient, (request, response) => void this.#answer(request, response));
  }

  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#spec.port, this.#spec.host, resolve);
    });
  }

  /** Ends at once, as a killed server does. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  /** Forgets what is in memory. */
  unload(): void {
    this.#loaded.clear();
  }

  /**
   * As a server that is killed and is back at once: what is under way is cut off, what is in memory lost.
   * @param loadSeconds until its models can be loaded again
   */
  restart(loadSeconds = 0): void {
    this.#loaded.clear();
    this.#loadableAt = Date.now() + loadSeconds * 1000;
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0] as string;
    try {
      if (request.method === 'GET' || request.method === 'HEAD') return send(response, 200, this.#read(path));
      await this.#serve(path, request, response);
    } catch (error) {
      if (response.headersSent || response.destroyed) return void response.destroy();
      const status = error instanceof Refusal ? error.status : 500;
      const message = (error as Error).message;
      send(
        response,
        status,
        path.startsWith('/v1/') ? { error: { message, type: 'api_error' } } : { error: message },
      );
    }
  }

  #read(path: string): unknown {
    const models = this.#spec.models.map(canonical);
    const entry = (name: string): object => ({
      name,
      model: name,
      size: 4_700_000_000,
      digest: '0'.repeat(64),
    });
    switch (path) {
      case '/':
        return 'Ollama is running';
      case '/api/version':
        return { version: VERSION };
      case '/api/tags':
        return { models: models.map(entry) };
      case '/api/ps':
        return { models: [...this.#loaded].map(entry) };
      case '/v1/models':
        return { object: 'list', data: models.map((id) => ({ id, object: 'model', owned_by: 'library' })) };
      default:
        throw new Refusal(404, '404 page not found');
    }
  }

  async #serve(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request);
    const given = String(body.model ?? '');
    const model = this.#onDisk(given);
    if (path === '/api/show')
      return send(response, 200, { capabilities: ['completion'], details: { family: 'llama' } });
    if (path === '/api/embed' || path === '/v1/embeddings') return this.#embed(path, model, body, response);
    const dialect = dialectOf(path, given);
    if (dialect === undefined) throw new Refusal(404, '404 page not found');
    const gone = abortWhenClosed(response);
    if (path === '/api/generate' && !body.prompt) {
      await this.#load(model, gone);
      return send(response, 200, {
        model: given,
        created_at: new Date().toISOString(),
        response: '',
        done: true,
        done_reason: 'load',
      });
    }
    await this.#generate({
      dialect,
      model,
      body,
      response,
      gone,
      requestId: String(request.headers[REQUEST_ID_HEADER] ?? ''),
    });
  }

  #onDisk(model: string): string {
    const name = canonical(model);
    if (this.#spec.models.map(canonical).includes(name)) return name;
    throw new Refusal(404, `model '${model}' not found`);
  }

  async #load(model: string, signal: AbortSignal): Promise<void> {
    if (this.#loaded.has(model)) return;
    const wait = this.#loadableAt - Date.now();
    if (wait > 0) await delay(wait, undefined, { signal });
    this.#loaded.add(model);
  }

  async #generate(job: Job): Promise<void> {
    const { response, gone, requestId } = job;
    const note = (kind: ServerEvent['kind']): void =>
      this.#emit({ kind, pod: this.#spec.pod, requestId, at: Date.now() });
    if (this.#slots.isFull)
      throw new Refusal(503, 'server busy, please try again.  maximum pending requests exceeded');
    if (!this.#loaded.has(job.model)) {
      note('cold');
      await this.#load(job.model, gone);
    }
    const release = await this.#slots.take(gone);
    note('started');
    try {
      await this.#write(job);
      note('finished');
    } catch (error) {
      if (!gone.aborted) throw error;
      note('cut-off');
    } finally {
      release();
      if (gone.aborted) response.destroy();
    }
  }

  async #write({ dialect, body, response, gone, requestId }: Job): Promise<void> {
    const size = sizeOf(body);
    const { firstSeconds, tokenSeconds } = pace(this.#spec, size);
    const tokens = { prompt: size.promptTokens, output: size.outputTokens };
    const isStream = typeof body.stream === 'boolean' ? body.stream : dialect.streamsByDefault;
    const start = opening(requestId);
    const text = start + words(size.outputTokens);
    const begun = Date.now();
    const at = (seconds: number): Promise<void> =>
      delay(Math.max(0, begun + seconds * 1000 - Date.now()), undefined, { signal: gone });
    if (!isStream) {
      await at(firstSeconds + tokenSeconds * size.outputTokens);
      return send(response, 200, dialect.whole(text, tokens));
    }
    response.writeHead(200, { 'content-type': dialect.contentType });
    const perPiece = Math.max(1, Math.ceil(MIN_PIECE_SECONDS / tokenSeconds));
    for (let sent = 0; sent < size.outputTokens; sent += perPiece) {
      const left = size.outputTokens - sent;
      // By the clock: timers that are late each time would make a long answer slower than a whole one.
      await at(firstSeconds + tokenSeconds * Math.min(sent + perPiece, size.outputTokens));
      const piece = `${words(Math.min(perPiece, left))}${left > perPiece ? ' ' : ''}`;
      response.write(dialect.piece(sent === 0 ? start + piece : piece));
    }
    response.end(dialect.end(text, tokens, body));
  }

  async #embed(
    path: string,
    model: string,
    body: Record<string, unknown>,
    response: ServerResponse,
  ): Promise<void> {
    await this.#load(model, abortWhenClosed(response));
    const inputs = Array.isArray(body.input) ? body.input : [body.input ?? body.prompt ?? ''];
    const vectors = inputs.map((input) => [String(input).length / 1000, 0.5, 0.25]);
    const data = vectors.map((embedding, index) => ({ object: 'embedding', index, embedding }));
    send(
      response,
      200,
      path === '/api/embed' ? { model, embeddings: vectors } : { object: 'list', model, data },
    );
  }
}

const words = (count: number): string => 'word '.repeat(Math.min(count, 4096)).trimEnd();

/** No two runs say the same, as with a model: a second answer to one request shows as another one. */
const opening = (requestId: string): string => `Answer ${randomUUID()} to ${requestId || 'someone'}: `;

function abortWhenClosed(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(new Error('the client went away'));
  });
  return controller.signal;
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const isText = typeof body === 'string';
  const text = isText ? body : JSON.stringify(body);
  response
    .writeHead(status, {
      'content-type': isText ? 'text/plain' : 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
    })
    .end(text);
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY_BYTES) throw new Refusal(413, 'http: request body too large');
    chunks.push(chunk as Buffer);
  }
  try {
    const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Answered below, like any other body that is no object.
  }
  throw new Refusal(400, 'invalid request body: expected a JSON object');
}
