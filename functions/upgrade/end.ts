import type { EndedUpgrade } from '../../adapters/aws/upgrade-state.ts';
import type { UpgradeDependencies } from './dependencies.ts';
import type { UpgradeEvent } from './event.ts';
import { clear } from './marks.ts';
import { newState, type StepResult } from './result.ts';

/**
 * The last step of every execution that got the lock: what it put there goes, the history says how it came out, the lock is free.
 * One that stopped half-way leaves its marks and its lock's record to whoever goes on; the marks count for nothing soon.
 */
export async function end(event: UpgradeEvent, deps: UpgradeDependencies): Promise<StepResult> {
  const { plan, outcome = 'stopped', reason = '' } = event;
  const done: StepResult = { outcome: 'done', say: reason, waitSeconds: 1, state: newState() };
  if (!plan) return done;
  const running = await deps.state.running();
  // Redriven after another had taken over: what is there is that one's.
  if (running && running.holder !== event.execution) return done;
  // Of node groups each is old or new, and nothing is half-way; all else waits for who completes it or takes it back.
  if (outcome === 'stopped' && plan.request.target !== 'nodes') {
    // The lock stays for what it says: which upgrade is half-way. Its execution ends, and so it holds nothing.
    if (running)
      await deps.state.note(event.execution, {
        phase: 'stopped',
        say: reason.slice(0, 500),
        done: running.done,
        updatedAt: deps.now(),
      });
    return done;
  }
  for (const { name } of deps.config.fleets) await clear(deps, name, await deps.rollouts.read(name));
  const { request, summary, from, to, steps } = plan;
  const ended: EndedUpgrade = {
    ...{ holder: event.execution, request, summary, from, to, startedAt: event.startedAt },
    ...{ endedAt: deps.now(), outcome, phase: 'end', say: reason.slice(0, 500) },
    ...{ done: outcome === 'upgraded' ? steps.length : (running?.done ?? 0), total: steps.length },
  };
  await deps.state.end(ended);
  return done;
}
