import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OllamaServer } from '../../adapters/ollama/server.ts';
import { WHEN_FULL_HEADER } from '../../core/protocol/api.ts';
import { type Counters, newCounters } from '../../worker/counters.ts';
import { WorkerMetrics } from '../../worker/metrics.ts';
import { InferenceProxy } from '../../worker/proxy.ts';
import { createDoor } from '../../worker/server.ts';
import { Slots } from '../../worker/slots.ts';
import { WorkerState } from '../../worker/state.ts';
import { sleep } from '../../worker/time.ts';
import { Warmup } from '../../worker/warmup.ts';
import { quiet } from './fakes.ts';
import { until } from './harness.ts';

interface Seen {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage['headers'];
  body: string;
}

let upstream: Server;
let door: Server;
let url: string;
let seen: Seen[];
let reply: (seen: Seen, response: ServerResponse) => void;
let slots: Slots;
let state: WorkerState;
let counters: Counters;
let metrics: WorkerMetrics;
let proxy: InferenceProxy;
let troubles: number;
let ollama: OllamaServer;

const listen = async (server: Server): Promise<string> => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

beforeEach(async () => {
  seen = [];
  reply = (_seen, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"done":true}');
  upstream = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url, headers } = request;
    const it = { method, url, headers, body: Buffer.concat(chunks).toString() };
    seen.push(it);
    reply(it, response);
  });
  ollama = new OllamaServer(await listen(upstream));
  slots = new Slots(1);
  state = new WorkerState();
  state.setWarm(true);
  counters = newCounters();
  metrics = new WorkerMetrics({ slots, state });
  troubles = 0;
  const models = ['tiny'];
  proxy = new InferenceProxy({
    ...{ server: ollama, slots, state, models, counters, metrics, log: quiet, timeoutSeconds: 60 },
    onUse: () => {},
    onServerTrouble: () => {
      troubles += 1;
    },
  });
  const warmup = new Warmup({
    ...{ podUid: 'uid-1', workerId: 'worker-1', server: ollama, models, state, log: quiet },
    ...{ sleep, now: Date.now, fill: async () => {} },
  });
  const canary = { server: ollama, slots, state, models, log: quiet, onServerTrouble: () => {} };
  door = createDoor({ state, warmup, proxy, canary, log: quiet });
  url = await listen(door);
});

afterEach(async () => {
  for (const server of [door, upstream]) {
    server.close();
    server.closeAllConnections();
  }
  ollama.close();
});

const post = (path: string, body: unknown, init: RequestInit = {}) =>
  fetch(url + path, { method: 'POST', body: JSON.stringify(body), ...init });

