import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AskCanary, askCanary, sendCanaries } from '../../../functions/healthcheck/canary.ts';
import { createHandler } from '../../../functions/healthcheck/handler.ts';
import type { HealthDependencies } from '../../../functions/healthcheck/observe.ts';
import { giveVerdict } from '../../../functions/healthcheck/verdict.ts';
import { captured } from '../capture.ts';
import { context } from '../context.ts';
import { FLEET, QUEUE, START, World } from '../scaler/world.ts';

const DEAD = 'http://127.0.0.1/dead';

/** A fleet with one warm replica, its health read through fakes. */
async function health(changes: Partial<HealthDependencies> = {}) {
  const world = new World();
  await world.tick();
  world.queue.queues.set(DEAD, { backlog: 0, inFlight: 0 });
  const asked: string[] = [];
  const deps: HealthDependencies = {
    ...{ clusterName: 'test', fleets: [{ name: FLEET, deadLetterQueueUrl: DEAD }] },
    eks: {
      cluster: async () => ({ status: 'ACTIVE', version: '1.36', issues: [] }),
      nodeGroups: async () => [{ name: 'test-cpu-main', status: 'ACTIVE', issues: [] }],
    },
    ...{ parameters: world.parameters, state: world.state, queue: world.queue, nodeGroups: world.nodeGroups },
    ...{ workloads: world.workloads, pods: world.pods, leases: world.leases, nodes: world.nodes },
    queueAge: { oldestSeconds: async () => 5 },
    askCanary: async ({ replica }) => {
      asked.push(replica);
      return { ok: true, value: { v: 1, models: [{ model: 'tiny', seconds: 0.1 }] } };
    },
    now: () => START + 2,
    readingTimeoutMs: 500,
    ...changes,
  };
  return { world, deps, asked };
}

const findings = async (deps: HealthDependencies) =>
  (await giveVerdict(deps)).checks.filter(({ status }) => status !== 'healthy');

it('reads everything once, and finds a fleet that serves healthy', async () => {
  const { world, deps, asked } = await health();
  world.pods.calls.length = 0;
  expect(await giveVerdict(deps)).toMatchObject({ verdict: 'healthy' });
  expect(asked).toEqual(['cpu-main-0']);
  expect(world.pods.callsOf('list')).toHaveLength(1);
});

it('tells what is wrong where', async () => {
  const { world, deps } = await health();
  world.queue.queues.set(QUEUE, { backlog: 3, inFlight: 1 });
  world.queue.queues.set(DEAD, { backlog: 1, inFlight: 1 });
  world.addReplica('cpu-main-1');
  Object.assign(world.pods.items[1] ?? {}, {
    trouble: 'ollama CrashLoopBackOff after 3 restarts',
    isReady: false,
  });
  Object.assign(world.nodes.items[1] ?? {}, { notReady: 'KubeletNotReady: no network' });
  deps.queueAge = { oldestSeconds: async () => 1000 };
  expect((await findings(deps)).map(({ name, status }) => [name, status])).toEqual([
    ['pool cpu/main', 'degraded'],
    ['nodes cpu', 'degraded'],
    ['pods cpu', 'degraded'],
    ['queue cpu', 'unhealthy'],
    ['dead letters cpu', 'degraded'],
  ]);
});

it('goes on when single readings fail or hang, and calls those unknown', async () => {
  const { world, deps } = await health({
    readingTimeoutMs: 50,
    queueAge: { oldestSeconds: () => new Promise(() => {}) },
    eks: {
      cluster: () => Promise.reject(new Error('describe the cluster: AccessDenied')),
      nodeGroups: async () => [],
    },
  });
  world.queue.queues.set(QUEUE, { backlog: 3, inFlight: 1 });
  world.leases.fail('list');
  expect(await findings(deps)).toMatchObject([
    { name: 'cluster', status: 'unknown', evidence: 'not read: describe the cluster: AccessDenied' },
    { name: 'models cpu', status: 'unknown' },
    { name: 'queue cpu', status: 'unknown', evidence: expect.stringContaining('no answer within 50 ms') },
  ]);
});

