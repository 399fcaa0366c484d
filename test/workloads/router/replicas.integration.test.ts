import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { READ_MARGIN_SECONDS } from '../../../workloads/router/servers.ts';
import { until } from '../../worker/harness.ts';
import { deadAddress, TestRouter, Upstream } from './harness.ts';
import { describeWithNginx } from './with-nginx.ts';

let replicas: Upstream[];
let router: TestRouter | undefined;

beforeEach(async () => {
  replicas = await Promise.all([1, 2, 3].map(() => new Upstream().start()));
});

afterEach(async () => {
  await router?.stop();
  for (const replica of replicas) replica.stop();
});

const start = async (addresses: string[], more: ConstructorParameters<typeof TestRouter>[1] = {}) => {
  // The port of Open WebUI's backend: no limit per client gets in the way.
  router = await new TestRouter({ cpu: addresses }, more).start();
  const running = router;
  return (path = '/api/generate') => running.ask(path, { body: '{"model":"tiny"}' }, 'backend');
};
const addresses = () => replicas.map(({ address }) => address);
const asked = () => replicas.reduce((sum, { seen }) => sum + seen.length, 0);
const nth = (index: number) => () => replicas[index] as Upstream;
const first = nth(0);
const second = nth(1);
const third = nth(2);

/** Ends every connection once the request has arrived. */
const dieOnRequest = (replica: Upstream) => {
  replica.handle = ({ socket }) => socket.destroy();
};