describe('the proxy', () => {
  it('passes a request on, without what would reload the model or is of one hop', async () => {
    const answer = await post(
      '/api/generate?x=1',
      { model: 'tiny', prompt: 'ü', keep_alive: 0, options: { num_ctx: 9, seed: 1 } },
      { headers: { 'x-trace': 'abc', connection: 'keep-alive' } },
    );
    expect([answer.status, await answer.text()]).toEqual([200, '{"done":true}']);
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/api/generate?x=1' });
    expect(JSON.parse(seen[0]?.body ?? '')).toEqual({ model: 'tiny', prompt: 'ü', options: { seed: 1 } });
    expect(seen[0]?.headers['x-trace']).toBe('abc');
    expect(seen[0]?.headers.host).not.toBe(new URL(url).host);
    expect(counters.completedInteractive).toBe(1);
  });

  it('streams each piece as it comes', async () => {
    let finish = () => {};
    reply = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.write('{"response":"a"}\n');
      finish = () => response.end('{"done":true}\n');
    };
    const answer = await post('/api/generate', { model: 'tiny' });
    const reader = answer.body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toBe('{"response":"a"}\n');
    expect(slots.busyOf('interactive')).toBe(1);
    finish();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('{"done":true}\n');
    await reader?.read();
    await until(() => slots.free === 1);
  });

  it.each([
    ['application/x-ndjson', '{"done":false}\n', '{"done":true,"done_reason":"stop"}\n'],
    ['text/event-stream', 'data: {"choices":[]}\n\n', 'data: [DONE]\n\n'],
    ['text/event-stream', 'event: response.created\ndata: {}\n\n', 'event: response.completed\ndata: {}\n\n'],
  ])(
    'has a slot for the next request once a client has the last piece of %s %#',
    async (type, first, last) => {
      const open: ServerResponse[] = [];
      reply = (_seen, response) => {
        open.push(response);
        // In two parts, as a network may have it.
        response.writeHead(200, { 'content-type': type }).write(first + last.slice(0, 9));
        setImmediate(() => response.write(last.slice(9)));
      };
      const decoder = new TextDecoder();
      for (let round = 0; round < 3; round += 1) {
        const answer = await post('/api/chat', { model: 'tiny' });
        expect(answer.status).toBe(200);
        const reader = answer.body?.getReader();
        for (let text = ''; text !== first + last; ) text += decoder.decode((await reader?.read())?.value);
      }
      // What no client needs to wait for is still handed over before a worker ends.
      let isSettled = false;
      const settled = proxy.settled().then(() => {
        isSettled = true;
      });
      expect([slots.free, isSettled]).toEqual([1, false]);
      for (const response of open) response.end();
      await settled;
      expect(counters.completedInteractive).toBe(3);
    },
  );

  it('holds the slot while a model writes of the end of an answer', async () => {
    const pieces = ['"done":true,"done_reason":"stop"', '\ndata: [DONE]\n', '\nevent: response.completed\n'];
    reply = (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      for (const content of pieces) response.write(`${JSON.stringify({ message: { content } })}\n`);
    };
    const answer = await post('/api/chat', { model: 'tiny' });
    const reader = answer.body?.getReader();
    const decoder = new TextDecoder();
    for (let text = ''; !text.includes('event:'); ) text += decoder.decode((await reader?.read())?.value);
    expect(slots.free).toBe(0);
  });

  it.each([
    ['full', () => void slots.tryTake('queue'), /busy/],
    ['loading', () => state.setWarm(false), /loading/],
    ['draining', () => state.setDraining(true), /draining/],
  ])('answers 503 with Retry-After when %s, before anything is forwarded', async (_name, make, message) => {
    make();
    for (const path of ['/api/chat', '/v1/chat/completions']) {
      const answer = await post(path, { model: 'tiny' });
      expect(answer.status).toBe(503);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await answer.text()).toMatch(message);
    }
    expect(seen).toEqual([]);
    expect((await fetch(`${url}/api/tags`)).status).toBe(200);
  });

  it('refuses the router with 403 instead, as it asks for, after it took the whole body', async () => {
    slots.tryTake('queue');
    const body = { model: 'tiny', prompt: 'x'.repeat(4_000_000) };
    for (let round = 0; round < 5; round += 1) {
      const answer = await post('/api/chat', body, { headers: { [WHEN_FULL_HEADER]: '403' } });
      expect(answer.status).toBe(403);
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
      expect(await answer.text()).toMatch(/busy/);
    }
    expect(seen).toEqual([]);
  });

  it('tells the model server when the client goes away', async () => {
    let isGone = false;
    reply = (_seen, response) => {
      response.writeHead(200).write('x');
      response.on('close', () => {
        isGone = true;
      });
    };
    const client = new AbortController();
    const answer = await post('/api/generate', { model: 'tiny' }, { signal: client.signal });
    expect(answer.status).toBe(200);
    client.abort();
    await until(() => isGone && slots.free === 1);
    expect(counters).toMatchObject({ completedInteractive: 0, failed: 1 });
    expect(troubles).toBe(0);
  });

  it('never sends a started generation again, and says that it broke', async () => {
    reply = (_seen, response) => response.destroy();
    const answer = await post('/api/generate', { model: 'tiny' });
    expect(answer.status).toBe(502);
    reply = (_seen, response) => {
      response.writeHead(200).write('half');
      setTimeout(() => response.destroy(), 20);
    };
    const broken = await post('/api/generate', { model: 'tiny' });
    await expect(broken.text()).rejects.toThrow();
    await until(() => slots.free === 1);
    expect([seen.length, troubles, counters.failed]).toEqual([2, 2, 2]);
  });

  it('cuts off what is under way when told', async () => {
    reply = (_seen, response) => void response.writeHead(200).write('x');
    const answer = await post('/api/generate', { model: 'tiny' });
    proxy.cutOff();
    await expect(answer.text()).rejects.toThrow();
    await until(() => slots.free === 1);
  });

  it.each([
    ['POST', '/api/pull'],
    ['DELETE', '/api/delete'],
    ['POST', '/api/create'],
    ['GET', '/api/generate'],
    ['POST', '/api/blobs/sha256:1'],
    ['GET', '/metrics'],
    ['POST', '/api/generate/../pull'],
    ['POST', '//api/pull'],
    ['POST', '/API/PULL'],
  ])('does not serve %s %s', async (method, path) => {
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(url, { method, path }, (response) => resolve(response.resume().statusCode));
      request.on('error', reject).end();
    });
    expect(status).toBe(404);
    expect(seen).toEqual([]);
  });

  it('reads for anyone, without a slot', async () => {
    slots.tryTake('queue');
    for (const path of ['/', '/api/tags', '/api/ps', '/api/version', '/v1/models', '/v1/models/tiny']) {
      expect((await fetch(url + path)).status).toBe(200);
    }
    expect((await post('/api/show', { model: 'tiny' })).status).toBe(200);
  });

  it.each([
    ['no JSON', 'hello', 400],
    ['a model that the fleet does not have', '{"model":"huge"}', 404],
    ['more than it may be', `{"model":"tiny","prompt":"${'x'.repeat(33 * 1024 * 1024)}"}`, 413],
  ])('refuses a body with %s', async (_name, body, status) => {
    const answer = await fetch(`${url}/v1/completions`, { method: 'POST', body });
    expect(answer.status).toBe(status);
    expect(await answer.json()).toMatchObject({ error: { message: expect.any(String) } });
    expect([seen.length, slots.free]).toEqual([0, 1]);
  });

  it("passes the server's own errors on", async () => {
    reply = (_seen, response) => response.writeHead(400).end('{"error":"invalid options"}');
    const answer = await post('/api/generate', { model: 'tiny' });
    expect([answer.status, await answer.text()]).toEqual([400, '{"error":"invalid options"}']);
    expect([counters.failed, troubles]).toEqual([1, 0]);
  });
});

