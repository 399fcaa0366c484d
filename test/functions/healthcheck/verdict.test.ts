import { DRAIN_COST } from '../../../core/protocol/names.ts';
import { createHandler } from '../../../functions/healthcheck/handler.ts';
import { giveVerdict, type VerdictDependencies } from '../../../functions/healthcheck/verdict.ts';
import { captured } from '../capture.ts';
import { context } from '../context.ts';
import { FLEET, QUEUE, START, World } from '../scaler/world.ts';

const DEAD = 'http://127.0.0.1/dead';

/** A fleet with one warm replica, its health read through fakes. */
async function health(changes: Partial<VerdictDependencies> = {}) {
  const world = new World();
  await world.tick();
  world.queue.queues.set(DEAD, { backlog: 0, inFlight: 0 });
  const asked: string[] = [];
  const deps: VerdictDependencies = {
    ...{ clusterName: 'test', fleets: [{ name: FLEET, deadLetterQueueUrl: DEAD }] },
    eks: {
      cluster: async () => ({ status: 'ACTIVE', version: '1.36', issues: [] }),
      nodeGroups: async () => [
        { name: 'test-cpu-main', status: 'ACTIVE', issues: [], autoScalingGroups: ['eks-main'] },
      ],
    },
    ...{ parameters: world.parameters, state: world.state, queue: world.queue, nodeGroups: world.nodeGroups },
    ...{ workloads: world.workloads, pods: world.pods, leases: world.leases, nodes: world.nodes },
    queueAge: { oldestSeconds: async () => 5 },
    askCanary: async ({ replica }) => {
      asked.push(replica);
      return { ok: true, value: { v: 1, models: [{ model: 'tiny', seconds: 0.1 }] } };
    },
    failedLaunches: { last: async () => undefined },
    spotFallback: { start: async () => true },
    log: { info() {}, warn() {}, error() {} },
    now: () => START + 2,
    readingTimeoutMs: 500,
    ...changes,
  };
  return { world, deps, asked };
}

const findings = async (deps: VerdictDependencies) =>
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
  Object.assign(world.nodes.items[1] ?? {}, {
    notReady: { since: 0, why: 'KubeletNotReady: no network' },
  });
  deps.queueAge = { oldestSeconds: async () => 1000 };
  expect((await findings(deps)).map(({ name, status }) => [name, status])).toEqual([
    ['pool cpu/main', 'degraded'],
    ['nodes cpu', 'degraded'],
    ['pods cpu', 'degraded'],
    ['queue cpu', 'unhealthy'],
    ['dead letters cpu', 'degraded'],
  ]);
});

it('is healthy while scale-in drains one of two old replicas', async () => {
  const { world, deps } = await health();
  world.addReplica('cpu-main-1');
  world.workload.replicas = 2;
  const draining = { containersReady: false, isReady: false, unreadySince: 0, deletionCost: DRAIN_COST };
  Object.assign(world.pods.items[1] ?? {}, draining);
  Object.assign(world.leases.items[1] ?? {}, { drainDeadline: START + 30 });
  expect(await findings(deps)).toEqual([]);
  Object.assign(world.pods.items[1] ?? {}, { deletionCost: undefined });
  Object.assign(world.leases.items[1] ?? {}, { drainDeadline: undefined });
  expect((await findings(deps)).map(({ name }) => name)).toEqual(['pool cpu/main', 'pods cpu']);
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

it('takes from the last tick which pools are left alone', async () => {
  const { world, deps } = await health();
  const [record] = await world.state.recentPlans(FLEET, 1);
  if (!record) throw new Error('no tick is stored');
  const reasonsOf = (...rules: string[]) =>
    rules.map((rule) => ({ rule, text: '', numbers: {}, pool: 'main' }));
  const after = (...rules: string[]) =>
    findings({
      ...deps,
      state: {
        recentPlans: async () => [{ ...record, plan: { ...record.plan, reasons: reasonsOf(...rules) } }],
      },
    });
  expect(await after('half-open')).toEqual([]);
  expect(await after('quarantine')).toMatchObject([
    {
      ...{ name: 'pool cpu/main', status: 'degraded' },
      evidence: expect.stringContaining('not asked for capacity'),
    },
  ]);
});

it('hands on launches that fail, and judges all the same', async () => {
  const issues = [{ code: 'AsgInstanceLaunchFailures', message: 'Could not launch Spot Instances.' }];
  const started: string[] = [];
  const { deps } = await health({
    eks: {
      cluster: async () => ({ status: 'ACTIVE', version: '1.36', issues: [] }),
      nodeGroups: async () => [
        { name: 'test-cpu-main', status: 'DEGRADED', issues, autoScalingGroups: ['eks-main'] },
      ],
    },
    failedLaunches: { last: async () => ({ activityId: 'a', at: START - 50, message: 'none' }) },
    spotFallback: { start: async (name) => started.push(name) > 0 },
  });
  expect(await findings(deps)).toMatchObject([{ name: 'node group test-cpu-main', status: 'degraded' }]);
  expect(started).toEqual(['issue-a']);
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
