/**
 * What scale-in and failing spot capacity do to requests that are being served, on the real local system and by the word of the
 * model servers. Up to four minutes each, so CI leaves them out: `npm run accept -- capacity`.
 */
import { jest } from '@jest/globals';
import type { CostReport } from '../../core/cost/cost.ts';
import { LABEL, NAMESPACE } from '../../core/protocol/names.ts';
import type { Command, FleetPolicy } from '../../core/scaling/types.ts';
import type { ServerEvent } from '../../local/model-server/types.ts';
import { Level } from '../../local/scenarios/recorder.ts';
import { paddock } from '../cli/paddock.ts';
import { BUILD_TIMEOUT_MS } from '../local/cluster/support.ts';
import { config, FLEET, POOL, SPOT, SPOT_SERVICE_SECONDS, spotConfig } from '../local/system/config.ts';
import { TestSystem } from '../local/system/fixture.ts';

jest.setTimeout(300_000);

let t: TestSystem;

afterEach(async () => {
  await t?.stop();
});

/** Events of a kind, of these requests or all. */
const seen = (kind: ServerEvent['kind'], ids?: readonly string[]) =>
  t.seen.models.filter((event) => event.kind === kind && (!ids || ids.includes(event.requestId)));

/** Requests that are being served, by pod, as the model servers tell it. */
function busy(): Map<string, string[]> {
  const pods = new Map<string, string[]>();
  for (const { kind, pod, requestId } of t.seen.models) {
    const before = pods.get(pod) ?? [];
    if (kind === 'started') pods.set(pod, [...before, requestId]);
    else
      pods.set(
        pod,
        before.filter((id) => id !== requestId),
      );
  }
  return new Map([...pods].filter(([, ids]) => ids.length > 0));
}