describe('what it counts', () => {
  it.each([
    [
      'application/x-ndjson',
      '{"response":"a","done":false}\n{"done":true,"context":[1],"prompt_eval_count":7,"eval_count":3}\n',
    ],
    [
      'text/event-stream',
      'data: {"choices":[]}\n\ndata: {"usage":{"prompt_tokens":7,"completion_tokens":3}}\n\ndata: [DONE]\n\n',
    ],
  ])('tokens and time to the first one of a stream as %s', async (type, text) => {
    reply = (_seen, response) => response.writeHead(200, { 'content-type': type }).end(text);
    expect(await (await post('/api/chat', { model: 'tiny' })).text()).toBe(text);
    await until(() => slots.free === 1);
    const page = await metrics.registry.metrics();
    expect(page).toContain('paddock_worker_tokens_total{kind="interactive",direction="prompt"} 7');
    expect(page).toContain('paddock_worker_tokens_total{kind="interactive",direction="generated"} 3');
    expect(page).toContain('paddock_worker_first_token_seconds_count 1');
    expect(page).toContain('paddock_worker_service_seconds_count{kind="interactive"} 1');
  });

  it('each way a request can end', async () => {
    const ended = async (outcome: string) => {
      const page = await metrics.registry.metrics();
      return page.includes(`paddock_worker_requests_total{kind="interactive",outcome="${outcome}"} 1`);
    };
    await (await post('/api/chat', { model: 'tiny' })).text();
    await until(() => ended('completed'));
    await post('/api/chat', { model: 'huge' });
    expect(await ended('invalid')).toBe(true);
    reply = (_seen, response) => response.writeHead(500).end('{"error":"runner crashed"}');
    await (await post('/api/chat', { model: 'tiny' })).text();
    await until(() => ended('failed'));
    reply = (_seen, response) => void response.writeHead(200).write('x');
    const client = new AbortController();
    await post('/api/chat', { model: 'tiny' }, { signal: client.signal });
    client.abort();
    await until(() => ended('aborted'));
    state.setDraining(true);
    await post('/api/chat', { model: 'tiny' });
    expect(await ended('refused')).toBe(true);
  });
});

describe('POST /warm', () => {
  it('answers as soon as the worker is warm, and 503 with the state when it takes longer', async () => {
    state.setWarm(false);
    const early = await fetch(`${url}/warm?wait=0.05`, { method: 'POST' });
    expect([early.status, await early.json()]).toEqual([503, expect.objectContaining({ state: 'loading' })]);
    const waiting = fetch(`${url}/warm?wait=30`, { method: 'POST' });
    setTimeout(() => state.setWarm(true), 50);
    expect((await waiting).status).toBe(200);
  });

  it.each(['soon', '-1', '841'])('refuses wait=%s', async (wait) => {
    expect((await fetch(`${url}/warm?wait=${wait}`, { method: 'POST' })).status).toBe(400);
  });
});

describe('POST /canary', () => {
  const ask = () => fetch(`${url}/canary`, { method: 'POST' });

  it('has each model answer a token, in a slot that is in no counter', async () => {
    reply = (request, response) => {
      if (request.url === '/api/show') return response.end('{"capabilities":["completion"]}');
      expect([slots.free, slots.busyOf('interactive')]).toEqual([0, 0]);
      return response.end('{"done":true}');
    };
    const answer = await ask();
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { v: 1, models: [{ model: 'tiny', seconds: expect.any(Number) }] },
    ]);
    expect([counters.completedInteractive, slots.lastActiveAt, slots.busySlotSeconds, slots.free]).toEqual([
      0, 0, 0, 1,
    ]);
  });

  it('says which model does not answer, and why', async () => {
    reply = (_request, response) => response.writeHead(500).end('{"error":"runner crashed"}');
    const answer = await ask();
    expect(answer.status).toBe(502);
    expect(((await answer.json()) as { models: unknown }).models).toEqual([
      { model: 'tiny', seconds: expect.any(Number), error: expect.stringContaining('runner crashed') },
    ]);
    expect(slots.free).toBe(1);
  });

  it.each([
    ['busy', () => void slots.tryTake('queue')],
    ['loading', () => state.setWarm(false)],
    ['draining', () => state.setDraining(true)],
  ])('is not tried while the replica is %s', async (refused, make) => {
    make();
    const answer = await ask();
    expect([answer.status, await answer.json()]).toEqual([503, { v: 1, refused, models: [] }]);
    expect(seen).toEqual([]);
  });
});
