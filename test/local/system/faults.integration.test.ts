import type { Verdict } from '../../../core/protocol/verdict.ts';
import type { AwsService } from '../../../local/front/types.ts';
import { recordedCalls } from '../../../local/permissions/recorder.ts';
import type { Execution } from '../../../local/step-functions/engine.ts';
import { expectRecorded } from '../../permissions/recordings.ts';
import { BUILD_TIMEOUT_MS, until } from '../cluster/support.ts';
import {
  expectMinimum,
  loadToTheMaximum,
  tick,
  verdictOf,
  watchForShrinking,
  watchScaleIn,
} from './actions.ts';
import { FLEET, MAX_REPLICAS } from './config.ts';
import { TestSystem, writtenItem } from './fixture.ts';
import { commandLine, descendants, handlesBeyond, openHandles } from './processes.ts';

/** Longer than the fleet holds what it has: 6 ticks of a second, or 1.5 of its lead times. */
const LONGER_THAN_THE_HOLD_MS = 9_000;

const before = { processes: descendants(), handles: openHandles() };
let t: TestSystem;
let isStopped = false;

beforeAll(async () => {
  t = await TestSystem.start();
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  if (!isStopped) await t?.stop();
});

describe('two ticks at once', () => {
  let backlog: string[] = [];

  it('decided from the same memory: one acts, the other leaves', async () => {
    backlog = await t.submit(30);
    // Events that are refused load two processes, so that the ticks really run side by side.
    await Promise.all([1, 2].map(() => t.system.lambda.invoke(t.system.scalerName, {})));
    const statuses: number[] = [];
    const unlisten = t.system.front.onRequest((event) => {
      if (writtenItem(event) === 'memory') statuses.push(event.status);
    });
    // Slow writes: both have read the memory before either writes it.
    const heal = t.system.front.inject({
      service: 'dynamodb',
      operation: 'PutItem',
      kind: 'delay',
      delayMs: 1200,
    });
    const ticks = await Promise.all([tick(t, 'twin'), tick(t, 'twin')]);
    heal();
    unlisten();
    const results = ticks.map(({ result }) => result);
    expect(results.map((result) => result?.outcome).sort()).toEqual(['left', 'ticked']);
    expect(statuses.sort()).toEqual([200, 400]);
    expect(results.find((result) => result?.outcome === 'left')).toMatchObject({ setNodes: [], warmUps: [] });
    await t.until('one step', () => t.pool.desired > 1);
    expect(t.pool.desired).toBe(2);
  });

  it('of two executions: one goes on, the other leaves; the one hands over, and Auto Scaling is asked once', async () => {
    // Near the end of an Express execution's time: its first tick is its last.
    const pair = [1, 2].map(() => t.scale({ ageSeconds: 270, after: 'twin' }));
    const outcomeOf = ({ output }: Execution): string => JSON.parse(output ?? '{}').tick?.outcome;
    await t.until('the end of both', () => pair.every(({ status }) => status === 'SUCCEEDED'));
    expect(pair.map(outcomeOf).sort()).toEqual(['left', 'ticked']);
    const successors = t.executions().filter(({ input }) => JSON.parse(input).trigger === 'loop');
    expect(successors.map(({ status }) => status)).toEqual(['RUNNING']);
    await t.whenSettledAt(MAX_REPLICAS);
    expect(t.seen.desired).toEqual([1, 2, 3]);
    expect(t.seen.capacity).toEqual([{ kind: 'set', desired: 3, ok: true }]);
    await t.addTriggers();
    await t.whenAnswered(backlog);
  });
});

it('after the load the drained replicas leave without a cut-off, and exactly their nodes with them', async () => {
  const load = await loadToTheMaximum(t);
  const expectScaleIn = await watchScaleIn(t);
  await t.whenAnswered(load);
  await expectScaleIn();
});

