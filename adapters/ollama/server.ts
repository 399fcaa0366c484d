import http from 'node:http';
import { fromStatus, UnavailableError } from '../errors.ts';
import { canonicalModel } from './names.ts';

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
  /** Loads a model and sends one token through it. NotFoundError: it is not on the disk. */
  warm(model: string, signal?: AbortSignal): Promise<void>;
  /** Fetches a model onto the disk, reporting each line of progress. */
  pull(model: string, onProgress: (status: string) => void, signal?: AbortSignal): Promise<void>;
  /** Whole answer at once; any status is an answer. */
  ask(request: ServerRequest): Promise<ServerAnswer>;
  /** The answer as it comes. Never repeats a request on its own. */
  open(request: ServerRequest): Promise<http.IncomingMessage>;
}

const PROBE_TIMEOUT_MS = 5000;

/**
 * Ollama over plain `node:http`: `fetch` gives up on an answer after five minutes without a way to change that.
 */
export class OllamaServer implements ModelServer {
  readonly #base: URL;
  readonly #agent = new http.Agent({ keepAlive: true });

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

  async warm(model: string, signal?: AbortSignal): Promise<void> {
    const { capabilities } = await this.#json('POST', '/api/show', { model }, signal);
    const embeds = Array.isArray(capabilities) && !capabilities.includes('completion');
    if (embeds) {
      await this.#json('POST', '/api/embed', { model, input: 'ready', keep_alive: -1 }, signal);
      return;
    }
    await this.#json('POST', '/api/generate', { model, keep_alive: -1, stream: false }, signal);
    await this.#json(
      'POST',
      '/api/generate',
      { model, prompt: 'Say yes.', options: { num_predict: 1 }, keep_alive: -1, stream: false },
      signal,
    );
  }

  async pull(model: string, onProgress: (status: string) => void, signal?: AbortSignal): Promise<void> {
    const answer = await this.open(jsonRequest('POST', '/api/pull', { model, stream: true }, signal));
    if (answer.statusCode !== 200) throw failure(answer.statusCode, `pull ${model}`, await text(answer));
    let rest = '';
    for await (const chunk of answer.setEncoding('utf8')) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines.filter(Boolean)) {
        const { status, error } = JSON.parse(line) as { status?: string; error?: string };
        if (error) throw new UnavailableError(`pull ${model}: ${error}`, 'PullFailed');
        onProgress(status ?? '');
      }
    }
  }

  async ask(request: ServerRequest): Promise<ServerAnswer> {
    const answer = await this.open(request);
    const body = await text(answer);
    return { status: answer.statusCode ?? 0, body: parseJson(body) };
  }

  open({ method, path, headers, body, signal }: ServerRequest): Promise<http.IncomingMessage> {
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
      request.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  async #json(
    method: string,
    path: string,
    body: unknown,
    signal?: AbortSignal,
  ): Promise<Record<string, unknown>> {
    const answer = await this.ask(jsonRequest(method, path, body, signal));
    if (answer.status !== 200) throw failure(answer.status, `${method} ${path}`, errorText(answer.body));
    return (answer.body ?? {}) as Record<string, unknown>;
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

function unavailable(error: unknown, what: string): UnavailableError {
  const { code = 'Unknown', message } = error as { code?: string; message: string };
  return new UnavailableError(`${what}: ${code}: ${message}`, code, error);
}
