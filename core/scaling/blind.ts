import { atLeast, because, type Rule } from './rules.ts';

/** Without the queue or the workers nobody knows what is needed: keep what there is. */
export const blindHold: Rule = (wanted, { view }) => ({
  wanted: atLeast(wanted, view.current),
  reason: because('blind', `Nothing shrinks: ${view.blind.join('; ')}.`, { replicas: view.current }),
});