it('a tick that is killed half-way, twice, is repaired by the next', async () => {
  const [calls, sizes] = [t.seen.capacity.length, t.seen.desired.length];
  const kills: { at: string; capacityCalls: number }[] = [];
  const killAt = (what: 'memory' | 'plan#') =>
    new Promise<void>((resolve) => {
      const unlisten = t.system.front.onRequest((event) => {
        if (!writtenItem(event)?.startsWith(what) || event.status !== 200) return;
        const { Item } = event.input as { Item: { plan?: { M: { summary: { S: string } } } } };
        if (Item.plan && Item.plan.M.summary.S !== 'scale-out') return;
        unlisten();
        t.system.lambda.kill(t.system.scalerName);
        kills.push({ at: what, capacityCalls: t.seen.capacity.length - calls });
        resolve();
      });
    });

  const load = await t.submit(90);
  // It has decided and remembered, and done nothing.
  await killAt('memory');
  // It has raised the replicas, and the state machine never hears of the nodes.
  await killAt('plan#');
  await t.until('the replicas of the killed tick', () => t.pool.desired > 1);
  expect(kills).toEqual([
    { at: 'memory', capacityCalls: 0 },
    { at: 'plan#', capacityCalls: 0 },
  ]);

  await t.whenSettledAt(MAX_REPLICAS);
  expect(t.seen.desired.slice(sizes)).toEqual([2, 3]);
  expect(t.seen.capacity.slice(calls)).toEqual([{ kind: 'set', desired: 3, ok: true }]);
  await t.whenAnswered(load);
});

it('a worker that crashes in mid-request comes back, and the others serve on', async () => {
  const load = await t.submit(9);
  const started = await t.until('a request in service', () =>
    t.seen.models.find((event) => event.kind === 'started' && load.includes(event.requestId)),
  );
  t.crashed.add(started.requestId);
  expect(t.system.pods.crash(started.pod)).toBe(true);
  expect(t.isWritten(started.requestId)).toBe(false);
  await t.whenAnswered(load.filter((id) => !t.crashed.has(id)));
  await t.until('its worker to be warm again', () => t.pool.warm === t.pool.desired);
});

describe('a replica', () => {
  const ready = () => t.system.watch.livePods.filter(({ isReady }) => isReady);

  // None that is about to drain.
  beforeEach(() => t.whenSettledAt(1));

  it('whose model server restarts is unready until it is warm again, and asked nothing meanwhile', async () => {
    const [pod] = ready();
    if (!pod) throw new Error('no replica is ready');
    // Longer than two probes take, which make it unready.
    await t.system.models.restart?.(pod.name, 8);
    await t.until('it to be unready', () => ready().every(({ uid }) => uid !== pod.uid));
    // For more another replica would be asked, and this one would be the first to go.
    const load = await t.submit(1);
    await t.until('it to be ready again', () => ready().some(({ uid }) => uid === pod.uid));
    await t.whenAnswered(load);
    expect(t.seen.models.filter(({ kind }) => kind === 'cold')).toEqual([]);
  });

  it('whose model server forgets its model has it loaded and asked again', async () => {
    const [pod] = ready();
    if (!pod) throw new Error('no replica is ready');
    const events = t.seen.models.length;
    await t.system.models.unload?.(pod.name);
    await t.until('a token of its warm-up', () =>
      t.seen.models
        .slice(events)
        .some((event) => event.pod === pod.name && event.kind === 'finished' && event.requestId === ''),
    );
    await t.until('it to be ready', () => ready().some(({ uid }) => uid === pod.uid));
    await t.whenAnswered(await t.submit(3));
    expect(t.seen.models.filter(({ kind }) => kind === 'cold')).toEqual([]);
  });
});

describe('an endpoint that is down: nothing shrinks, the failure is named, and all goes on by itself', () => {
  const endpoints: [AwsService, RegExp][] = [
    ['sqs', /read the counters of the queue .*cpu/],
    ['autoscaling', /describe the Auto Scaling groups/],
    ['dynamodb', /take the lease of the fleet cpu in the table/],
  ];
  it.each(endpoints)('%s', async (service, named) => {
    const load = await loadToTheMaximum(t);
    const expectNoShrinking = watchForShrinking(t);
    const heal = t.system.front.inject({ service, kind: 'down' });
    const downUntil = Date.now() + LONGER_THAN_THE_HOLD_MS;
    try {
      if (service === 'dynamodb') {
        // Without the table no plan can be stored: this is what a failed execution states as its cause.
        expect((await tick(t, 'while the table is down')).error).toMatch(named);
      } else {
        await t.nextPlan(`that names ${service}`, ({ failures }) =>
          failures.some((text) => named.test(text)),
        );
      }
      if (service !== 'sqs') {
        load.push(...(await t.submit(3)));
        await t.whenAnswered(load);
      }
      await t.until('the hold to be over', () => Date.now() > downUntil);
      expectNoShrinking();
    } finally {
      heal();
    }
    const { plan } = await t.nextPlan(
      'that drains',
      ({ failures, plan: { commands } }) =>
        failures.length === 0 && commands.some(({ kind }) => kind === 'drain'),
    );
    expect(plan.summary).toBe('scale-in');
    await t.whenAnswered(load);
  });

  it('the API server, restarted in mid-scale-in', async () => {
    const load = await loadToTheMaximum(t);
    await t.nextPlan('that drains', ({ plan }) => plan.commands.some(({ kind }) => kind === 'drain'));
    const restart = t.system.cluster.restartApiserver();
    load.push(...(await t.submit(3)));
    const failed = await t.nextPlan('that names the API server', ({ failures }) =>
      failures.some((text) => text.includes(t.system.cluster.server)),
    );
    expect(failed.plan.commands).toEqual([]);
    await restart;
    await t.nextPlan('without a failure', ({ failures }) => failures.length === 0);
    await t.whenAnswered(load);
    // Which pods go is not asserted: right after a restart the ReplicaSet controller may choose from a stale cache, as
    // deletion costs are honoured at best effort. A pod chosen so drains on SIGTERM.
    await expectMinimum(t);
  });
});

