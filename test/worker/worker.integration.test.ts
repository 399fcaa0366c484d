import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { heartbeatSchema } from '../../core/protocol/heartbeat.ts';
import { ANNOTATION, statusKey } from '../../core/protocol/names.ts';
import { until, WorkerBench } from './harness.ts';

let bench: WorkerBench;

beforeAll(async () => {
  bench = new WorkerBench();
  await bench.start();
});
afterAll(() => bench.stop());

const status = async (url: string, path: string, method = 'GET') =>
  (await fetch(`${url}${path}`, { method }).catch(() => undefined))?.status;
const beats = (name: string) => bench.leases.lease(name)?.metadata?.annotations?.[ANNOTATION.heartbeat];
const heartbeat = (name: string) => heartbeatSchema.parse(JSON.parse(beats(name) ?? 'null'));
const answered = (ids: string[]) =>
  until(async () => (await Promise.all(ids.map((id) => bench.result(id)))).every(Boolean));
const range = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}-${i}`);

describe('the bundled worker', () => {
  it('warms, serves the queue, says so in its Lease, and ends with code 0', async () => {
    const worker = await bench.startWorker('one', {}, { slots: 2, loadableAt: Date.now() + 600_000 });
    await until(async () => (await status(worker.url, '/healthz')) === 200);
    expect(await status(worker.url, '/readyz')).toBe(503);
    expect(await status(worker.url, '/warm?wait=0', 'POST')).toBe(503);
    worker.model.restart();
    expect(await status(worker.url, '/warm?wait=120', 'POST')).toBe(200);
    expect(await status(worker.url, '/readyz')).toBe(200);

    const ids = range('one', 6);
    for (const id of ids) await bench.submit(id);
    await answered(ids);
    expect(await bench.result('one-0')).toMatchObject({ status: 'completed', replica: 'one' });
    await until(() => heartbeat('one').completedQueue === 6);
    expect(heartbeat('one')).toMatchObject({ state: 'warm', slots: 2, busyQueue: 0, failed: 0 });
    expect(heartbeat('one').busySlotSeconds).toBeGreaterThan(0.5);

    worker.process.kill('SIGTERM');
    expect(await worker.exit).toBe(0);
    expect(heartbeat('one').state).toBe('draining');
    expect(bench.events.filter(({ kind }) => kind === 'cold' || kind === 'cut-off')).toEqual([]);
  });

  it('ends at once when it is told to before it is warm', async () => {
    const cold = await bench.startWorker('cold', {}, { loadableAt: Date.now() + 600_000 });
    await until(async () => (await status(cold.url, '/readyz')) === 503);
    cold.process.kill('SIGTERM');
    expect(await cold.exit).toBe(0);
  });

  it('serves on although its metrics can not be offered, and says so', async () => {
    // The model server's port is taken.
    const unseen = await bench.startWorker('unseen', { PADDOCK_METRICS_PORT: '11434' });
    await until(async () => (await status(unseen.url, '/readyz')) === 200);
    await until(() => unseen.log().includes('the metrics can not be offered'));
    unseen.process.kill('SIGTERM');
    expect(await unseen.exit).toBe(0);
  });

  it('ends an answer that takes too long: failed, with the reason, and the slot is free', async () => {
    const env = { PADDOCK_REQUEST_TIMEOUT_SECONDS: '3', PADDOCK_MAX_ATTEMPTS: '1' };
    const worker = await bench.startWorker('patient', env);
    const body = { model: 'tiny', prompt: 'Why?', options: { num_predict: 1_000_000 } };
    // One is streamed, as what came through the gateway is; one is asked for whole.
    const status = { v: 1, id: 'endless-0', status: 'queued', owner: 'app', path: '/api/generate' };
    const watched = { ...status, model: 'tiny', submittedAt: 1, failures: 0 };
    await bench.results.writeOnce(statusKey('cpu', 'endless-0'), JSON.stringify(watched));
    const ids = range('endless', 2);
    for (const id of ids) await bench.submit(id, { body });
    await answered(ids);
    for (const id of ids) {
      expect(await bench.result(id)).toMatchObject({
        status: 'failed',
        error: { code: 'attempts_exhausted', message: expect.stringContaining('no answer within 3 s') },
      });
      await until(() => bench.events.some((e) => e.kind === 'cut-off' && e.requestId === id));
    }
    expect(bench.front.queueCounts('dead-letters')).toMatchObject({ visible: 2 });
    await bench.submit('after', { body: { ...body, options: { num_predict: 1 } } });
    await answered(['after']);
    expect(await bench.result('after')).toMatchObject({ status: 'completed' });
    worker.process.kill('SIGTERM');
    expect(await worker.exit).toBe(0);
  });

  it('hands back on SIGTERM what does not fit, and another worker answers it', async () => {
    const first = await bench.startWorker('first', { PADDOCK_DRAIN_SECONDS: '0' }, { decodeRate: 2 });
    await until(async () => (await status(first.url, '/readyz')) === 200);
    const body = { model: 'tiny', prompt: 'Why?', options: { num_predict: 200 } };
    await bench.submit('back', { body });
    await until(() => bench.events.some((e) => e.kind === 'started' && e.requestId === 'back'));
    first.process.kill('SIGTERM');
    expect(await first.exit).toBe(0);
    await until(() => bench.events.some((e) => e.kind === 'cut-off' && e.requestId === 'back'));
    expect(await bench.result('back')).toBeUndefined();
    const second = await bench.startWorker('second', {}, { decodeRate: 2000 });
    await answered(['back']);
    expect(await bench.result('back')).toMatchObject({ status: 'completed', replica: 'second' });
    second.process.kill('SIGTERM');
    expect(await second.exit).toBe(0);
  });

  it('loses nothing when it is killed: the message comes back', async () => {
    const victim = await bench.startWorker('victim', {}, { decodeRate: 2 });
    await until(async () => (await status(victim.url, '/readyz')) === 200);
    await bench.submit('killed', { body: { model: 'tiny', prompt: 'Why?', options: { num_predict: 200 } } });
    await until(() => bench.events.some((e) => e.kind === 'started' && e.requestId === 'killed'));
    victim.process.kill('SIGKILL');
    await bench.startWorker('heir', {}, { decodeRate: 2000 });
    await answered(['killed']);
    expect(await bench.result('killed')).toMatchObject({ replica: 'heir' });
  });

  it('drains on the mark in its Lease, stays, and goes back to work when it is removed', async () => {
    const worker = await bench.startWorker('marked');
    await until(async () => (await status(worker.url, '/readyz')) === 200 && beats('marked') !== undefined);
    bench.leases.annotate('marked', { [ANNOTATION.drain]: String(Date.now() / 1000 + 600) });
    await until(async () => (await status(worker.url, '/readyz')) === 503);
    await until(() => heartbeat('marked').state === 'draining');
    expect(await status(worker.url, '/healthz')).toBe(200);
    bench.leases.annotate('marked', { [ANNOTATION.drain]: undefined });
    await until(async () => (await status(worker.url, '/readyz')) === 200);
  });

  it('serves on while the API server is away', async () => {
    const worker = await bench.startWorker('steady');
    await until(async () => (await status(worker.url, '/readyz')) === 200);
    await bench.leases.pause();
    await until(() => worker.log().includes('can not be renewed'));
    const ids = range('steady', 3);
    for (const id of ids) await bench.submit(id);
    await answered(ids);
    expect(await status(worker.url, '/readyz')).toBe(200);
    await bench.leases.resume();
    await until(() => worker.log().includes('renewed again'));
  });

  it('turns unready when its model server forgets the model, and warms it again', async () => {
    const worker = await bench.startWorker('forgetful');
    await until(async () => (await status(worker.url, '/readyz')) === 200);
    worker.model.unload();
    await until(() => worker.log().includes('no longer loaded'));
    await until(async () => (await status(worker.url, '/readyz')) === 200);
  });

  it('answers each of many duplicates once', async () => {
    for (const name of ['dup-a', 'dup-b']) {
      const worker = await bench.startWorker(name, {}, { slots: 3, decodeRate: 100 });
      await until(async () => (await status(worker.url, '/readyz')) === 200);
    }
    const ids = range('dup', 10);
    let created = 0;
    const off = bench.front.onRequest(({ operation, status: code, input }) => {
      if (operation === 'PutObject' && String(input?.Key).startsWith('results/') && code === 200)
        created += 1;
    });
    for (const id of [...ids, ...ids, ...ids]) await bench.submit(id);
    await answered(ids);
    await until(() => {
      const counts = bench.front.queueCounts('requests');
      return counts !== undefined && Object.values(counts).every((n) => n === 0);
    });
    off();
    expect(created).toBe(10);
  });

  it('says what is missing in its environment, and ends with code 1', async () => {
    const worker = await bench.startWorker('poor', { PADDOCK_FLEET: '', PADDOCK_SLOTS: 'many' });
    expect(await worker.exit).toBe(1);
    expect(worker.log()).toMatch(/PADDOCK_FLEET is empty[\s\S]*PADDOCK_SLOTS is not a number/);
  });
});
