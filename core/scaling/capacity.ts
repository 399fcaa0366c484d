import { leadSeconds, secondsToWarm } from './lead.ts';
import { serviceRate } from './learning.ts';
import type { FleetMemory } from './memory.ts';
import type { Seconds } from './types.ts';
import { type FleetView, type PoolView, sum } from './view.ts';

/** What the pools are worth, in replicas of the reference pool: the policy's first. */
export interface Capacity {
  /** Requests per second of one replica of the reference pool. */
  serviceRate: number;
  /** Lead time of the pool that would grow next. */
  leadSeconds: Seconds;
  /** By pool name: how many reference replicas one of its replicas is worth. */
  weight: Record<string, number>;
  /** Pool names, the cheapest per unit of service rate first. */
  byPrice: string[];
  /** Capacity of the warm replicas. */
  warm: number;
  /** Capacity of the replicas that are on their way, and what of it counts within a lead time: one that is half
   * warm serves for half of it. */
  pending: number;
  pendingWithinLead: number;
}

/**
 * What the pools are worth by what was learned of their service rates and lead times, else by the policy's guesses. A pool that
 * could not be read counts with what it had.
 */
export function measureCapacity(view: FleetView, memory: FleetMemory): Capacity {
  const rates = new Map(view.pools.map((pool) => [pool.policy.name, rateOf(pool, memory)]));
  const reference = view.pools[0] ? rateOf(view.pools[0], memory) : 1;
  const weight = Object.fromEntries([...rates].map(([name, rate]) => [name, rate / reference]));
  const price = (pool: PoolView) => pool.policy.pricePerHour / (weight[pool.policy.name] ?? 1);
  const byPrice = [...view.pools].sort((a, b) => price(a) - price(b)).map((pool) => pool.policy.name);
  const worth = (pool: PoolView) => weight[pool.policy.name] ?? 1;
  const lead = leadOfNext(view, memory, byPrice);
  const workers = new Map(view.workers.map((worker) => [worker.podUid, worker]));
  return {
    serviceRate: reference,
    leadSeconds: lead,
    weight,
    byPrice,
    warm: sum(view.pools, (pool) => pool.warm * worth(pool)),
    pending: sum(view.pools, (pool) => pool.pending.length * worth(pool)),
    pendingWithinLead: sum(view.pools, (pool) => {
      const learned = memory.pools[pool.policy.name];
      const left = (replica: PoolView['pending'][number]) =>
        secondsToWarm(replica, workers.get(replica?.podUid ?? ''), pool.policy, learned, view.at);
      return sum(pool.pending, (replica) => Math.max(0, lead - left(replica)) / lead) * worth(pool);
    }),
  };
}

const rateOf = (pool: PoolView, memory: FleetMemory): number =>
  serviceRate(pool.policy, memory.pools[pool.policy.name]);

function leadOfNext(view: FleetView, memory: FleetMemory, byPrice: string[]): Seconds {
  const byName = new Map(view.pools.map((pool) => [pool.policy.name, pool]));
  const order = byPrice.flatMap((name) => byName.get(name) ?? []);
  const next = order.find(canGrow) ?? order[0];
  return next ? Math.max(1, leadSeconds(next.policy, memory.pools[next.policy.name])) : 1;
}

/** Whether one more replica may be asked of the pool. */
const canGrow = ({ policy, observed, supply, current }: PoolView): boolean =>
  observed !== undefined && current < Math.min(policy.max, observed.maxNodes, supply.ceiling);
