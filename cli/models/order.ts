import { parseModelName } from '../../core/protocol/model-names.ts';
import { noOrders } from '../../core/protocol/models.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import type { OpenModels } from './open.ts';
import { isListed, ORDERS, type Verb } from './orders.ts';
import { entryOf, living } from './pods.ts';

/**
 * Gives an order about a model.
 * @returns whether it changes anything; where not, the name may be a mistake
 * @throws Error for what is no name, and for the removal of a model that the fleet serves
 */
export async function order(
  verb: Verb,
  model: string,
  at: Seconds,
  { desk, fleet }: Pick<OpenModels, 'desk' | 'fleet'>,
): Promise<boolean> {
  parseModelName(model);
  const entries = living(await desk.reports(), at).flatMap((report) => entryOf(report, model) ?? []);
  if (verb === 'rm' && entries.some(({ served }) => served))
    throw new Error(
      `The fleet '${fleet}' serves ${model}: take it out of the configuration and deploy first.`,
    );
  let before = noOrders();
  await desk.change((orders) => {
    before = orders;
    return { ...ORDERS[verb](orders, model), at };
  });
  if (verb === 'rm') return entries.length > 0 || isListed(before.extra, model);
  if (verb === 'unpin') return isListed(before.pinned, model);
  return !isListed(verb === 'pin' ? before.pinned : before.extra, model);
}
