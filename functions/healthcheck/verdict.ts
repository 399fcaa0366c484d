import { judge } from '../../core/health/verdict.ts';
import type { Verdict } from '../../core/protocol/verdict.ts';
import { type HandOnDependencies, handOnFailedLaunches } from './hand-on.ts';
import { type HealthDependencies, observeHealth } from './observe.ts';

export type VerdictDependencies = HealthDependencies & HandOnDependencies;

/**
 * Looks at everything and judges it; launches that fail are handed on to those who can do something about it. Never throws for
 * what can't be read: that is in the checks.
 */
export async function giveVerdict(deps: VerdictDependencies): Promise<Verdict> {
  const seen = await observeHealth(deps);
  await handOnFailedLaunches(seen.nodeGroups, seen.at, deps);
  return judge(seen);
}
