import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
  type ServerResponse,
} from 'node:http';
import { type RequestOptions, request as requestHttps } from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import { z } from 'zod';
import { close, listen } from '../front/http.ts';

export interface TokenProxy {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Breaks off what is open, watches too. */
  stop(): Promise<void>;
}

export interface TokenProxyOptions {
  /** The server behind, and who may impersonate there. */
  config: KubeConfig;
  /** Answers TokenReviews, as for an API server's webhook. */
  authenticatorUrl: string;
}

/**
 * All that is passed on. A list of what is kept, not of what is dropped: the caller's own `Impersonate-*` would give it
 * more rights, and so would a `Connection` by which a proxy on the way drops ours.
 */
const REQUEST_HEADERS = [
  'accept',
  'accept-encoding',
  'content-encoding',
  'content-length',
  'content-type',
  'transfer-encoding',
  'user-agent',
] as const;
/** About the connection to the server, which is not the one to the caller. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'trailer', 'upgrade']);

const reviewSchema = z.object({
  status: z.object({
    authenticated: z.boolean().optional(),
    user: z.object({ username: z.string().min(1), groups: z.array(z.string()).default([]) }).optional(),
  }),
});

type User = NonNullable<z.output<typeof reviewSchema>['status']['user']>;

/**
 * Stands where EKS's API endpoint would stand, before a server that knows no EKS tokens: asks the authenticator who the
 * bearer is and passes the request on as that user, by impersonation, so that the cluster's own RBAC decides.
 * Answers stream. An unknown token gets 401; 503 when the authenticator or the server does not answer.
 */
export async function startTokenProxy(options: TokenProxyOptions): Promise<TokenProxy> {
  const server = createServer((request, response) => {
    void serve(request, response, options).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else refuse(response, 503, 'ServiceUnavailable', `the cluster can't be asked: ${reason(error)}`);
    });
  });
  const port = await listen(server, '127.0.0.1', 0);
  return { url: `http://127.0.0.1:${port}`, stop: () => close(server) };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  { config, authenticatorUrl }: TokenProxyOptions,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const user = token === undefined ? undefined : await authenticate(token, authenticatorUrl);
  if (user === undefined) {
    refuse(response, 401, 'Unauthorized', 'Unauthorized');
    return;
  }
  const answer = await forward(request, user, config, gone.signal);
  response.writeHead(answer.statusCode ?? 502, endToEnd(answer.headers));
  response.flushHeaders(); // a watch may stay silent for long
  await pipeline(answer, response);
}

async function authenticate(token: string, authenticatorUrl: string): Promise<User | undefined> {
  const answer = await fetch(authenticatorUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token },
    }),
  });
  const { status } = reviewSchema.parse(await answer.json());
  return status.authenticated === true ? status.user : undefined;
}

/** Resolves with the head of the answer. */
async function forward(
  request: IncomingMessage,
  user: User,
  config: KubeConfig,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const base = config.getCurrentCluster()?.server ?? '';
  const url = new URL(base.replace(/\/$/, '') + (request.url ?? '/'));
  const headers: OutgoingHttpHeaders = {};
  for (const name of REQUEST_HEADERS) {
    const value = request.headers[name];
    if (value !== undefined) headers[name] = value;
  }
  const options: RequestOptions = { method: request.method, headers, signal };
  await config.applyToHTTPSOptions(options);
  Object.assign(headers, options.headers, {
    'Impersonate-User': user.username,
    // Each group is a header line of its own.
    ...(user.groups.length > 0 && { 'Impersonate-Group': user.groups }),
  });
  const send = url.protocol === 'https:' ? requestHttps : requestHttp;
  const outgoing = send(url, { ...options, headers });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.on('error', reject);
  });
  request.pipe(outgoing);
  return answered;
}

const endToEnd = (headers: IncomingHttpHeaders): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.has(name)));

function refuse(response: ServerResponse, code: number, why: string, message: string): void {
  const status = {
    apiVersion: 'v1',
    kind: 'Status',
    metadata: {},
    status: 'Failure',
    message,
    reason: why,
    code,
  };
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(status));
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
