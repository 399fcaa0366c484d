import { because, type Context, counted, type Wanted } from './rules.ts';
import type { Fleet, FleetLimits } from './shares.ts';
import type { FleetPolicy, Reason } from './types.ts';
import type { PoolView } from './view.ts';

/** Why nothing more was added. */
export type Stop = 'enough' | 'cost-cap' | 'no-pool';

/** What is special about pools: those that can't be read, failed to give capacity, or are losing instances. */
export const explainPools = ({ view, memory, policy, capacity }: Context): Reason[] =>
  capacity.byPrice.flatMap((name) => {
    const pool = view.pools.find((one) => one.policy.name === name);
    if (!pool) return [];
    if (!pool.observed) {
      const text = `Pool ${name} can't be read and keeps its ${counted(pool.current, 'replica')}: ${pool.error}.`;
      return [because('pool-blind', text, { replicas: pool.current })];
    }
    return [
      ...explainStanding(pool, view.at, memory.quarantines[name], policy),
      ...explainInterruptions(pool),
    ];
  });

function explainStanding(
  { policy: { name }, supply }: PoolView,
  at: number,
  quarantine: Context['memory']['quarantines'][string] | undefined,
  { fallbackDelaySeconds }: FleetPolicy,
): Reason[] {
  if (!quarantine || supply.standing === 'trusted') return [];
  const { until, since, failures, code } = quarantine;
  const why = `${code || 'no reason given'}${failures > 1 ? `, ${failures} times in a row` : ''}`;
  if (supply.standing === 'half-open') {
    const text = `Pool ${name} failed to give capacity (${why}); what others serve comes back to it once it has given an instance.`;
    return [{ ...because('half-open', text, { failures }), pool: name }];
  }
  const seconds = until - at;
  const delay = supply.mayStillGive ? Math.max(0, since + fallbackDelaySeconds - at) : 0;
  const moves = delay > 0 ? `; what is not needed now goes to other pools in ${Math.ceil(delay)} s` : '';
  const text = `Pool ${name} failed to give capacity (${why}) and is not asked for ${Math.ceil(seconds)} s more${moves}.`;
  return [{ ...because('quarantine', text, { seconds, failures, delaySeconds: delay }), pool: name }];
}

function explainInterruptions({ policy: { name }, doomed, supply }: PoolView): Reason[] {
  if (doomed.length === 0 && supply.returning === 0) return [];
  const back =
    supply.returning > 0
      ? `; ${counted(supply.returning, 'replica')} will be back, until then others serve in their place`
      : '';
  const text = `EC2 takes back ${counted(doomed.length, 'instance')} of pool ${name} now${back}.`;
  return [because('interruption', text, { doomed: doomed.length, returning: supply.returning })];
}

export function explainReturn(replicas: number): Reason[] {
  if (replicas === 0) return [];
  const text = `Spot takes ${counted(replicas, 'replica')} back from on-demand, which goes once they are warm.`;
  return [because('return-to-spot', text, { replicas })];
}

export function explainStop(stopped: Stop, fleet: Fleet, wanted: Wanted, policy: FleetLimits): Reason[] {
  const numbers = {
    replicas: fleet.total,
    units: fleet.units,
    wanted: wanted.units,
    pricePerHour: fleet.price,
  };
  if (stopped === 'cost-cap') {
    const text = `${counted(fleet.total, 'replica')} is what ${policy.costCapPerHour} dollars an hour buy; more would be wanted.`;
    return [because('cost-cap', text, { ...numbers, costCapPerHour: policy.costCapPerHour })];
  }
  if (stopped === 'no-pool') {
    const text =
      'More would be wanted, but every pool is full, quarantined, unreadable or over the spot share.';
    return [because('no-pool', text, numbers)];
  }
  return [];
}
