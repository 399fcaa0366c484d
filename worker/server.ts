import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { answerCanary, type CanaryOptions, canaryStatus } from './canary.ts';
import type { Log } from './log.ts';
import type { InferenceProxy } from './proxy.ts';
import type { WorkerState } from './state.ts';
import type { Warmup } from './warmup.ts';

export interface ServerOptions {
  state: WorkerState;
  warmup: Warmup;
  proxy: InferenceProxy;
  canary: CanaryOptions;
  log: Log;
}

/** A Lambda function waits 15 minutes at most. */
const LONGEST_WAIT_SECONDS = 840;
/** Longer than the router keeps its connections (Nginx: 60 s), so that it is never the worker that closes first. */
const KEEP_ALIVE_MS = 75_000;

/** The pod's door: probes, warm-up, the health check's canary, and everything else to the proxy. */
export function createDoor(options: ServerOptions): Server {
  const { log } = options;
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    route(request, response, options).catch((error: unknown) => {
      if (!request.destroyed) log.warn('a request failed', { path: request.url, error });
      if (response.headersSent) response.destroy();
      else json(response, 500, { error: 'internal error' });
    });
  });
  return server;
}

async function route(
  request: IncomingMessage,
  response: ServerResponse,
  options: ServerOptions,
): Promise<void> {
  const { state, warmup, proxy } = options;
  const url = new URL(request.url ?? '/', 'http://worker');
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /healthz':
      return json(response, 200, { alive: true });
    case 'GET /readyz':
      return json(response, state.isAccepting ? 200 : 503, warmup.report());
    case 'GET /warm':
    case 'POST /warm':
      return warm(url.searchParams, request, response, options);
    case 'POST /canary': {
      request.resume();
      const canary = await answerCanary(response, options.canary);
      if (!response.destroyed) json(response, canaryStatus(canary), canary);
      return;
    }
    default:
      return proxy.handle(request, response);
  }
}

/**
 * Answers with how warm this is: once it is, or another failure is known, or `wait` seconds are over (default 0). 200 when
 * requests are taken, else 503. A POST that names a new `attempt` ends the pause after a failure.
 */
async function warm(
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
  { state, warmup }: ServerOptions,
): Promise<void> {
  request.resume();
  const seconds = Number(query.get('wait') ?? 0);
  if (!Number.isFinite(seconds) || seconds < 0 || seconds > LONGEST_WAIT_SECONDS) {
    return json(response, 400, { error: `wait must be 0 to ${LONGEST_WAIT_SECONDS} seconds` });
  }
  if (request.method === 'POST') warmup.ask(query.get('attempt') ?? '');
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const patience = AbortSignal.any([gone.signal, AbortSignal.timeout(seconds * 1000)]);
  const { failures } = warmup;
  await state.when(() => state.current !== 'loading' || warmup.failures > failures, patience);
  if (response.destroyed) return;
  json(response, state.isAccepting ? 200 : 503, warmup.report());
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
