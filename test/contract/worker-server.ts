import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { METRICS_PORT } from '../../core/protocol/names.ts';
import { until, WorkerBench, type WorkerProcess } from '../worker/harness.ts';

/** A model server for one worker. */
export interface Server {
  /** Address at whose port 11434 it listens. */
  host: string;
  /** Its models' folder. */
  disk: string;
  /** As an out-of-memory kill does it. */
  kill(): Promise<unknown>;
}

export const FLEET_MODEL = 'llama3.1:8b';
const MESSAGES = [{ role: 'user', content: 'Hello' }];

/**
 * What becomes of requests between the bundled worker and its model server, whichever it is.
 *
 * @param start a server with one slot that has `FLEET_MODEL` on its disk and not in memory
 */
export function workerServerContract(name: string, start: (host: string) => Promise<Server>): void {
  describe(`${name}: the bundled worker and its model server`, () => {
    const bench = new WorkerBench();
    let server: Server;
    let worker: WorkerProcess;
    beforeAll(async () => {
      await bench.start();
      server = await start('127.30.1.1');
      worker = run('one', server);
      await ready(worker);
    });
    afterAll(() => bench.stop());

    const run = (pod: string, { host, disk, kill }: Server): WorkerProcess =>
      bench.startWorkerAt(pod, { host, disk, slots: 1, models: [FLEET_MODEL] }, {}, kill);
    const readiness = async ({ url }: WorkerProcess) =>
      (await fetch(`${url}/readyz`).catch(() => undefined))?.status;
    const ready = (which: WorkerProcess) => until(async () => (await readiness(which)) === 200);
    const answer = async (id: string, path: string, body: object) => {
      await bench.submit(id, { path, body: { model: FLEET_MODEL, ...body } });
      await until(async () => (await bench.result(id)) !== undefined);
      return await bench.result(id);
    };
    /** At its door, not in its heartbeat: that comes later, and the answer may be over by then. */
    const isBusy = async ({ host }: Server) => {
      const page = await (await fetch(`http://${host}:${METRICS_PORT}/metrics`)).text();
      return /paddock_worker_slots_busy\{[^}]*kind="queue"[^}]*\} 1$/m.test(page);
    };
    const post = (base: string, path: string, body: object) =>
      fetch(`${base}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: FLEET_MODEL, ...body }),
      });

    it('is warm: the model is in memory, and stays there', async () => {
      const { models } = (await (await fetch(`${worker.url}/api/ps`)).json()) as {
        models: { name: string }[];
      };
      expect(models.map((model) => model.name)).toEqual([FLEET_MODEL]);
    });

    it.each([
      ['/api/generate', { prompt: 'Hello', options: { num_predict: 3 } }, { response: expect.any(String) }],
      ['/api/chat', { messages: MESSAGES, options: { num_predict: 3 } }, { message: { role: 'assistant' } }],
      ['/v1/chat/completions', { messages: MESSAGES, max_tokens: 3 }, { usage: { completion_tokens: 3 } }],
      ['/v1/responses', { input: 'Hello', max_output_tokens: 3 }, { usage: { output_tokens: 3 } }],
    ])('answers %s from the queue', async (path, body, expected) => {
      const result = await answer(`queued${path.replaceAll('/', '-')}`, path, body);
      expect(result).toMatchObject({ status: 'completed', replica: 'one', response: expected });
    });

    it('passes a stream on as it comes', async () => {
      const reply = await post(worker.url, '/api/generate', {
        ...{ prompt: 'Hello', options: { num_predict: 8 } },
      });
      const lines = (await reply.text()).trim().split('\n');
      expect(lines.length).toBeGreaterThan(2);
      expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ done: true, eval_count: 8 });
      const events = await (
        await post(worker.url, '/v1/chat/completions', { messages: MESSAGES, max_tokens: 4, stream: true })
      ).text();
      expect(events).toMatch(/^data: \{[\s\S]*data: \[DONE\]\s*$/);
    });

    it.each([
      ['embeddings', '/v1/embeddings', { input: 'x' }, /does not support embeddings/],
      ['an option', '/api/generate', { prompt: 'x', options: { num_predict: 'many' } }, /must be of type/],
      ['a format', '/api/generate', { prompt: 'x', format: 'nope' }, /invalid format/],
    ])('fails at once what can never be answered: %s', async (what, path, body, message) => {
      const result = await answer(`refused-${what.replaceAll(' ', '-')}`, path, body);
      expect(result).toMatchObject({
        status: 'failed',
        error: { message: expect.stringMatching(message) },
      });
      expect(bench.front.queueCounts('dead-letters')).toMatchObject({ visible: 0 });
    });

    it('turns unready when the model is unloaded behind its back, and loads it again', async () => {
      await post(`http://${server.host}:11434`, '/api/generate', { keep_alive: 0 });
      await until(() => worker.log().includes('no longer loaded'));
      await ready(worker);
    });

    it('loses nothing when the server is killed in the middle: another replica answers', async () => {
      await bench.submit('cut', {
        body: { model: FLEET_MODEL, prompt: 'Hello', options: { num_predict: 60 } },
      });
      await until(() => isBusy(server));
      await server.kill();
      await until(async () => (await readiness(worker)) === 503);
      expect(await bench.result('cut')).toBeUndefined();
      await ready(run('two', await start('127.30.1.2')));
      await until(async () => (await bench.result('cut')) !== undefined);
      expect(await bench.result('cut')).toMatchObject({ status: 'completed', replica: 'two' });
    });
  });
}
