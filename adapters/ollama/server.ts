import http from 'node:http';
import { canonicalModel } from '../../core/protocol/model-names.ts';
import { fromStatus, NotFoundError, UnavailableError } from '../errors.ts';
import { type HeldConnection, holdConnection, unavailable } from './connection.ts';
import { type Follower, follow, isStream } from './follow.ts';
import type { ModelLibrary, PullProgress } from './library.ts';

export interface ServerRequest {
  method: string;
  /** Path and query. */
  path: string;
  headers?: http.OutgoingHttpHeaders;
  body?: string | Buffer;
  signal?: AbortSignal;
}

export interface ServerAnswer {
  status: number;
  /** Parsed JSON, or the text when it is not JSON. */
  body: unknown;
}

/** The model server beside the worker. Every method throws UnavailableError when it can't be reached. */
export interface ModelServer {
  /** Canonical names of the models in memory; one that still loads may be among them. */
  loaded(): Promise<string[]>;
  /** Brings a model into memory. NotFoundError: it is not on the disk. */
  load(model: string, signal?: AbortSignal): Promise<void>;
  /** Sends one token through a model. NotFoundError: it is not on the disk. */
  answer(model: string, signal?: AbortSignal): Promise<void>;
  /**
   * Opens a connection and leaves it idle: it ends the moment the server does. From then on `ask` and `open` reach no server,
   * however soon another one listens, until it is held again.
   */
  hold(): Promise<HeldConnection>;
  /** Whole answer at once; any status is an answer. */
  ask(request: ServerRequest): Promise<ServerAnswer>;
  /** The same whole answer of a request for a stream, whose pieces the follower sees as they come. */
  follow(request: ServerRequest, follower: Follower): Promise<ServerAnswer>;
  /** The answer as it comes. Never repeats a request on its own. */
  open(request: ServerRequest): Promise<http.IncomingMessage>;
}

const PROBE_TIMEOUT_MS = 5000;

/**
 * Ollama over plain `node:http`: `fetch` gives up on an answer after five minutes without a way to change that.
 */
export class OllamaServer implements ModelServer, ModelLibrary {
  readonly #base: URL;
  readonly #agent = new http.Agent({ keepAlive: true });
  #held: HeldConnection | undefined;

  /** @param baseUrl `http://127.0.0.1:11434` */
  constructor(baseUrl: string) {
    this.#base = new URL(baseUrl);
  }

  async loaded(): Promise<string[]> {
    const { models } = await this.#json('GET', '/api/ps', undefined, AbortSignal.timeout(PROBE_TIMEOUT_MS));
    return Array.isArray(models)
      ? models.map((m: { name?: unknown }) => canonicalModel(String(m.name ?? '')))
      : [];
  }

  /** A request without a prompt, or with an empty input, loads the model and does no more. Source: Ollama, server/routes.go. */
  async load(model: string, signal?: AbortSignal): Promise<void> {
    const body = { model, keep_alive: -1, stream: false };
    if (await this.#embeds(model, signal))
      await this.#json('POST', '/api/embed', { ...body, input: '' }, signal);
    else await this.#json('POST', '/api/generate', body, signal);
  }

  async answer(model: string, signal?: AbortSignal): Promise<void> {
    const body = { model, keep_alive: -1, stream: false };
    if (await this.#embeds(model, signal)) {
      await this.#json('POST', '/api/embed', { ...body, input: 'ready' }, signal);
      return;
    }
    const options = { num_predict: 1 };
    await this.#json('POST', '/api/generate', { ...body, prompt: 'Say yes.', options }, signal);
  }

  async pullPlain(
    model: string,
    onProgress: (progress: PullProgress) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    // From whichever server is there: what is on the disk outlives each of them.
    const answer = await this.#send(
      jsonRequest('POST', '/api/pull', { model, insecure: true, stream: true }, signal),
    );
    if (answer.statusCode !== 200) throw failure(answer.statusCode, `pull ${model}`, await text(answer));
    const layers = new Map<string, PullProgress>();
    let ended = false;
    for await (const line of lines(answer)) {
      const { status, error, digest, total = 0, completed = 0 } = line as Partial<PullLine>;
      if (error) throw new UnavailableError(`pull ${model}: ${error}`, 'PullFailed');
      ended = status === 'success';
      if (digest === undefined) continue;
      layers.set(digest, { completedBytes: completed, totalBytes: total });
      onProgress(sumOf(layers.values()));
    }
    if (!ended) throw new UnavailableError(`pull ${model}: the answer broke off`, 'Truncated');
  }

  async copy(from: string, to: string): Promise<void> {
    await this.#json('POST', '/api/copy', { source: from, destination: to });
  }

