import { displayName, modelKey, parseModelName } from '../../core/protocol/model-names.ts';
import type { ModelOrders } from '../../core/protocol/models.ts';

export const isListed = (names: readonly string[], model: string): boolean =>
  names.some((name) => modelKey(name) === modelKey(model));
const without = (names: readonly string[], model: string): string[] =>
  names.filter((name) => modelKey(name) !== modelKey(model));
const withIt = (names: readonly string[], model: string): string[] => [
  ...without(names, model),
  displayName(parseModelName(model)),
];

/** Every pod of the fleet keeps it. */
export const pulled = (orders: ModelOrders, model: string): ModelOrders => ({
  ...orders,
  extra: withIt(orders.extra, model),
  removed: without(orders.removed, model),
});

/** No pod keeps it. */
export const removed = (orders: ModelOrders, model: string): ModelOrders => ({
  ...orders,
  extra: without(orders.extra, model),
  pinned: without(orders.pinned, model),
  removed: withIt(orders.removed, model),
});

/** Every pod keeps it, whatever else needs room. */
export const pinned = (orders: ModelOrders, model: string): ModelOrders => ({
  ...pulled(orders, model),
  pinned: withIt(orders.pinned, model),
});

export const unpinned = (orders: ModelOrders, model: string): ModelOrders => ({
  ...orders,
  pinned: without(orders.pinned, model),
});

export const ORDERS = { pull: pulled, pin: pinned, unpin: unpinned, rm: removed };
export type Verb = keyof typeof ORDERS;
