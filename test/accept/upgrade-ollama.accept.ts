import { jest } from '@jest/globals';
import { paddock } from '../cli/paddock.ts';
import { BUILD_TIMEOUT_MS } from '../local/cluster/support.ts';
import { describeWithOllama } from '../local/ollama/harness.ts';
import { upgradeConfig } from '../local/system/config.ts';
import { TestSystem } from '../local/system/fixture.ts';
import { SteadyLoad } from '../local/system/upgrade-load.ts';

jest.setTimeout(480_000);

/** Replicas of a real Ollama share this machine's processors: one that serves, the canary, and one more while it rolls. */
const config = () => {
  const base = upgradeConfig();
  const fleets = base.fleets.map((fleet) => ({
    ...fleet,
    policy: { ...fleet.policy, maxReplicas: 1 },
    // Two are taken by the golden prompts now and then.
    pools: fleet.pools.map((pool) => ({ ...pool, max: 3, slots: 3 })),
  }));
  return { ...base, fleets, upgrades: { ...base.upgrades, soakSeconds: 60 } };
};

/** Its processors do no more: the golden prompts and three servers share them, and who finds every slot taken comes again. */
const LOAD = { everyMs: 15_000, patienceSeconds: 120 };

/**
 * One program under two version names: what the upgrade itself does to people who ask a real Ollama is real, what a newer
 * Ollama would do to them is not.
 */
describeWithOllama('an upgrade of the real Ollama', (install) => {
  let t: TestSystem;

  beforeAll(async () => {
    t = await TestSystem.start(config(), { ollama: install });
    await t.addTriggers();
    await t.whenSettledAt(1, 120);
  }, BUILD_TIMEOUT_MS);

  afterAll(() => t?.stop());

  it('replaces every replica, and no request fails', async () => {
    const before = await t.replicas();
    const load = new SteadyLoad(t, LOAD);
    const startedAt = Date.now();
    const { code, stdout, stderr } = await paddock(
      ...['upgrade', 'ollama', '0.18.0', '--watch', '--state-dir', t.announced()],
    );
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    load.end();
    const { interactive, bad } = await load.answers();
    await t.whenAnswered(load.queued, 120);
    console.info(`${seconds} s, ${interactive} interactive and ${load.queued.length} queued\n${stderr}`);
    expect([code, stdout]).toEqual([0, 'Upgraded.\n']);
    expect(stderr).toMatch(/soaks: \d+ of \d+ prompts answered/);
    expect(bad).toEqual([]);
    const statuses = await t.statuses(load.queued);
    expect(new Set(statuses)).toEqual(new Set(['completed']));
    expect([...t.seen.writes.values()].filter((count) => count > 1)).toEqual([]);
    const after = await t.replicas();
    expect(after.filter((ip) => before.includes(ip))).toEqual([]);
    expect(await t.images()).toEqual(['docker.io/ollama/ollama:0.18.0']);
  });
});