describe('scale-in with every replica busy', () => {
  /** Longer than the scaler keeps a fleet's parameters. */
  const SECONDS = 90;
  const KEPT_SECONDS = 75;

  /** Two replicas of two slots, each of which serves two requests of that many seconds; their ids. */
  async function allBusy(drainDeadlineSeconds: number, seconds = SECONDS): Promise<string[]> {
    const base = config();
    const fleets = base.fleets.map((fleet) => ({
      ...fleet,
      policy: { ...fleet.policy, minReplicas: 2, maxReplicas: 2, idleSeconds: 5, drainDeadlineSeconds },
      pools: fleet.pools.map((pool) => ({ ...pool, max: 2, slots: 2, expectedSecondsPerRequest: seconds })),
    }));
    t = await TestSystem.start({ ...base, fleets }, { serviceSeconds: 'by-request' });
    await t.addTriggers();
    t.scale({ ageSeconds: 0, after: '' });
    await t.whenSettledAt(2, 60);
    const ids = await t.submit(4, seconds);
    await t.until('four requests in service', () => seen('started', ids).length === 4);
    expect([...busy().values()].map((served) => served.length)).toEqual([2, 2]);
    return ids;
  }

  /** As a deployment with other bounds does. */
  function redeploy(change: Partial<FleetPolicy>): void {
    const { ssm } = t.system.emulators;
    const Name = `/paddock/${t.system.config.cluster.name}/fleets/${FLEET}`;
    const stored = JSON.parse(ssm.getParameter({ Name }).Parameter?.Value ?? '');
    const Value = JSON.stringify({ ...stored, policy: { ...stored.policy, ...change } });
    ssm.putParameter({ Name, Value, Overwrite: true });
  }

  const commands = (kind: Command['kind']): Command[] =>
    t.seen.plans.flatMap(({ plan }) => plan.commands.filter((command) => command.kind === kind));

  async function victims(count: number): Promise<string[]> {
    const drains = () => commands('drain').flatMap((one) => (one.kind === 'drain' ? [one.replica] : []));
    await t.until(`${count} drains`, () => new Set(drains()).size === count, KEPT_SECONDS);
    return [...new Set(drains())];
  }

  const terminated = () => t.seen.capacity.filter((call) => call.kind === 'terminate' && call.ok);
  const writtenOnce = (ids: string[]) =>
    expect(ids.map((id) => t.seen.writes.get(id))).toEqual(ids.map(() => 1));

  it('lets the replica that drains finish, and then exactly its node goes', async () => {
    const ids = await allBusy(120);
    const before = await nodes();
    redeploy({ minReplicas: 1, maxReplicas: 1 });
    const [victim = ''] = await victims(1);
    expect(busy().size).toBe(2);
    const itsNode = (await t.core.readNamespacedPod({ namespace: NAMESPACE, name: victim })).spec?.nodeName;
    await t.whenAnswered(ids, SECONDS);
    await t.whenSettledAt(1, 60);
    expect(seen('finished', ids).filter(({ pod }) => pod === victim)).toHaveLength(2);
    expect(seen('cut-off')).toEqual([]);
    expect(terminated()).toHaveLength(1);
    expect(before.filter((node) => node !== itsNode)).toEqual(await nodes());
    writtenOnce(ids);
  });

  it('goes to zero when all have finished; what waits is kept, and served when there may be replicas again', async () => {
    const ids = await allBusy(120);
    redeploy({ minReplicas: 0, maxReplicas: 0 });
    await victims(2);
    expect(busy().size).toBe(2);
    const waiting = await t.submit(3, 1);
    await t.whenAnswered(ids, SECONDS);
    await t.whenSettledAt(0, 60);
    expect(seen('cut-off')).toEqual([]);
    expect(seen('started', waiting)).toEqual([]);
    redeploy({ minReplicas: 0, maxReplicas: 2 });
    await t.whenAnswered(waiting, KEPT_SECONDS + 30);
    writtenOnce([...ids, ...waiting]);
  });

  it('hands back at the deadline what takes longer: it is completed elsewhere, written once', async () => {
    const ids = await allBusy(10);
    redeploy({ minReplicas: 1, maxReplicas: 1 });
    const [victim = ''] = await victims(1);
    const drainedAt = Date.now();
    const handedBack = await t.until(
      'the hand-back',
      () => seen('cut-off').length === 2 && seen('cut-off'),
      40,
    );
    expect(handedBack.map(({ pod }) => pod)).toEqual([victim, victim]);
    expect(handedBack.every(({ at }) => at - drainedAt > 5_000)).toBe(true);
    await t.whenAnswered(ids, 2 * SECONDS);
    const again = seen(
      'finished',
      handedBack.map(({ requestId }) => requestId),
    );
    expect(again.map(({ pod }) => pod === victim)).toEqual([false, false]);
    writtenOnce(ids);
  });

  it('takes the drain back when the replica is wanted again: it goes on where it was', async () => {
    const ids = await allBusy(180, 2 * SECONDS);
    redeploy({ minReplicas: 1, maxReplicas: 1 });
    const [victim = ''] = await victims(1);
    const more = await t.submit(8, 1);
    redeploy({ minReplicas: 2, maxReplicas: 2 });
    await t.until('the drain to be taken back', () => commands('cancel-drain').length > 0, KEPT_SECONDS);
    await t.whenAnswered([...ids, ...more], 2 * SECONDS);
    expect(seen('started', more).map(({ pod }) => pod)).toContain(victim);
    expect(seen('cut-off')).toEqual([]);
    expect(terminated()).toEqual([]);
    writtenOnce([...ids, ...more]);
  });

  const nodes = async (): Promise<string[]> =>
    (await t.core.listNode({ labelSelector: LABEL.pool })).items
      .map(({ metadata }) => metadata?.name ?? '')
      .sort();
});

