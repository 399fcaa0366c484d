import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { until } from '../../worker/harness.ts';
import { proxyHeader, TestRouter, Upstream } from './harness.ts';
import { describeWithNginx } from './with-nginx.ts';

let replica: Upstream;
let gpu: Upstream;
let router: TestRouter | undefined;

beforeEach(async () => {
  replica = await new Upstream().start();
  gpu = await new Upstream().start();
});

afterEach(async () => {
  await router?.stop();
  for (const upstream of [replica, gpu]) upstream.stop();
});

const start = async (more: ConstructorParameters<typeof TestRouter>[1] = {}) => {
  router = await new TestRouter({ cpu: [replica.address], gpu: [gpu.address] }, more).start();
  return router;
};
/** As behind the load balancer. */
const behindBalancer = { proxyProtocolFrom: ['127.0.0.0/8'] };
const ALICE = '203.0.113.7';
const BOB = '203.0.113.8';
const STRANGER = '198.51.100.9';

describeWithNginx('a client of the router', () => {
  it('gets 429 with Retry-After past 10 requests a second', async () => {
    const running = await start();
    const startedAt = Date.now();
    const answers = await Promise.all(Array.from({ length: 150 }, () => running.generate()));
    const seconds = (Date.now() - startedAt) / 1000;
    const served = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status === 429);
    expect(served.length + refused.length).toBe(150);
    // The burst of 10, the one that it starts from, and 10 for each second that passed.
    expect(served.length).toBeGreaterThanOrEqual(11);
    expect(served.length).toBeLessThanOrEqual(11 + Math.ceil(10 * seconds));
    expect(replica.seen).toHaveLength(served.length);
    for (const { headers, text } of refused) {
      expect(headers).toMatchObject({
        'retry-after': '1',
        link: expect.stringContaining('queue.example.com'),
      });
      expect(JSON.parse(text)).toEqual({ error: expect.stringMatching(/too many requests/) });
    }
    const openai = await running.generate({ path: '/v1/chat/completions' });
    if (openai.status === 429) expect(JSON.parse(openai.text).error.type).toBe('rate_limit_error');
  });

  it('is counted by the address that the load balancer names', async () => {
    const running = await start(behindBalancer);
    let last = 200;
    await until(async () => {
      const answers = await Promise.all(
        Array.from({ length: 40 }, () => running.generate({ client: ALICE })),
      );
      last = answers.at(-1)?.status ?? 0;
      return last === 429;
    });
    expect((await running.generate({ client: BOB })).status).toBe(200);
    await until(() => running.log().some(({ client }) => client === BOB));
    expect(new Set(running.log().map(({ client }) => client))).toEqual(new Set([ALICE, BOB]));
  });

  it('can not choose that address by itself', async () => {
    const running = await start({ proxyProtocolFrom: ['192.0.2.0/24'] });
    // A header from elsewhere is not believed, so the client is the peer: not on the allow-list.
    expect((await running.generate({ client: ALICE })).status).toBe(403);
    const forged = { 'x-forwarded-for': BOB, 'x-real-ip': BOB };
    expect((await running.generate({ client: ALICE, headers: forged })).status).toBe(403);
    await expect(running.generate()).rejects.toThrow();
  });

  it('must be on the allow-list; the probes of the load balancer need not', async () => {
    const running = await start(behindBalancer);
    for (const path of ['/api/generate', '/v1/completions']) {
      const refused = await running.generate({ path, client: STRANGER });
      expect(refused).toMatchObject({ status: 403, text: expect.stringMatching(/not allowed/) });
    }
    expect((await running.ask('/', { client: STRANGER }, 'webui')).status).toBe(403);
    expect((await running.ask('/healthz', { client: STRANGER })).status).toBe(200);
    const probe = running.socket();
    let text = '';
    probe.on('data', (chunk) => {
      text += chunk;
    });
    probe.write(proxyHeader('', 'LOCAL'));
    probe.write('GET /healthz HTTP/1.0\r\n\r\n');
    await until(() => text.includes('{"alive":true}'));
    expect(replica.seen).toHaveLength(0);
  });

  it("may not hold more requests open than its share; Open WebUI's backend may", async () => {
    const running = await start({ settings: { connectionsPerClient: 2 } });
    const waiting: (() => void)[] = [];
    replica.handle = (_request, response) => waiting.push(() => response.end('{}'));
    const held = [running.generate(), running.generate()];
    await until(() => waiting.length === 2);
    expect((await running.generate()).status).toBe(429);
    const backend = running.ask('/api/chat', { body: '{"model":"tiny"}' }, 'backend');
    await until(() => waiting.length === 3);
    for (const finish of waiting) finish();
    expect((await backend).status).toBe(200);
    for (const { status } of await Promise.all(held)) expect(status).toBe(200);
  });

  it.each([
    '/api/pull',
    '/api/push',
    '/api/create',
    '/api/copy',
    '/api/delete',
    '/api/blobs/sha256:0',
    '/api/generate/',
    '/api/generate/../pull',
    '/api/%67enerate/x',
    '//api/pull',
    '/warm',
    '/readyz',
    '/metrics',
    '/stub_status',
    '/v1/files',
    '/fleets/none/api/chat',
    '/fleets/cpu/api/pull',
  ])('is refused %s', async (path) => {
    const running = await start();
    for (const port of ['public', 'backend'] as const)
      for (const method of ['GET', 'POST', 'DELETE']) {
        const answer = await running.ask(path, { method, ...(method === 'POST' && { body: '{}' }) }, port);
        expect(answer.status).toBe(404);
        expect(JSON.parse(answer.text)).toHaveProperty('error');
      }
    expect(replica.seen).toEqual([]);
  });

  it('is told which fleets there are when it asks for another, in the shape of its API', async () => {
    const running = await start();
    const there = 'there is no such fleet; there is: cpu, gpu';
    const said = async (path: string) => {
      const { status, text } = await running.generate({ path });
      return { status, ...(JSON.parse(text) as object) };
    };
    for (const path of ['/fleets/nosuch/api/chat', '/fleets/cpu2/api/chat', '/fleets/nosuch', '/fleets/'])
      expect(await said(path)).toEqual({ status: 404, error: there });
    expect(await said('/fleets/nosuch/v1/chat/completions')).toEqual({
      status: 404,
      error: { message: there, type: 'not_found_error', param: null, code: null },
    });
    const unserved = expect.stringMatching(/path is not served/);
    expect(await said('/fleets/cpu/v1/files')).toMatchObject({ error: { message: unserved } });
    expect(await said('/fleets/gpu')).toEqual({ status: 404, error: unserved });
  });

  it('is told which method a path takes', async () => {
    const running = await start();
    expect(await running.ask('/api/chat')).toMatchObject({ status: 405, headers: { allow: 'POST' } });
    expect(await running.ask('/api/tags', { body: '{}' })).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD' },
    });
    expect((await running.ask('/api/show', { body: '{"model":"tiny"}' })).status).toBe(200);
    for (const path of ['/', '/api/version', '/v1/models', '/v1/models/hf.co/a/b:latest'])
      expect((await running.ask(path)).status).toBe(200);
  });

  it('reaches each fleet by its prefix, and the first one without', async () => {
    const running = await start();
    await running.generate({ path: '/fleets/gpu/v1/chat/completions?trace=1' });
    await running.generate({ path: '/fleets/cpu/api/chat' });
    await running.generate();
    expect(gpu.seen.map(({ url }) => url)).toEqual(['/v1/chat/completions?trace=1']);
    expect(replica.seen.map(({ url }) => url)).toEqual(['/api/chat', '/api/generate']);
  });

  it.each([
    ['headers', 'POST /api/chat HTTP/1.1\r\nhost: router\r\nx-slow: '],
    ['a body', 'POST /api/chat HTTP/1.1\r\nhost: router\r\ncontent-length: 100\r\n\r\n{"model"'],
    ['nothing at all', ''],
  ])('that sends %s drop by drop is cut off', async (_what, start_) => {
    const running = await start({ settings: { headerTimeoutSeconds: 1, bodyTimeoutSeconds: 1 } });
    const socket = running.socket();
    let isClosed = false;
    socket.on('close', () => {
      isClosed = true;
    });
    socket.resume();
    socket.write(start_);
    // Others are served meanwhile.
    expect((await running.generate()).status).toBe(200);
    await until(() => isClosed);
    expect(replica.seen).toHaveLength(1);
  });

  it('sends 4 MB prompts, and is told when one is too large', async () => {
    const running = await start();
    const body = (megabytes: number) =>
      JSON.stringify({ model: 'tiny', prompt: 'x'.repeat(megabytes * 1_000_000) });
    replica.handle = (_request, response) => response.end('{"done":true}');
    expect((await running.generate({ body: body(4) })).status).toBe(200);
    expect(replica.seen[0]?.body).toBe(body(4));
    const refused = await running.generate({ body: body(9) }).catch((error: Error) => error);
    // The answer may be lost when the client still writes; the body is never passed on.
    if (!(refused instanceof Error))
      expect(refused).toMatchObject({ status: 413, text: expect.stringContaining('larger') });
    expect(replica.seen).toHaveLength(1);
  });
});
