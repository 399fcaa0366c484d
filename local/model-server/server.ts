import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { REQUEST_ID_HEADER } from '../../core/protocol/request.ts';
import { isEmbeddingModel } from '../../infra/config/models.ts';
import { checkAbility, checkBody, checkRoute, isForMemory } from './checks.ts';
import { type Counts, type Dialect, dialectOf } from './dialects.ts';
import { pace, Slots, sizeOf } from './generation.ts';
import { abortWhenClosed, Refusal, readBody, send, sendError } from './http.ts';
import { ModelFolder } from './library.ts';
import { changeModels, isChange } from './library-api.ts';
import { nonsense, opening, words } from './text.ts';
import type { ServerEvent, ServerSpec } from './types.ts';
import { brokenVersion, DEFAULT_VERSION, SLOW_FACTOR } from './versions.ts';

/** A stream writes at most this often: a token of 1 ms would only heat the machine. */
const MIN_PIECE_SECONDS = 0.02;

/** One generation under way. */
interface Job {
  dialect: Dialect;
  model: string;
  body: Record<string, unknown>;
  response: ServerResponse;
  gone: AbortSignal;
  requestId: string;
}

/**
 * Speaks Ollama's API for one pod, with stated rates in place of a model: what it generates means nothing, when it does so
 * is what counts.
 */
export class SyntheticServer {
  readonly #spec: ServerSpec;
  readonly #emit: (event: ServerEvent) => void;
  readonly #slots: Slots;
  readonly #loaded = new Set<string>();
  /** Models that have generated since they were loaded, and those that were asked to. */
  readonly #answered = new Set<string>();
  readonly #waking = new Set<string>();
  readonly #server: Server;
  #loadableAt: number;
  readonly #folder: ModelFolder;
  readonly #ownDisk: string | undefined;

  constructor(spec: ServerSpec, emit: (event: ServerEvent) => void) {
    this.#spec = spec;
    this.#ownDisk = spec.disk === undefined ? mkdtempSync(join(tmpdir(), 'paddock-models-')) : undefined;
    this.#folder = new ModelFolder(spec.disk ?? (this.#ownDisk as string));
    this.#emit = emit;
    this.#slots = new Slots(spec.slots);
    this.#loadableAt = spec.loadableAt;
    // Like Ollama's: a connection on which nothing is asked stays open.
    const patient = { headersTimeout: 0, requestTimeout: 0 };
    this.#server = createServer(patient, (request, response) => void this.#answer(request, response));
  }

