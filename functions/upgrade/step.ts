import { ConflictError } from '../../adapters/errors.ts';
import { begin } from './begin.ts';
import { canary } from './canary.ts';
import { addons, bake, controlPlane } from './control-plane.ts';
import type { UpgradeDependencies } from './dependencies.ts';
import { end } from './end.ts';
import type { Step, UpgradeEvent } from './event.ts';
import { nodes } from './nodes.ts';
import { newState, type StepResult } from './result.ts';
import { back, roll } from './roll.ts';

type Run = (event: UpgradeEvent, deps: UpgradeDependencies) => Promise<StepResult>;

const STEPS: Readonly<Record<Step, Run>> = {
  begin,
  canary,
  roll,
  nodes,
  'control-plane': controlPlane,
  addons,
  bake,
  back,
  end,
};

/** Steps during which a person may ask to go back. */
const ABORTABLE: readonly Step[] = ['canary', 'roll', 'nodes', 'control-plane', 'addons', 'bake'];

/**
 * One step. Each begins from what is there, so a step that is repeated, or taken up by another execution, does what is left.
 * In between it says in the lock how far it is, and hears whether a person wants it back.
 */
export async function step(event: UpgradeEvent, deps: UpgradeDependencies): Promise<StepResult> {
  if (!ABORTABLE.includes(event.step) && event.step !== 'back') return run(event, deps);
  const lost = await note(event, deps, undefined);
  if (lost) return lost;
  const result = await run(event, deps);
  await note(event, deps, result);
  return result;
}

/** The state machine reads `call` of every answer. */
const run: Run = async (event, deps) => ({
  call: { kind: 'none' },
  ...(await STEPS[event.step](event, deps)),
});

/** The answer of a step that must not go on: aborted, or no longer the one that holds the lock. */
async function note(
  event: UpgradeEvent,
  { state, now }: UpgradeDependencies,
  result: StepResult | undefined,
): Promise<StepResult | undefined> {
  const running = await state.running();
  if (!running || running.holder !== event.execution)
    throw new ConflictError(
      `the lock of upgrades is ${running ? `that of ${running.holder}` : 'free'}, not this execution's: nothing more is done`,
      'LockLost',
    );
  const say = result?.say ?? running.say;
  const aborted = await state.note(event.execution, {
    phase: event.step,
    say,
    done: result?.state.finished.length ?? running.done,
    updatedAt: now(),
  });
  if (!aborted || result || !ABORTABLE.includes(event.step)) return undefined;
  return {
    ...{ outcome: 'failed', say: 'a person asked to go back', waitSeconds: 1 },
    state: event.state ?? newState(),
  };
}
