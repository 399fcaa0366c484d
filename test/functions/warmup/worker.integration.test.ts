import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SyntheticServer } from '../../../local/model-server/server.ts';
import { until, WorkerBench } from '../../worker/harness.ts';
import { Attempts, knock } from './attempts.ts';

let bench: WorkerBench;

beforeAll(async () => {
  bench = new WorkerBench();
  await bench.start();
});
afterAll(() => bench.stop());

const cold = (pod: string) => bench.events.filter((event) => event.kind === 'cold' && event.pod === pod);

describe('a warm-up of a real worker', () => {
  it('whose model server is restarted in the middle of a load ends warm, and no request met it cold', async () => {
    const worker = await bench.startWorker('mid-load', {}, { loadableAt: Date.now() + 600_000 });
    await until(async () => (await fetch(`${worker.url}/healthz`).catch(() => undefined))?.status === 200);
    const knocking = knock(worker);
    const attempts = new Attempts('mid-load', worker);
    const end = attempts.run('first');
    await until(async () => {
      const answer = await fetch(`${worker.url}/warm`);
      return ((await answer.json()) as { models: { phase: string }[] }).models[0]?.phase === 'loading';
    });
    expect(attempts.isGateOpen).toBe(false);
    worker.model.restart(0.5);
    expect(await end).toBe('warm');
    expect(attempts.isGateOpen).toBe(true);
    await until(() => knocking.statuses.includes(200));
    await knocking.stop();
    expect(knocking.statuses).toContain(503);
    expect(cold('mid-load')).toEqual([]);
  });

  it('that lost its server again and again refuses until it is warm once more', async () => {
    const worker = await bench.startWorker('restarts');
    const attempts = new Attempts('restarts', worker);
    expect(await attempts.run('first')).toBe('warm');
    const knocking = knock(worker);
    for (let times = 0; times < 10; times += 1) {
      const before = knocking.statuses.length;
      await until(() => knocking.statuses.slice(before).includes(200));
      worker.model.restart(0.05);
    }
    expect(await attempts.run('again')).toBe('warm');
    await knocking.stop();
    expect(cold('restarts')).toEqual([]);
  });

  it('is the same for two attempts at once, and for one whose caller went away in the middle', async () => {
    const spec = { host: '127.30.2.1', slots: 1, models: ['tiny'], disk: join(bench.dir, 'disks', 'twice') };
    let model: SyntheticServer | undefined;
    const worker = bench.startWorkerAt('twice', spec, {}, async () => model?.close());
    await until(async () => (await fetch(`${worker.url}/healthz`).catch(() => undefined))?.status === 200);
    // Only now: however long the worker took to start, the caller leaves before the model can be loaded.
    model = new SyntheticServer(
      { ...spec, pod: 'twice', port: 11434, loadableAt: Date.now() + 2500 },
      (event) => bench.events.push(event),
    );
    await model.listen();
    const attempts = new Attempts('twice', worker);
    // A function that runs out of time hangs up; the worker goes on.
    const timedOut = fetch(`${worker.url}/warm?wait=60&attempt=lost`, {
      ...{ method: 'POST', signal: AbortSignal.timeout(200) },
    });
    await expect(timedOut).rejects.toThrow();
    const both = Promise.all([attempts.run('one'), attempts.run('other')]);
    expect(await both).toEqual(['warm', 'warm']);
    expect(bench.events.filter(({ kind, pod }) => pod === 'twice' && kind === 'finished')).toHaveLength(1);
    expect(cold('twice')).toEqual([]);
  });
});