it('a fleet whose parameter is gone is unknown, the others are judged', async () => {
  const { deps } = await health();
  const seen = await giveVerdict({
    ...deps,
    fleets: [{ name: 'gone', deadLetterQueueUrl: DEAD }, ...deps.fleets],
  });
  expect(seen.verdict).toBe('degraded');
  expect(seen.checks).toContainEqual(expect.objectContaining({ name: 'fleet gone', status: 'unknown' }));
  expect(seen.checks).toContainEqual(expect.objectContaining({ name: 'models cpu', status: 'healthy' }));
});

it('as a function: gives the verdict, measures it, and logs what is wrong', async () => {
  const { world, deps } = await health();
  world.queue.queues.set(DEAD, { backlog: 1, inFlight: 0 });
  const connections = {
    verdict: () => deps,
    sweep: (): never => {
      throw new Error('a verdict needs no sweep');
    },
  };
  const { result, lines } = await captured(() => createHandler(connections)({ duty: 'verdict' }, context));
  expect(result).toMatchObject({ verdict: 'degraded' });
  expect(lines).toContainEqual(expect.objectContaining({ HealthVerdict: 1, FailingChecks: 1 }));
  expect(lines).toContainEqual(
    expect.objectContaining({
      message: 'The system is degraded',
      checks: [expect.objectContaining({ name: 'dead letters cpu' })],
    }),
  );
});

describe('canaries', () => {
  const targets = ['a', 'b', 'c', 'd'].map((replica) => ({ replica, ip: replica }));
  const good: Awaited<ReturnType<AskCanary>> = {
    ok: true,
    value: { v: 1, models: [{ model: 'm', seconds: 0 }] },
  };
  const busy: Awaited<ReturnType<AskCanary>> = { ok: true, value: { v: 1, refused: 'busy', models: [] } };

  it('go to another replica each minute, and stop at the first that answers', async () => {
    const first = async (minute: number) =>
      (await sendCanaries(targets, async () => good, minute)).map((one) => one.replica);
    expect([await first(0), await first(1), await first(5)]).toEqual([['a'], ['b'], ['b']]);
  });

  it('try three replicas at most', async () => {
    const answers = await sendCanaries(targets, async () => busy, 3);
    expect(answers.map(({ replica }) => replica)).toEqual(['d', 'a', 'b']);
    expect(await sendCanaries([], async () => busy, 3)).toEqual([]);
  });

  let server: Server;
  let answer: [number, string];
  beforeAll(async () => {
    server = createServer((request, response) => {
      if (answer[0] === 0) return;
      response
        .writeHead(request.url === '/canary' && request.method === 'POST' ? answer[0] : 404)
        .end(answer[1]);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const ask = (timeoutMs?: number) =>
    askCanary((server.address() as AddressInfo).port, timeoutMs)({ replica: 'a', ip: '127.0.0.1' });

  it.each([
    [200, JSON.stringify(good.ok && good.value), good],
    [503, JSON.stringify(busy.ok && busy.value), busy],
    [
      404,
      '{"error":"POST /canary: only inference"}',
      { ok: false, error: expect.stringContaining('answered 404') },
    ],
    [200, 'no json', { ok: false, error: expect.stringContaining('no json') }],
  ])('understand an answer of %i %s', async (status, body, expected) => {
    answer = [status, body];
    expect(await ask()).toEqual(expected);
  });

  it('say so when a worker hangs or is not there', async () => {
    answer = [0, ''];
    expect(await ask(50)).toMatchObject({ ok: false, error: expect.stringMatching(/time-?out/i) });
    expect(await askCanary(1)({ replica: 'a', ip: '127.0.0.1' })).toMatchObject({ ok: false });
  });
});
