import { judge } from '../../core/health/verdict.ts';
import type { Verdict } from '../../core/protocol/verdict.ts';
import { type HealthDependencies, observeHealth } from './observe.ts';

/** Looks at everything and judges it. Never throws for what can't be read: that is in the checks. */
export const giveVerdict = async (deps: HealthDependencies): Promise<Verdict> =>
  judge(await observeHealth(deps));
