import { atLeast, atMost, because, counted, type Rule, replicasOf } from './rules.ts';

/** The fleet's minimum and maximum; the maximum wins. */
export const bounds: Rule = (wanted, { policy }) => {
  const asked = replicasOf(wanted);
  const numbers = { asked, minReplicas: policy.minReplicas, maxReplicas: policy.maxReplicas };
  const bounded = atMost(atLeast(wanted, policy.minReplicas), policy.maxReplicas);
  if (asked < policy.minReplicas) {
    const text = `The fleet keeps at least ${counted(policy.minReplicas, 'replica')}.`;
    return { wanted: bounded, reason: because('minimum', text, numbers) };
  }
  if (asked > policy.maxReplicas) {
    const text = `${asked} would be wanted, ${policy.maxReplicas} is the fleet's maximum.`;
    return { wanted: bounded, reason: because('maximum', text, numbers) };
  }
  return { wanted: bounded };
};

/** How many replicas one tick may add or remove. */
export const stepLimits: Rule = (wanted, { policy, view }) => {
  const asked = replicasOf(wanted);
  const { maxStepOut, maxStepIn } = policy;
  const numbers = { asked, current: view.current, maxStepOut, maxStepIn };
  const top = maxStepOut > 0 ? view.current + maxStepOut : Number.POSITIVE_INFINITY;
  const bottom = maxStepIn > 0 ? Math.max(0, view.current - maxStepIn) : 0;
  if (asked > top) {
    const text = `${asked} would be wanted, but one tick adds at most ${maxStepOut}.`;
    return { wanted: atMost(wanted, top), reason: because('step-out', text, numbers) };
  }
  if (asked < bottom) {
    const text = `${asked} would be wanted, but one tick removes at most ${maxStepIn}.`;
    return { wanted: atLeast(wanted, bottom), reason: because('step-in', text, numbers) };
  }
  return { wanted: atLeast(atMost(wanted, top), bottom) };
};