it('messages that are delivered twice are answered once', async () => {
  const heal = t.system.front.inject({
    service: 'sqs',
    operation: 'ReceiveMessage',
    kind: 'duplicate',
    rate: 0.5,
  });
  const load = await t.submit(20);
  try {
    await t.whenAnswered(load);
    await t.until('a second delivery', () => load.some((id) => (t.seen.looks.get(id) ?? 0) > 1));
  } finally {
    heal();
  }
  await t.whenQueueIsEmpty();
  expect(load.map((id) => t.seen.writes.get(id))).toEqual(load.map(() => 1));
});

describe('the health check', () => {
  const statuses = ({ checks }: Verdict) =>
    Object.fromEntries(checks.map(({ name, status }) => [name, status]));

  it('finds healthy what serves, by a token of its models, and keeps nothing awake by looking', async () => {
    await t.until('the replicas to be warm', () => t.pool.warm === t.pool.desired);
    const begun = t.seen.models.length;
    // What the test before has left may show for a while.
    const { checks } = await until('nothing to be found', async () => {
      const seen = await verdictOf(t);
      return seen.verdict === 'healthy' && seen.checks.every(({ status }) => status === 'healthy') && seen;
    });
    expect(checks.find(({ name }) => name === `models ${FLEET}`)?.evidence).toMatch(/answers on cpu-/);
    await t.nextPlan('after it', () => true);
    const [last] = t.seen.plans.slice(-1);
    expect(last?.plan.numbers.busyInteractive).toBe(0);
    expect(t.seen.models.length).toBeGreaterThanOrEqual(begun);
  });

  it('sees what waits, and calls unknown what it can not read', async () => {
    const load = await t.submit(60);
    const busy = await verdictOf(t);
    expect(busy.checks.find(({ name }) => name === `queue ${FLEET}`)?.evidence).toMatch(/[1-9]\d* waiting/);
    const heal = t.system.front.inject({ service: 'sqs', kind: 'down' });
    try {
      const blind = await verdictOf(t);
      expect(blind.verdict).not.toBe('healthy');
      expect(statuses(blind)).toMatchObject({
        [`queue ${FLEET}`]: 'unknown',
        [`dead letters ${FLEET}`]: 'unknown',
        cluster: 'healthy',
      });
    } finally {
      heal();
    }
    await t.whenAnswered(load);
  });
});

it('every request that was ever sent was answered once, and nothing is left in a queue', async () => {
  await t.whenAnswered(t.submitted);
  await t.whenQueueIsEmpty();
  expect(t.system.front.queueNames().filter((name) => !t.isEmpty(name))).toEqual([]);
  expect(await t.statuses(t.submitted)).toEqual(t.submitted.map(() => 'completed'));
  expect([...t.seen.writes]).toEqual(expect.arrayContaining(t.submitted.map((id) => [id, 1])));
  expect(t.cutOffs()).toEqual([]);
});

it('every call was allowed, and is one that the permissions are tested with', async () => {
  expectRecorded('system-faults', await recordedCalls(t.system));
});

it('a stop leaves no process and no open handle behind', async () => {
  isStopped = true;
  await t.stop();
  const processes = descendants().filter((pid) => !before.processes.includes(pid));
  expect(processes.map(commandLine)).toEqual([]);
  expect(await handlesBeyond(before.handles)).toEqual([]);
});
