import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface LeaseObject {
  metadata?: {
    name?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  spec?: { holderIdentity?: string; leaseDurationSeconds?: number; renewTime?: string };
}

export interface LeaseServer {
  readonly url: string;
  lease(name: string): LeaseObject | undefined;
  put(name: string, annotations: Record<string, string>): void;
  /** Undefined removes an annotation. */
  annotate(name: string, annotations: Record<string, string | undefined>): void;
  remove(name: string): void;
  /** Every request from now on is answered so. */
  failWith(status: number): void;
  connections(): number;
  pause(): Promise<void>;
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** The Leases of an API server, over plain HTTP: create, read, merge patch. */
export async function startLeaseServer(): Promise<LeaseServer> {
  const leases = new Map<string, LeaseObject>();
  let failure = 0;
  let connections = 0;
  const server = createServer((request, response) => void answer(request, response));
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const body = text ? (JSON.parse(text) as LeaseObject) : {};
    const name = body.metadata?.name ?? request.url?.split('/').at(-1) ?? '';
    const [status, object] = failure ? [failure, { message: 'injected' }] : act(request, name, body);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(object));
  }

  function act(request: IncomingMessage, name: string, body: LeaseObject): [number, unknown] {
    const existing = leases.get(name);
    if (request.method === 'POST') {
      if (existing) return [409, { message: 'already exists' }];
      leases.set(name, body);
      return [201, body];
    }
    if (!existing) return [404, { message: 'not found' }];
    if (request.method === 'PATCH') {
      if (request.headers['content-type'] !== 'application/merge-patch+json') return [415, {}];
      leases.set(name, merge(existing, body) as LeaseObject);
    }
    return [200, leases.get(name)];
  }

  return {
    url: `http://127.0.0.1:${port}`,
    lease: (name) => leases.get(name),
    put: (name, annotations) => void leases.set(name, { metadata: { name, annotations } }),
    annotate(name, annotations) {
      const lease = leases.get(name) ?? {};
      const all = { ...lease.metadata?.annotations, ...annotations };
      leases.set(
        name,
        merge(lease, { metadata: { annotations: JSON.parse(JSON.stringify(all)) } }) as LeaseObject,
      );
      for (const [key, value] of Object.entries(annotations)) {
        if (value === undefined) delete leases.get(name)?.metadata?.annotations?.[key];
      }
    },
    remove: (name) => void leases.delete(name),
    failWith: (status) => {
      failure = status;
    },
    connections: () => connections,
    async pause() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
    async resume() {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
    async stop() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(target as Record<string, unknown>) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}
