import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { until } from '../../worker/harness.ts';
import { TestRouter, Upstream } from './harness.ts';
import { describeWithNginx } from './with-nginx.ts';

let upstream: Upstream;
let router: TestRouter | undefined;

beforeEach(async () => {
  upstream = await new Upstream().start();
});

afterEach(async () => {
  await router?.stop();
  upstream.stop();
});

const start = async (more: ConstructorParameters<typeof TestRouter>[1] = {}) => {
  router = await new TestRouter({ cpu: [upstream.address] }, { webui: upstream.address, ...more }).start();
  return router;
};

/** A generation whose tokens the test lets out one by one. */
function tokens(type: string): { answer: () => ServerResponse } {
  let response: ServerResponse | undefined;
  upstream.handle = (_request, reply) => {
    reply.writeHead(200, { 'content-type': type });
    reply.flushHeaders();
    response = reply;
  };
  return { answer: () => response as ServerResponse };
}

describeWithNginx('what passes through the router', () => {
  it.each([
    ['/api/chat', 'application/x-ndjson', ['{"response":"a"}\n', '{"response":"b"}\n']],
    ['/v1/chat/completions', 'text/event-stream', ['data: {"a":1}\n\n', 'data: [DONE]\n\n']],
  ])('is each token of %s as soon as it is produced', async (path, type, pieces) => {
    const running = await start();
    const { answer } = tokens(type);
    const response = await running.open(path, { body: '{"model":"tiny","stream":true}' });
    expect(response.headers).toMatchObject({ 'content-type': type, 'x-accel-buffering': 'no' });
    const arrived: string[] = [];
    response.on('data', (chunk: Buffer) => arrived.push(chunk.toString()));
    // The second token is held back until the first one is there.
    for (const piece of pieces) {
      answer().write(piece);
      await until(() => arrived.join('').endsWith(piece));
    }
    answer().end();
    await once(response, 'end');
    expect(arrived.join('')).toBe(pieces.join(''));
  });

  it("is a client's leaving, so that the replica's slot is free again", async () => {
    const running = await start();
    const { answer } = tokens('application/x-ndjson');
    const response = await running.open('/api/chat', { body: '{"model":"tiny"}' });
    let isGone = false;
    answer().on('close', () => {
      isGone = true;
    });
    response.destroy();
    await until(() => isGone);
  });

  it('is a whole request only: a slow upload holds no slot', async () => {
    const running = await start();
    let arrived = 0;
    upstream.server.on('request', () => {
      arrived += 1;
    });
    const socket = running.socket();
    socket.resume();
    socket.write('POST /api/chat HTTP/1.1\r\nhost: router\r\ncontent-length: 16\r\n\r\n{"model":');
    // What comes later overtakes it.
    expect((await running.generate()).status).toBe(200);
    expect(arrived).toBe(1);
    socket.write('"tiny"}');
    await until(() => upstream.seen.length === 2);
    expect(upstream.seen[1]?.body).toBe('{"model":"tiny"}');
    socket.destroy();
  });

  it('are no keys and no cookies, and a request id that both sides know', async () => {
    const running = await start();
    upstream.handle = (_request, response) => response.end('{}');
    const secret = 'sk-very-secret';
    const answer = await running.generate({
      path: `/api/generate?key=${secret}`,
      headers: { authorization: `Bearer ${secret}`, cookie: `session=${secret}` },
      body: JSON.stringify({ model: 'tiny', prompt: secret }),
    });
    const id = answer.headers['x-request-id'];
    expect(id).toMatch(/^[0-9a-f]{32}$/);
    expect(upstream.seen[0]?.headers).toMatchObject({ 'x-request-id': id });
    expect(upstream.seen[0]?.headers).not.toHaveProperty('authorization');
    expect(upstream.seen[0]?.headers).not.toHaveProperty('cookie');
    await until(() => running.log().some(({ requestId }) => requestId === id));
    const entry = running.log().find(({ requestId }) => requestId === id);
    expect(entry).toMatchObject({
      method: 'POST',
      path: '/api/generate',
      status: '200',
      upstream: upstream.address,
      upstreamStatus: '200',
      limit: 'PASSED',
      client: '127.0.0.1',
    });
    expect([entry?.seconds, entry?.bytesIn, entry?.bytesOut].map((field) => typeof field)).toEqual(
      Array(3).fill('number'),
    );
    expect(JSON.stringify(running.log())).not.toContain(secret);
  });

  it('tells nobody its version', async () => {
    const running = await start();
    for (const path of ['/api/chat', '/nothing', '/v1/models'])
      expect((await running.ask(path)).headers.server).toBe('nginx');
  });

  it("is Open WebUI's page with its websockets, on a port of its own", async () => {
    const running = await start();
    upstream.handle = (request, response) => response.end(`page ${request.url}`);
    const page = await running.ask('/api/anything?x=1', { headers: { cookie: 'token=1' } }, 'webui');
    expect(page.text).toBe('page /api/anything?x=1');
    expect(upstream.seen[0]?.headers.cookie).toBe('token=1');

    upstream.server.on('upgrade', (_request, socket: Duplex) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n');
      socket.pipe(socket);
    });
    const socket = running.socket('webui');
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.write(
      'GET /ws/socket.io/ HTTP/1.1\r\nhost: router\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n',
    );
    await until(() => text.startsWith('HTTP/1.1 101'));
    for (const message of ['hello', 'again']) {
      socket.write(message);
      await until(() => text.endsWith(message));
    }
    socket.destroy();
  });

  it('says so when Open WebUI is away', async () => {
    const running = await start({ webui: '127.0.0.1:1' });
    expect(await running.ask('/', {}, 'webui')).toMatchObject({
      status: 503,
      text: expect.stringContaining('Open WebUI does not answer'),
    });
  });

  it('is counted in its status, which the exporter reads', async () => {
    const running = await start();
    await running.generate();
    const { text } = await running.ask('/stub_status', {}, 'internal');
    expect(text).toMatch(/Active connections: \d+/);
    for (const port of ['public', 'backend'] as const)
      expect((await running.ask('/stub_status', {}, port)).status).toBe(404);
  });
});