describeWithNginx('the router and its replicas', () => {
  it('skips replicas that cannot be reached', async () => {
    const generate = await start([deadAddress(), deadAddress(), first().address]);
    for (let round = 0; round < 10; round += 1) expect((await generate()).status).toBe(200);
    expect(first().seen).toHaveLength(10);
  });

  it('skips them also when the others are busier', async () => {
    const generate = await start([deadAddress(), first().address]);
    const waiting: (() => void)[] = [];
    first().handle = (_request, response) => waiting.push(() => response.end('{}'));
    const held = [generate(), generate(), generate()];
    await until(() => waiting.length === 3);
    for (const finish of waiting) finish();
    for (const { status } of await Promise.all(held)) expect(status).toBe(200);
  });

  it.each(['/api/generate', '/v1/chat/completions'])(
    'asks the next when one is full, and all of them before it gives up: %s',
    async (path) => {
      const generate = await start(addresses());
      first().beFull();
      second().beFull();
      for (let round = 0; round < 6; round += 1) expect((await generate(path)).status).toBe(200);
      expect(third().seen).toHaveLength(6);
      third().beFull();
      const before = asked();
      const refused = await generate(path);
      expect(refused.status).toBe(503);
      expect(asked() - before).toBe(3);
      expect(refused.headers).toMatchObject({
        'retry-after': '2',
        link: '<https://queue.example.com/v1/responses>; rel="alternate"; title="queue"',
        'content-type': 'application/json',
      });
      const { error } = JSON.parse(refused.text) as { error: string | { message: string } };
      expect(typeof error === 'string' ? error : error.message).toMatch(/every replica is busy/);
    },
  );

  it('asks a full replica again at once: being full is no failure', async () => {
    const generate = await start(addresses().slice(0, 2));
    first().beFull();
    second().beFull();
    expect((await generate()).status).toBe(503);
    first().handle = (_request, response) => response.end('{"done":true}');
    expect((await generate()).status).toBe(200);
  });

  it('passes a plain 503 on too', async () => {
    const generate = await start(addresses().slice(0, 2));
    first().handle = (_request, response) => response.writeHead(503).end();
    for (let round = 0; round < 4; round += 1) expect((await generate()).status).toBe(200);
  });

  it('finds the one free replica among full and unreachable ones', async () => {
    const generate = await start([deadAddress(), ...addresses(), deadAddress()]);
    first().beFull();
    second().beFull();
    for (let round = 0; round < 5; round += 1) expect((await generate()).status).toBe(200);
    expect(third().seen).toHaveLength(5);
  });

  it('says so when no replica is warm', async () => {
    const generate = await start([]);
    for (const path of ['/api/chat', '/v1/responses']) {
      const refused = await generate(path);
      expect(refused.status).toBe(503);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(2);
      expect(refused.headers.link).toContain('rel="alternate"');
      expect(refused.text).toMatch(/no replica is warm/);
    }
    expect((await router?.ask('/api/tags', {}, 'backend'))?.status).toBe(503);
  });

  it('never repeats a request whose replica died after it had got it', async () => {
    const generate = await start(addresses());
    for (const replica of replicas) dieOnRequest(replica);
    const failed = await generate();
    expect(failed.status).toBe(502);
    expect(failed.text).toMatch(/not repeated/);
    expect(asked()).toBe(1);
  });

  it('never repeats one that another replica had refused before', async () => {
    const generate = await start(addresses().slice(0, 2));
    first().beFull();
    dieOnRequest(second());
    const failed = await generate();
    expect(failed.status).toBe(502);
    expect(second().seen).toHaveLength(1);
  });

  it('never repeats one that first met replicas that could not be reached', async () => {
    const generate = await start([deadAddress(), deadAddress(), ...addresses()]);
    for (const replica of replicas) dieOnRequest(replica);
    for (let round = 1; round <= 3; round += 1) {
      expect((await generate()).status).toBe(502);
      expect(asked()).toBe(round);
    }
  });

  it('never repeats a generation that broke off in its middle', async () => {
    const generate = await start(addresses());
    for (const replica of replicas)
      replica.handle = (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        response.write('{"response":"a"}\n', () => response.socket?.destroy());
      };
    await expect(generate()).rejects.toThrow(/aborted/);
    expect(asked()).toBe(1);
  });

  it('never repeats one that took too long', async () => {
    const generate = await start(addresses(), { timeoutSeconds: 1 - READ_MARGIN_SECONDS });
    for (const replica of replicas) replica.handle = () => undefined;
    const failed = await generate('/v1/chat/completions');
    expect(failed.status).toBe(504);
    expect(JSON.parse(failed.text)).toMatchObject({
      error: { type: 'api_error', message: expect.stringMatching(/not repeated/) },
    });
    expect(asked()).toBe(1);
  });

  it('repeats what only reads', async () => {
    await start(addresses().slice(0, 2));
    dieOnRequest(first());
    for (let round = 0; round < 4; round += 1)
      expect((await router?.ask('/api/tags', {}, 'backend'))?.status).toBe(200);
  });

  it("passes the replicas' own errors on as they are", async () => {
    const generate = await start(addresses());
    const error = '{"error":"model \'x\' not found"}';
    for (const status of [400, 404, 500]) {
      for (const replica of replicas)
        replica.handle = (_request, response) => response.writeHead(status).end(error);
      expect(await generate()).toMatchObject({ status, text: error });
    }
    for (const replica of replicas) replica.handle = (_request, response) => response.writeHead(403).end();
    expect((await generate()).status).toBe(403);
  });

  it('prefers the replica with the fewest requests', async () => {
    const generate = await start(addresses().slice(0, 2));
    const held = new Map<Upstream, (() => void)[]>([first(), second()].map((replica) => [replica, []]));
    for (const [replica, waiting] of held)
      replica.handle = (_request, response) => waiting.push(() => response.end('{}'));
    const counts = () => [first().seen.length, second().seen.length];
    const running = [generate(), generate(), generate(), generate()];
    await until(() => asked() === 4);
    expect(counts()).toEqual([2, 2]);
    // One of them is done with both: the next two are its own.
    for (const finish of held.get(first()) ?? []) finish();
    await Promise.race(running);
    await until(() => (router?.log().length ?? 0) === 2);
    running.push(generate(), generate());
    await until(() => asked() === 6);
    expect(counts()).toEqual([4, 2]);
    for (const waiting of held.values()) for (const finish of waiting) finish();
    await Promise.all(running);
  });
});
