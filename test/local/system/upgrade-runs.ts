import { setTimeout as sleep } from 'node:timers/promises';
import type { CoreV1Api } from '@kubernetes/client-node';
import { machineNamed } from '../../../local/system/from-template.ts';
import { PATIENCE_SECONDS } from '../../patience.ts';
import type { TestSystem } from './fixture.ts';
import { SteadyLoad } from './upgrade-load.ts';

/** Upgrades of one system, as a person starts them. */
export class UpgradeRuns {
  readonly #t: TestSystem;
  #executions = 0;

  constructor(t: TestSystem) {
    this.#t = t;
  }

  /** Starts an upgrade and waits for its end. */
  async upgrade(request: object | string, seconds = 240) {
    const { engine, app } = this.#t.system;
    this.#executions += 1;
    const name = `u${this.#executions}`;
    const execution = engine.start(machineNamed(app, 'Upgrades'), name, JSON.stringify(request));
    await this.#t.until(
      `the end of ${JSON.stringify(request)}`,
      () => execution.status !== 'RUNNING',
      seconds,
    );
    const states = execution.history.filter(({ type }) => type === 'StateEntered').map(({ state }) => state);
    return { ...execution, states, seconds: ((execution.stoppedAt ?? 0) - execution.startedAt) / 1000 };
  }

  /** Waits as a person would: until nothing stands in the way any more. */
  async whenNothingStandsInTheWay(request: object, seconds = PATIENCE_SECONDS): Promise<void> {
    const until = Date.now() + seconds * 1000;
    for (;;) {
      const { output } = await this.upgrade({ ...request, dryRun: true });
      const { obstacles } = JSON.parse(output ?? '{}');
      if (obstacles?.length === 0) return;
      if (Date.now() > until) throw new Error(`still in the way: ${JSON.stringify(obstacles)}`);
      await sleep(1000);
    }
  }

  /** People go on asking meanwhile, and none of them gets no answer, or two. */
  async underLoad<T>(
    work: () => Promise<T>,
  ): Promise<T & { asked: { interactive: number; queued: number } }> {
    const load = new SteadyLoad(this.#t);
    const result = await work().finally(() => load.end());
    const { interactive, bad } = await load.answers();
    await this.#t.whenAnswered(load.queued);
    expect(bad).toEqual([]);
    if (interactive === 0) throw new Error(`Nobody asked meanwhile: ${JSON.stringify(result)}`);
    const statuses = await this.#t.statuses(load.queued);
    expect(statuses.filter((status) => status !== 'completed')).toEqual([]);
    expect([...this.#t.seen.writes.values()].filter((count) => count > 1)).toEqual([]);
    return { ...result, asked: { interactive, queued: load.queued.length } };
  }

  /** Nothing of an upgrade is left: no canary, no mark, no lock. */
  async expectNothingLeft(): Promise<void> {
    await this.#t.until('no canary', () => this.#t.system.watch.pods === this.#t.pool.desired);
    expect(await this.#t.upgradeMarks()).toEqual([]);
  }
}

/** What the kubelets say they are. */
export async function kubelets(core: CoreV1Api): Promise<string[]> {
  const { items } = await core.listNode();
  return [...new Set(items.map(({ status }) => status?.nodeInfo?.kubeletVersion ?? ''))];
}
