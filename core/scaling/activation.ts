import { atLeast, atMost, because, counted, type Rule } from './rules.ts';
import { sum } from './view.ts';

/**
 * A fleet whose minimum is 0 sleeps at zero after `idleSeconds` without work, and wakes when `activationBacklog` messages
 * wait. Awake, it keeps one replica: need alone never quite fades to nothing.
 */
export const activation: Rule = (wanted, { policy, view, memory }) => {
  if (policy.minReplicas > 0) return {};
  const { backlog, inFlight } = view.queue;
  const idle = view.at - memory.lastWorkAt;
  // With a threshold, those below it wait for more of their kind only while nothing runs.
  if (view.current === 0 && sum(view.pools, (pool) => pool.draining.length) === 0) {
    if (backlog < Math.max(1, policy.activationBacklog)) {
      return {
        wanted: atMost(wanted, 0),
        reason: because(
          'asleep',
          `Asleep: ${counted(backlog, 'message')} wait, ${policy.activationBacklog} wake the fleet.`,
          { backlog, activationBacklog: policy.activationBacklog },
        ),
      };
    }
    return {
      wanted: atLeast(wanted, 1),
      reason: because('wake', `${counted(backlog, 'message')} wake the fleet.`, {
        backlog,
        activationBacklog: policy.activationBacklog,
      }),
    };
  }
  if (idle >= policy.idleSeconds && backlog + inFlight === 0) {
    return {
      wanted: atMost(wanted, 0),
      reason: because('idle', `Nothing to do for ${Math.floor(idle)} s: the fleet goes to sleep.`, {
        idleSeconds: idle,
        limit: policy.idleSeconds,
      }),
    };
  }
  return { wanted: atLeast(wanted, 1) };
};