  async delete(model: string): Promise<void> {
    try {
      await this.#json('DELETE', '/api/delete', { model });
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }

  async hold(): Promise<HeldConnection> {
    this.#held = await holdConnection(this.#base.hostname, Number(this.#base.port));
    return this.#held;
  }

  async ask(request: ServerRequest): Promise<ServerAnswer> {
    const answer = await this.open(request);
    return { status: answer.statusCode ?? 0, body: parseJson(await text(answer)) };
  }

  async follow(request: ServerRequest, follower: Follower): Promise<ServerAnswer> {
    const answer = await this.open(request);
    if (answer.statusCode !== 200 || !isStream(answer.headers['content-type']))
      return { status: answer.statusCode ?? 0, body: parseJson(await text(answer)) };
    try {
      return await follow(answer, follower);
    } catch (error) {
      if (error instanceof UnavailableError) throw error;
      throw unavailable(error, 'read the answer of the model server');
    }
  }

  open(request: ServerRequest): Promise<http.IncomingMessage> {
    return this.#send(request, this.#held);
  }

  /** @param held the connection to the server process that may answer; another one hears nothing */
  #send(
    { method, path, headers, body, signal }: ServerRequest,
    held?: HeldConnection,
  ): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options: http.RequestOptions = {
        agent: this.#agent,
        hostname: this.#base.hostname,
        port: this.#base.port,
        method,
        path,
        headers: body === undefined ? headers : { ...headers, 'content-length': Buffer.byteLength(body) },
        ...(signal && { signal }),
      };
      const request = http.request(options, resolve);
      request.on('error', (error) => reject(unavailable(error, `${method} ${path}`)));
      // Nothing is written before the connection stands: by then the end of the one that is held has been heard of.
      request.once('socket', (socket) => {
        const gone = () => held?.isOver && request.destroy(ended());
        if (socket.connecting) socket.once('connect', gone);
        else gone();
      });
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  async #embeds(model: string, signal?: AbortSignal): Promise<boolean> {
    const { capabilities } = await this.#json('POST', '/api/show', { model }, signal);
    return Array.isArray(capabilities) && !capabilities.includes('completion');
  }

  async #json(
    method: string,
    path: string,
    body: unknown,
    signal?: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const answer = await this.#send(jsonRequest(method, path, body, signal));
    const parsed = parseJson(await text(answer));
    if (answer.statusCode !== 200) throw failure(answer.statusCode, `${method} ${path}`, errorText(parsed));
    return (parsed ?? {}) as Record<string, unknown>;
  }
}

/** The sentence in an error answer of Ollama's own API or of its OpenAI one. */
export function errorText(body: unknown): string {
  const error = (body as { error?: unknown } | null)?.error;
  if (typeof error === 'string') return error;
  const message = (error as { message?: unknown } | null | undefined)?.message;
  if (typeof message === 'string') return message;
  return typeof body === 'string' ? body : JSON.stringify(body);
}

const ended = (): Error => Object.assign(new Error('the model server has ended'), { code: 'ECONNRESET' });

function jsonRequest(method: string, path: string, body: unknown, signal?: AbortSignal): ServerRequest {
  return {
    method,
    path,
    headers: { 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    ...(signal && { signal }),
  };
}

async function text(answer: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of answer) chunks.push(chunk);
  } catch (error) {
    throw unavailable(error, 'read the answer of the model server');
  }
  return Buffer.concat(chunks).toString();
}

/** One line of `/api/pull`'s answer. */
interface PullLine {
  status: string;
  error: string;
  digest: string;
  total: number;
  completed: number;
}

/** JSON, line by line. UnavailableError when the answer breaks off. */
async function* lines(answer: http.IncomingMessage): AsyncGenerator<unknown> {
  let rest = '';
  try {
    for await (const chunk of answer.setEncoding('utf8')) {
      const complete = (rest + chunk).split('\n');
      rest = complete.pop() ?? '';
      for (const line of complete.filter(Boolean)) yield JSON.parse(line);
    }
  } catch (error) {
    throw unavailable(error, 'read the answer of the model server');
  }
}

function sumOf(layers: Iterable<PullProgress>): PullProgress {
  const sum = { completedBytes: 0, totalBytes: 0 };
  for (const { completedBytes, totalBytes } of layers) {
    sum.completedBytes += completedBytes;
    sum.totalBytes += totalBytes;
  }
  return sum;
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

function failure(status: number | undefined, what: string, message: string): Error {
  return fromStatus(status ?? 0, `${what}: HTTP ${status}: ${message}`);
}
