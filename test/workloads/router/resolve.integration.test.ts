import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { WORKER_PORT } from '../../../core/protocol/names.ts';
import { findNginx, keepsByDefault } from '../../../local/router/binary.ts';
import { until } from '../../worker/harness.ts';
import { TestRouter, Upstream } from './harness.ts';
import { describeWithNginx } from './with-nginx.ts';

/** A cluster's DNS: A records of one headless Service; without any, the name does not exist. */
class Dns {
  readonly #socket: Socket = createSocket('udp4');
  addresses: string[] = [];
  readonly names = new Set<string>();
  address = '';

  async start(): Promise<void> {
    this.#socket.on('message', (query, from) =>
      this.#socket.send(this.#answer(query), from.port, from.address),
    );
    this.#socket.bind(0, '127.0.0.1');
    await once(this.#socket, 'listening');
    this.address = `127.0.0.1:${this.#socket.address().port}`;
  }

  stop(): void {
    this.#socket.close();
  }

  #answer(query: Buffer): Buffer {
    let end = 12;
    const labels: string[] = [];
    for (let length = query[end] ?? 0; length > 0; length = query[end] ?? 0) {
      labels.push(query.toString('ascii', end + 1, end + 1 + length));
      end += 1 + length;
    }
    this.names.add(labels.join('.'));
    const question = query.subarray(12, end + 5);
    const header = Buffer.from(query.subarray(0, 12));
    // An answer with authority; NXDOMAIN when there is none.
    header.writeUInt16BE(this.addresses.length > 0 ? 0x8580 : 0x8583, 2);
    header.writeUInt16BE(this.addresses.length, 6);
    header.writeUInt32BE(0, 8);
    const records = this.addresses.map((address) => {
      const fixed = [0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4];
      return Buffer.from([...fixed, ...address.split('.').map(Number)]);
    });
    return Buffer.concat([header, question, ...records]);
  }
}

const canResolve = ((nginx) => nginx !== undefined && keepsByDefault(nginx))(findNginx());
const itResolves = canResolve ? it : it.skip;
if (!canResolve)
  console.warn('SKIPPED: following pods by DNS needs Nginx 1.29.7: set PADDOCK_NGINX to the path of one');

const HOSTS = ['127.200.0.1', '127.200.0.2'] as const;
let dns: Dns;
let replicas: Upstream[];
let router: TestRouter | undefined;

beforeEach(async () => {
  dns = new Dns();
  await dns.start();
  replicas = await Promise.all(HOSTS.map((host) => new Upstream().start(host, WORKER_PORT)));
});

afterEach(async () => {
  await router?.stop();
  for (const replica of replicas) replica.stop();
  dns.stop();
});

describeWithNginx('a router in the cluster', () => {
  itResolves('follows the warm pods by DNS, from none to others, without a reload', async () => {
    router = await new TestRouter({ cpu: [] }, { pods: { resolve: { resolver: dns.address } } }).start();
    const running = router;
    const generate = () => running.ask('/api/chat', { body: '{"model":"tiny"}' }, 'backend');
    const asleep = await generate();
    expect(asleep.status).toBe(503);
    expect(asleep.text).toMatch(/no replica is warm/);
    expect(dns.names).toEqual(new Set(['cpu.paddock.svc.cluster.local']));
    for (const [index, host] of HOSTS.entries()) {
      dns.addresses = [host];
      const before = replicas[index]?.seen.length ?? 0;
      await until(
        async () => (await generate()).status === 200 && (replicas[index]?.seen.length ?? 0) > before,
      );
    }
    // Both again: a full one is passed over.
    dns.addresses = [...HOSTS];
    replicas[1]?.beFull();
    const seen = replicas[0]?.seen.length ?? 0;
    await until(async () => (await generate()).status === 200 && (replicas[0]?.seen.length ?? 0) > seen);
  });

  itResolves('opens a connection for each request', async () => {
    dns.addresses = [HOSTS[0]];
    router = await new TestRouter({ cpu: [] }, { pods: { resolve: { resolver: dns.address } } }).start();
    const running = router;
    const generate = () => running.ask('/api/chat', { body: '{"model":"tiny"}' }, 'backend');
    let connections = 0;
    replicas[0]?.server.on('connection', () => {
      connections += 1;
    });
    await until(async () => (await generate()).status === 200);
    const before = connections;
    for (let round = 0; round < 3; round += 1) await generate();
    expect(connections - before).toBe(3);
  });
});