describe('spot capacity', () => {
  beforeEach(async () => {
    t = await TestSystem.start(spotConfig(), {
      serviceSeconds: SPOT_SERVICE_SECONDS,
      awsDelays: { launchRetrySeconds: 3, syncSeconds: 1 },
    });
    await t.addTriggers();
    t.scale({ ageSeconds: 0, after: '' });
    await t.until('one on-demand and two spot replicas', () => warm(POOL) === 1 && warm(SPOT) === 2, 60);
  }, BUILD_TIMEOUT_MS);

  const warm = (pool: string): number => t.system.watch.pools()[pool]?.warm ?? 0;

  it('advised against: EKS drains both nodes, the disruption budget lets one pod go at a time, and nothing is cut off', async () => {
    const before = warm(SPOT);
    let fewest = before;
    const off = t.system.watch.onChange(() => {
      fewest = Math.min(fewest, warm(SPOT));
    });
    const load = await t.submit(6);
    await t.until('every replica to be busy', () => busy().size === 3);
    const doomed = t.system.faults.inject({ kind: 'rebalance', pool: SPOT, count: 2 }).instances;
    await t.until(
      'the end of both instances',
      () => doomed.every(({ instanceId }) => !group().instances.has(instanceId)),
      120,
    );
    off();
    expect(fewest).toBeGreaterThanOrEqual(before - 1);
    await t.whenAnswered(load);
    expect(seen('cut-off')).toEqual([]);
    expect(load.map((id) => t.seen.writes.get(id))).toEqual(load.map(() => 1));
  });

  it('taken back while a request is served: it drains within the two minutes of the notice, and nothing is cut off', async () => {
    const load = await t.submit(6);
    await t.until('every replica to be busy', () => busy().size === 3);
    const at = Date.now();
    const [victim] = t.system.faults.inject({ kind: 'spot-interrupt', pool: SPOT, count: 1 }).instances;
    const drained = await t.until('its replica to be drained', () =>
      t.seen.plans.find(({ plan }) => plan.commands.some(({ kind }) => kind === 'drain')),
    );
    const pod = drained.plan.commands.find((command) => command.kind === 'drain')?.replica ?? '';
    await t.until('its last answer', () => !busy().has(pod));
    expect(Date.now() - at).toBeLessThan(100_000);
    await t.whenAnswered(load);
    await t.until(
      'the end of its instance',
      () => group().instances.get(victim?.instanceId ?? '')?.gone ?? true,
      140,
    );
    expect(seen('started').filter((event) => event.pod === pod && event.at > at + 20_000)).toEqual([]);
    expect(seen('cut-off')).toEqual([]);
  });

  it('that flaps: the pool is asked no more often than its backoff lets it, nothing is lost, and the cost is that of the instances', async () => {
    const raises: number[] = [];
    const off = t.system.front.onRequest(({ operation, input, status }) => {
      if (operation !== 'SetDesiredCapacity' || status !== 200) return;
      const { name, instances } = group();
      if (input?.AutoScalingGroupName === name && Number(input.DesiredCapacity) > instances.size)
        raises.push(Date.now() / 1000);
    });
    const from = Date.now() / 1000;
    const nodes = new Map([POOL, SPOT].map((pool) => [pool, new Level()]));
    const count = () => {
      const billed = t.system.billedNodes();
      for (const [pool, level] of nodes) level.set(billed[pool] ?? 0, Date.now());
    };
    const counting = setInterval(count, 250);
    const load: string[] = [];
    // With quarantines of 10 to 20 s instead of 1 to 60 minutes: gone for 9 s of each 15, and each time an instance is lost.
    for (let round = 0; round < 8; round += 1) {
      t.system.faults.inject({ kind: 'ice', pool: SPOT, forSeconds: 9 });
      if (t.system.faults.candidates('node-loss', SPOT).length > 0)
        t.system.faults.inject({ kind: 'node-loss', pool: SPOT, count: 1 });
      load.push(...(await t.submit(3)));
      const until = Date.now() + 15_000;
      await t.until('the next round', () => Date.now() > until);
    }
    off();
    await t.whenAnswered(load, 120);
    clearInterval(counting);
    count();
    const until = Date.now();
    const seconds = (until / 1000 - from).toFixed();
    const { stdout } = await paddock('cost', '--json', '--last', seconds, '--state-dir', t.announced());
    for (const { pool, nodeSeconds } of (JSON.parse(stdout) as CostReport).pools) {
      const billed = nodes.get(pool)?.until(until) ?? 0;
      console.info(
        `${pool}: ${nodeSeconds} node-seconds by the ticks, ${billed.toFixed(1)} by the instances`,
      );
      expect(nodeSeconds / billed).toBeCloseTo(1, 1);
    }
    expect(await t.statuses(load)).toEqual(load.map(() => 'completed'));
    const left = quarantines();
    expect(left.length).toBeGreaterThan(1);
    // The tick that hears of a failure comes within three seconds.
    const early = raises.filter((at) => left.some(({ from, until }) => at > from + 3 && at < until));
    expect({ early, left }).toMatchObject({ early: [] });
  });

  /** When the pool was to be left alone, by Auto Scaling's own record of the launches that failed. */
  function quarantines(): { from: number; until: number }[] {
    const { quarantineSeconds, quarantineMaxSeconds } = t.system.policy;
    const failed = group().activities.flatMap(({ StatusCode, EndTime }) =>
      StatusCode === 'Failed' && EndTime ? [Math.floor(EndTime.getTime() / 1000)] : [],
    );
    const windows: { from: number; until: number }[] = [];
    let [until, seconds] = [0, 0];
    for (const at of failed.sort((a, b) => a - b)) {
      if (at < until) continue;
      seconds = at < until + seconds ? Math.min(quarantineMaxSeconds, 1.25 * seconds) : quarantineSeconds;
      until = at + seconds;
      windows.push({ from: at, until });
    }
    return windows;
  }

  const group = () => t.system.emulators.autoscaling.group(`${t.system.config.cluster.name}-cpu-${SPOT}`);
});
