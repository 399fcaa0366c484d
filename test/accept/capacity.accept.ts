/**
 * What happens to requests that are being served when spot capacity goes, on the real local system and by the word of the model
 * servers. Over a minute each, so CI leaves them out: `npm run accept -- capacity`.
 */
import { jest } from '@jest/globals';
import type { ServerEvent } from '../../local/model-server/types.ts';
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

  const group = () => t.system.emulators.autoscaling.group(`${t.system.config.cluster.name}-cpu-${SPOT}`);
});
