import type { UpgradeExecution } from '../../adapters/aws/upgrade-executions.ts';
import type { RunningUpgrade } from '../../adapters/aws/upgrade-state.ts';
import type { Upgrades } from './open.ts';

export interface FollowOptions {
  /** Stop to follow as soon as this holds. */
  until?: (running: RunningUpgrade) => boolean;
  /** Something new is told. */
  onProgress?: (running: RunningUpgrade) => void;
}

/** Follows an execution to its end, or until it is far enough. The lock tells how far it is, the execution how it ended. */
export async function follow(
  { state, executions, pause }: Upgrades,
  arn: string,
  { until = () => false, onProgress }: FollowOptions = {},
): Promise<UpgradeExecution> {
  let told = '';
  for (;;) {
    const execution = await executions.describe(arn);
    const running = await state.running();
    if (running?.holder === arn) {
      const { phase, say, done } = running;
      const now = JSON.stringify([phase, say, done]);
      if (now !== told) onProgress?.(running);
      told = now;
      if (until(running)) return execution;
    }
    if (execution.status !== 'RUNNING') return execution;
    await pause();
  }
}
