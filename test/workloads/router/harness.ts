import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../../local/cluster/ports.ts';
import { findNginx, keepsByDefault } from '../../../local/router/binary.ts';
import { nginxConfig, type RouterSettings, type RouterSite } from '../../../workloads/router/index.ts';
import { until } from '../../worker/harness.ts';

export const settings: RouterSettings = {
  requestsPerSecond: 10,
  burst: 10,
  connectionsPerClient: 100,
  bodyLimitMiB: 8,
  headerTimeoutSeconds: 10,
  bodyTimeoutSeconds: 10,
  allowedCidrs: ['203.0.113.0/24'],
  queueUrl: 'https://queue.example.com',
};

/** An answer as it came over the wire. */
export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
}

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** Who the load balancer says the client is; undefined: there is no PROXY header. */
  client?: string;
}

/** What a Network Load Balancer sends first: PROXY protocol v2, TCP over IPv4. */
export function proxyHeader(client: string, command: 'PROXY' | 'LOCAL' = 'PROXY'): Buffer {
  const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
  if (command === 'LOCAL') return Buffer.concat([signature, Buffer.from([0x20, 0x00, 0, 0])]);
  const addresses = Buffer.from([...client.split('.').map(Number), 10, 0, 0, 1]);
  const ports = Buffer.from([0xc3, 0x50, 0x00, 0x50]);
  return Buffer.concat([signature, Buffer.from([0x21, 0x11, 0, 12]), addresses, ports]);
}

/** A replica or Open WebUI, played by the test. */
export class Upstream {
  readonly server: Server;
  /** Requests that arrived, in order. */
  readonly seen: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] = [];
  address = '';
  /** What it answers; a test may change it. */
  handle: RequestListener = (_request, response) => response.end('{"done":true}');

  constructor() {
    this.server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { method = '', url = '', headers } = request;
      this.seen.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      this.handle(request, response);
    });
  }

  async start(host = '127.0.0.1', port = 0): Promise<this> {
    this.server.listen(port, host);
    await once(this.server, 'listening');
    this.address = `${host}:${(this.server.address() as AddressInfo).port}`;
    return this;
  }

  /** Refuses as the worker does when every slot is taken. */
  beFull(): void {
    this.handle = ({ headers }, response) =>
      response
        .writeHead(headers['paddock-when-full'] === '403' ? 403 : 503, { 'retry-after': '2' })
        .end('{"error":"every slot of this replica is busy"}');
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** A real Nginx on loopback with the rendered configuration. */
export class TestRouter {
  readonly dir = mkdtempSync(join(tmpdir(), 'paddock-router-'));
  readonly #fleets: Record<string, readonly string[]>;
  readonly #settings: RouterSettings;
  readonly #more: Partial<RouterSite>;
  readonly #timeoutSeconds: number;
  #process: ChildProcess | undefined;
  ports = { public: 0, backend: 0, webui: 0, internal: 0 };

  /** @param fleets addresses of each fleet's replicas */
  constructor(
    fleets: Record<string, readonly string[]>,
    more: Partial<RouterSite> & { settings?: Partial<RouterSettings>; timeoutSeconds?: number } = {},
  ) {
    const { settings: changed, timeoutSeconds = 60, ...site } = more;
    this.#fleets = fleets;
    this.#settings = { ...settings, ...changed };
    this.#timeoutSeconds = timeoutSeconds;
    this.#more = site;
  }

  async start(): Promise<this> {
    // A port that is free now may be taken by the time that Nginx asks for it.
    for (let tries = 1; !(await this.#starts()); tries += 1)
      if (tries === 3) throw new Error(`Nginx does not start: ${readFileSync(join(this.dir, 'error.log'))}`);
    return this;
  }

  /** False: it ended before it was ready. */
  async #starts(): Promise<boolean> {
    const [a = 0, b = 0, c = 0, d = 0] = await freePorts(4);
    this.ports = { public: a, backend: b, webui: c, internal: d };
    this.#write();
    const nginx = spawn(findNginx() as string, ['-c', this.#file, '-g', 'daemon off;'], { stdio: 'ignore' });
    this.#process = nginx;
    const isUp = async () =>
      (await this.ask('/healthz', {}, 'internal').catch(() => undefined))?.status === 200;
    await until(async () => nginx.exitCode !== null || (await isUp()));
    return nginx.exitCode === null;
  }

  async stop(): Promise<void> {
    if (this.#process?.exitCode === null) {
      this.#process.kill('SIGTERM');
      await once(this.#process, 'exit');
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** The access log so far, one object per request. */
  log(): Record<string, string | number>[] {
    const lines = readFileSync(join(this.dir, 'access.log'), 'utf8').split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line) as Record<string, string | number>);
  }

  /** A connection on which the test writes by itself. */
  socket(port: keyof TestRouter['ports'] = 'public', client?: string): Socket {
    const socket = connect(this.ports[port], '127.0.0.1');
    socket.on('error', () => undefined);
    if (client !== undefined) socket.write(proxyHeader(client));
    return socket;
  }

  /** Sends a request; resolves with the head of its answer. */
  open(path: string, ask: Ask = {}, port: keyof TestRouter['ports'] = 'public'): Promise<IncomingMessage> {
    const { method = ask.body === undefined ? 'GET' : 'POST', headers = {}, body, client } = ask;
    return new Promise((resolve, reject) => {
      const options = { method, path, headers: { host: 'router', connection: 'close', ...headers } };
      const sent = request({ ...options, createConnection: () => this.socket(port, client) }, resolve);
      sent.on('error', reject).end(body);
    });
  }

  async ask(path: string, ask: Ask = {}, port: keyof TestRouter['ports'] = 'public'): Promise<Answer> {
    const response = await this.open(path, ask, port);
    const text = Buffer.concat(await response.toArray()).toString();
    return { status: response.statusCode ?? 0, headers: response.headers, text };
  }

  /** A generation, as Ollama's client asks for it. */
  generate(ask: Ask & { path?: string } = {}): Promise<Answer> {
    return this.ask(ask.path ?? '/api/generate', { body: '{"model":"tiny","prompt":"Why?"}', ...ask });
  }

  get #file(): string {
    return join(this.dir, 'nginx.conf');
  }

  #write(): void {
    const at = (port: number) => `127.0.0.1:${port}`;
    const { public: a, backend, webui, internal } = this.ports;
    const site: RouterSite = {
      listen: { public: at(a), backend: at(backend), webui: at(webui), internal: at(internal) },
      pods: { addresses: this.#fleets, keepsByDefault: keepsByDefault(findNginx() as string) },
      webui: '127.0.0.1:1',
      ...(process.getuid?.() === 0 && { user: 'root' }),
      runDir: this.dir,
      accessLog: join(this.dir, 'access.log'),
      errorLog: join(this.dir, 'error.log'),
      workerProcesses: 2,
      shutdownSeconds: 5,
      ...this.#more,
    };
    const fleets = Object.keys(this.#fleets).map((name) => ({
      name,
      requestTimeoutSeconds: this.#timeoutSeconds,
    }));
    writeFileSync(this.#file, nginxConfig(fleets, this.#settings, site));
  }
}

let dead = 0;
/** An address at which nobody listens, whatever else runs on this machine. */
export const deadAddress = (): string => {
  dead += 1;
  return `127.199.0.${dead}:9`;
};
