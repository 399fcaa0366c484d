import { loadConfig } from '../../infra/app.ts';
import type { LocalSystem } from '../system/system.ts';
import { withSystem } from '../with-system.ts';
import { BOOT_SECONDS, CRASH_BACKOFF_SECONDS, chaosConfig, LOAD_SECONDS } from './config.ts';
import { type ChaosOptions, type ChaosOutcome, ChaosPlay } from './play.ts';
import { chaosText, resultOf } from './report.ts';

export interface ChaosRunOptions extends ChaosOptions {
  fleet?: string;
  config: string;
  stateDir: string;
  json?: boolean;
}

const SHOW_MS = 500;

/**
 * `paddock chaos`: brings the system up, plays requests and faults through it, prints the result, and ends it.
 *
 * @returns the exit code: 0 when the verdict holds
 * @throws what start-up throws, and what keeps the system from running on
 */
export async function runChaos(options: ChaosRunOptions): Promise<number> {
  process.env.PADDOCK_CONFIG = options.config;
  const config = chaosConfig(await loadConfig(), options);
  const outcome = await withSystem(
    { stateDir: options.stateDir, quiet: options.json === true },
    async () => ({
      config,
      triggers: { schedule: true, alarm: true },
      bootSeconds: BOOT_SECONDS,
      loadSeconds: LOAD_SECONDS,
      crashBackoffSeconds: CRASH_BACKOFF_SECONDS,
      counterLagSeconds: 0,
    }),
    async ({ system, progress, onStop }) => {
      const play = new ChaosPlay(system, options);
      onStop(() => play.abort());
      await progress.step('Waiting for warm replicas', () => whenWarm(system));
      return await progress.step(`${options.requests} requests under faults`, (update) =>
        shown(play, options.requests, update),
      );
    },
  );
  // On standard error with --json: standard output belongs to the result.
  if (!outcome.verdict.holds && options.json) console.error(chaosText(outcome));
  console.log(options.json ? JSON.stringify(resultOf(outcome)) : chaosText(outcome));
  return outcome.verdict.holds ? 0 : 1;
}

const whenWarm = ({ watch, policy }: LocalSystem): Promise<void> =>
  watch.until(
    () => Object.values(watch.pools()).reduce((sum, { warm }) => sum + warm, 0) >= policy.minReplicas,
    new AbortController().signal,
  );

async function shown(
  play: ChaosPlay,
  requests: number,
  update: (fraction: number, detail: string) => void,
): Promise<ChaosOutcome> {
  const timer = setInterval(() => {
    const { recorder, injector } = play;
    const faults = `${injector.done} of ${injector.planned} faults`;
    update(
      recorder.answered / requests,
      `${play.phase}: ${recorder.submitted} submitted, ${recorder.answered} answered, ${faults}`,
    );
  }, SHOW_MS);
  try {
    return await play.run();
  } finally {
    clearInterval(timer);
  }
}
