import type { UpgradeDependencies } from './dependencies.ts';
import type { StepState, UpgradeEvent } from './event.ts';
import type { StepResult } from './result.ts';

/** EKS works: it is asked again later. */
export const wait = ({ config }: UpgradeDependencies, say: string, state: StepState): StepResult => ({
  ...{ outcome: 'wait', say, waitSeconds: config.checkSeconds, state },
});
/** On to the next look at once. */
export const goOn = (say: string, state: StepState): StepResult => ({
  ...{ outcome: 'wait', say, waitSeconds: 1, state },
});
export const done = (say: string, state: StepState): StepResult => ({
  ...{ outcome: 'done', say, waitSeconds: 1, state: { ...state, current: '' } },
});
export const failed = (say: string, state: StepState): StepResult => ({
  ...{ outcome: 'failed', say, waitSeconds: 1, state },
});
/** The state machine makes this call, and asks again when EKS has begun with it. */
export const call = (
  { config }: UpgradeDependencies,
  say: string,
  state: StepState,
  what: Record<string, string>,
): StepResult => ({
  ...{ outcome: 'call', say, waitSeconds: config.checkSeconds, state, call: what },
});

/** What became of the call that the state machine made last. Undefined: EKS has done it. */
export async function pending(
  event: UpgradeEvent,
  deps: UpgradeDependencies,
  state: StepState,
  nodegroup?: string,
): Promise<StepResult | 'again' | 'nothing-to-do' | undefined> {
  const { id, Error: error, Cause: cause = '' } = event.update ?? {};
  if (error !== undefined) {
    // Something else is under way, or EKS is busy: it is asked anew.
    if (/ResourceInUse|Throttl|ServerException|ServiceUnavailable/.test(error)) return 'again';
    if (/already|no update|up.to.date/i.test(cause)) return 'nothing-to-do';
    return failed(`EKS refused: ${error}: ${cause}`, state);
  }
  if (id === undefined) return undefined;
  const update = await deps.eks.update(id, nodegroup);
  if (update?.status === 'InProgress') return wait(deps, `EKS works on ${state.current}`, state);
  if (update?.status === 'Failed' || update?.status === 'Cancelled')
    return failed(
      `EKS could not update ${state.current}: ${update.errors.join('; ') || update.status}`,
      state,
    );
  return undefined;
}

/** One more step of the plan is behind. */
export const finish = (state: StepState, step: string): StepState => ({
  ...state,
  current: '',
  since: 0,
  finished: [...new Set([...state.finished, step])],
});
