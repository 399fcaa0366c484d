import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AwsResponse } from './types.ts';

export interface HttpRequest {
  method: string;
  /** Path and query as received. */
  url: string;
  path: string;
  rawQuery: string;
  headers: Record<string, string>;
  rawBody: Buffer;
  /** Aborted when the client goes away before it has its answer. */
  signal: AbortSignal;
}

/** `hang-up`: the connection breaks without an answer. */
export type HttpAnswer = AwsResponse | 'hang-up';

/** More than any request that Paddock sends; what stands behind the front takes less. */
const BODY_LIMIT = 16 * 1024 * 1024;
const HEADER_LIMIT = 64 * 1024;
/** Longer than SDK clients keep idle connections, so that the front is never the one that closes first. */
const KEEP_ALIVE_MS = 120_000;

export function createHttp(handle: (request: HttpRequest) => Promise<HttpAnswer>): Server {
  const server = createServer(
    { maxHeaderSize: HEADER_LIMIT, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => {
      void serve(request, response, handle);
    },
  );
  // Node's own answer to what is not HTTP is fine; without a listener of our own it also closes the connection.
  return server;
}

export async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the front listens on no port');
  return address.port;
}

export async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function serve(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handle: (request: HttpRequest) => Promise<HttpAnswer>,
): Promise<void> {
  const gone = new AbortController();
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  outgoing.on('error', () => gone.abort());
  try {
    const rawBody = await readBody(incoming);
    if (rawBody === 'too-large') {
      outgoing.writeHead(413, { connection: 'close' }).end();
      return;
    }
    const url = incoming.url ?? '/';
    const at = url.indexOf('?');
    const answer = await handle({
      method: incoming.method ?? 'GET',
      url,
      path: at < 0 ? url : url.slice(0, at),
      rawQuery: at < 0 ? '' : url.slice(at + 1),
      headers: joined(incoming),
      rawBody,
      signal: gone.signal,
    });
    if (outgoing.destroyed) return;
    if (answer === 'hang-up') incoming.socket.destroy();
    else write(outgoing, answer, incoming.method === 'HEAD');
  } catch {
    // The client broke off while it sent.
    incoming.socket.destroy();
  }
}

function write(outgoing: ServerResponse, { status, headers = {}, body }: AwsResponse, head: boolean): void {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, date: ____, ...own } = headers;
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  // A HEAD answer states the length of what it does not send.
  const length = head && own['content-length'] !== undefined ? own['content-length'] : String(bytes.length);
  outgoing.writeHead(status, status === 304 || status === 204 ? own : { ...own, 'content-length': length });
  outgoing.end(head ? undefined : bytes);
}

function joined(incoming: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(',') : value;
  }
  return headers;
}

async function readBody(incoming: IncomingMessage): Promise<Buffer | 'too-large'> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += (chunk as Buffer).length;
    if (size > BODY_LIMIT) return 'too-large';
    chunks.push(chunk as Buffer);
  }
  return chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
}
