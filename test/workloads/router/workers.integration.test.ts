import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type RunningWorker, until, WorkerBench } from '../../worker/harness.ts';
import { TestRouter } from './harness.ts';
import { describeWithNginx } from './with-nginx.ts';

const SLOW = { serviceSeconds: 1000 };
const FAST = { serviceSeconds: 0.02 };

describeWithNginx('the router before real workers', () => {
  let bench: WorkerBench;
  let workers: RunningWorker[];
  let router: TestRouter;

  beforeAll(async () => {
    bench = new WorkerBench();
    await bench.start();
    workers = [];
    for (const [index, rates] of [SLOW, SLOW, FAST, FAST].entries())
      workers.push(await bench.startWorker(`w${index}`, {}, rates));
    for (const { url } of workers)
      await until(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.status === 200);
    router = await new TestRouter({ cpu: workers.map(({ url }) => url.replace('http://', '')) }).start();
  });

  afterAll(async () => {
    await router?.stop();
    await bench?.stop();
  });

  const chat = (id: string, prompt = 'Why?') =>
    router.ask(
      '/api/generate',
      {
        headers: { 'x-paddock-request-id': id },
        body: JSON.stringify({ model: 'tiny', prompt, stream: false }),
      },
      'backend',
    );
  const startsOf = (id: string) =>
    bench.events.filter(({ kind, requestId }) => kind === 'started' && requestId === id).length;

  /** Keeps the slow workers busy until the returned answers are given up: undici drops an answer that nobody holds. */
  async function holdSlowOnes(signal: AbortSignal): Promise<Response[]> {
    const held: Response[] = [];
    for (const { url } of workers.slice(0, 2))
      await until(async () => {
        const answer = await fetch(`${url}/api/generate`, {
          method: 'POST',
          body: JSON.stringify({ model: 'tiny', prompt: 'long' }),
          signal,
        });
        // One that is still ending what the last test left refuses: without this it would be free, and take a request.
        if (answer.status === 200) held.push(answer);
        return answer.status === 200;
      });
    return held;
  }

  it('passes 4 MB prompts by full workers, every time', async () => {
    const leave = new AbortController();
    const held = await holdSlowOnes(leave.signal);
    const prompt = 'x'.repeat(4_000_000);
    for (let round = 0; round < 30; round += 1) {
      const answer = await chat(`large-${round}`, prompt);
      expect(answer.status).toBe(200);
      expect(startsOf(`large-${round}`)).toBe(1);
    }
    leave.abort();
    await Promise.allSettled(held.map((answer) => answer.text()));
  });

  it('starts nothing twice while a worker is killed under load', async () => {
    const leave = new AbortController();
    const held = await holdSlowOnes(leave.signal);
    const statuses: number[] = [];
    const client = async (name: string) => {
      for (let round = 0; round < 40; round += 1) {
        const id = `${name}-${round}`;
        const answer = await chat(id).catch(() => ({ status: 0 }));
        statuses.push(answer.status);
        expect(startsOf(id)).toBeLessThanOrEqual(1);
        if (answer.status === 200) expect(startsOf(id)).toBe(1);
        if (name === 'a' && round === 15) workers[3]?.process.kill('SIGKILL');
      }
    };
    await Promise.all(['a', 'b', 'c'].map(client));
    expect(statuses).toHaveLength(120);
    // Served, refused as full, or lost with the worker: nothing else.
    expect(new Set(statuses.filter((status) => ![200, 503, 502, 0].includes(status)))).toEqual(new Set());
    // No client had more than one request at that worker.
    expect(statuses.filter((status) => status === 502 || status === 0).length).toBeLessThanOrEqual(3);
    leave.abort();
    await Promise.allSettled(held.map((answer) => answer.text()));
  });
});