  async listen(): Promise<void> {
    await this.#folder.install(this.#spec.models);
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#spec.port, this.#spec.host, resolve);
    });
  }

  /** Ends at once, as a killed server does. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    if (this.#ownDisk) rmSync(this.#ownDisk, { recursive: true, force: true });
  }

  /** Forgets what is in memory. */
  unload(): void {
    for (const models of [this.#loaded, this.#answered, this.#waking]) models.clear();
  }

  /**
   * As a server that is killed and is back at once: what is under way is cut off, what is in memory lost.
   * @param loadSeconds until its models can be loaded again
   */
  restart(loadSeconds = 0): void {
    this.unload();
    this.#loadableAt = Date.now() + loadSeconds * 1000;
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').split('?')[0] as string;
    try {
      if (request.method === 'GET' || request.method === 'HEAD')
        return send(response, 200, await this.#read(path));
      await this.#serve(path, request, response);
    } catch (error) {
      if (response.headersSent || response.destroyed) return void response.destroy();
      sendError(response, path, error);
    }
  }

  async #read(path: string): Promise<unknown> {
    const models = await this.#folder.list();
    const listed = models.map(({ name, size, digest }) => ({ name, model: name, size, digest }));
    switch (path) {
      case '/':
        return 'Ollama is running';
      case '/api/version':
        return { version: this.#spec.version ?? DEFAULT_VERSION };
      case '/api/tags':
        return { models: listed };
      case '/api/ps':
        return { models: listed.filter(({ name }) => this.#loaded.has(name)) };
      case '/v1/models':
        return { object: 'list', data: models.map(({ name }) => v1Model(name)) };
    }
    if (path.startsWith('/v1/models/'))
      return v1Model(await this.#onDisk(decodeURIComponent(path.slice('/v1/models/'.length))));
    checkRoute('GET', path);
  }

  async #serve(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    checkRoute(request.method ?? '', path);
    const body = await readBody(request);
    if (isChange(request.method ?? '', path))
      return changeModels(this.#folder, path, body, response, (gone) => this.#loaded.delete(gone));
    const given = String(body.model ?? '');
    const model = await this.#onDisk(given);
    if (path === '/api/show') {
      const capabilities = [isEmbeddingModel(model) ? 'embedding' : 'completion'];
      return send(response, 200, { capabilities, details: { family: 'llama' } });
    }
    checkAbility(path, model);
    checkBody(path, body);
    const dialect = dialectOf(path, given);
    if (dialect === undefined) return this.#embed(path, model, body, response);
    const gone = abortWhenClosed(response);
    if (isForMemory(path, body)) {
      const reason = body.keep_alive === 0 ? 'unload' : 'load';
      if (reason === 'load') await this.#load(model, gone);
      else this.#loaded.delete(model);
      return send(response, 200, dialect.memory?.(reason));
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

  async #onDisk(model: string): Promise<string> {
    const name = await this.#folder.find(model);
    if (name !== undefined) return name;
    throw new Refusal(404, `model '${model}' not found`);
  }

  async #load(model: string, signal: AbortSignal): Promise<void> {
    if (this.#loaded.has(model)) return;
    const wait = this.#loadableAt - Date.now();
    if (wait > 0) await delay(wait, undefined, { signal });
    this.#loaded.add(model);
  }

  /** Loaded is not warm: the first token after a load is the warm-up's, which has no id, and nothing else comes before its end. */
  #isCold({ model, requestId }: Job): boolean {
    if (this.#answered.has(model)) return false;
    return !this.#loaded.has(model) || requestId !== '' || this.#waking.has(model);
  }

  async #generate(job: Job): Promise<void> {
    const { response, gone, requestId } = job;
    const note = (kind: ServerEvent['kind']): void =>
      this.#emit({ kind, pod: this.#spec.pod, requestId, at: Date.now() });
    if (this.#slots.isFull)
      throw new Refusal(503, 'server busy, please try again.  maximum pending requests exceeded');
    if (this.#isCold(job)) note('cold');
    this.#waking.add(job.model);
    await this.#load(job.model, gone);
    const release = await this.#slots.take(gone);
    note('started');
    try {
      await this.#write(job);
      this.#answered.add(job.model);
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
    const broken = size.outputTokens > 1 ? brokenVersion(this.#spec.version) : undefined;
    if (broken === 'hangs') return until(gone);
    if (broken === 'crashes') {
      this.restart();
      return until(gone);
    }
    const { firstSeconds, tokenSeconds } = pace(this.#spec, size, broken === 'slow' ? SLOW_FACTOR : 1);
    const seconds = firstSeconds + tokenSeconds * size.outputTokens;
    const reason = size.isLimited ? 'length' : 'stop';
    const counts: Counts = {
      ...{ prompt: size.promptTokens, output: size.outputTokens, reason, firstSeconds, seconds },
    };
    const isStream = typeof body.stream === 'boolean' ? body.stream : dialect.streamsByDefault;
    const start = opening(requestId);
    const text = broken === 'wrong' ? nonsense(size.outputTokens) : start + words(size.outputTokens);
    const begun = Date.now();
    const at = (seconds: number): Promise<void> =>
      delay(Math.max(0, begun + seconds * 1000 - Date.now()), undefined, { signal: gone });
    if (!isStream) {
      await at(seconds);
      return send(response, 200, dialect.whole(text, counts));
    }
    response.writeHead(200, { 'content-type': dialect.contentType });
    if (dialect.begin) response.write(dialect.begin());
    const perPiece = Math.max(1, Math.ceil(MIN_PIECE_SECONDS / tokenSeconds));
    for (let sent = 0; sent < size.outputTokens; sent += perPiece) {
      const left = size.outputTokens - sent;
      // By the clock: timers that are late each time would make a long answer slower than a whole one.
      await at(firstSeconds + tokenSeconds * Math.min(sent + perPiece, size.outputTokens));
      const piece = `${words(Math.min(perPiece, left))}${left > perPiece ? ' ' : ''}`;
      response.write(dialect.piece(sent === 0 ? start + piece : piece));
    }
    response.end(dialect.end(text, counts, body));
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
    const answers: Record<string, object> = {
      '/api/embed': { model, embeddings: vectors },
      '/api/embeddings': { embedding: vectors[0] },
    };
    send(response, 200, answers[path] ?? { object: 'list', model, data });
  }
}

/** Resolves never; rejects when the client goes away. */
const until = (gone: AbortSignal): Promise<void> =>
  new Promise((_, reject) => {
    const leave = (): void => reject(gone.reason);
    if (gone.aborted) leave();
    else gone.addEventListener('abort', leave, { once: true });
  });

const v1Model = (id: string): object => ({ id, object: 'model', created: 0, owned_by: 'library' });
