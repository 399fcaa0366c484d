/**
 * What happens to requests that are being served when spot capacity goes, on the real local system and by the word of the model
 * servers. Over a minute each, so CI leaves them out: `npm run accept -- capacity`.
 */
import { jest } from '@jest/globals';
import type { CostReport } from '../../core/cost/cost.ts';
import type { ServerEvent } from '../../local/model-server/types.ts';
import { Level } from '../../local/scenarios/recorder.ts';
import { paddock } from '../cli/paddock.ts';
import { BUILD_TIMEOUT_MS } from '../local/cluster/support.ts';
import { POOL, SPOT, SPOT_SERVICE_SECONDS, spotConfig } from '../local/system/config.ts';
import { TestSystem } from '../local/system/fixture.ts';

jest.setTimeout(240_000);

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
    // With quarantines of 10 to 20 s instead of 3 to 60 minutes: gone for 9 s of each 15, and each time an instance is lost.
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
      seconds = at < until + seconds ? Math.min(quarantineMaxSeconds, 2 * seconds) : quarantineSeconds;
      until = at + seconds;
      windows.push({ from: at, until });
    }
    return windows;
  }

  const group = () => t.system.emulators.autoscaling.group(`${t.system.config.cluster.name}-cpu-${SPOT}`);
});
