import { explainPools, explainReturn, explainStop, type Stop } from './explain.ts';
import { type Context, TOLERANCE, type Wanted } from './rules.ts';
import { EPSILON, Fleet, type Share, sharesOf } from './shares.ts';
import type { Reason } from './types.ts';
import { sum } from './view.ts';

export interface Spread {
  byPool: Record<string, number>;
  total: number;
  pricePerHour: number;
  /** Replicas that are needed and that no pool gives. */
  shortfall: number;
  reasons: Reason[];
}

/**
 * Spreads what is wanted over the pools, starting from what there is: adds where a unit of service rate is cheapest
 * (on-demand up to `onDemandBase` first, spot up to `spotShare`), removes where it is dearest. A warm replica is only
 * given up when the other warm ones suffice. A pool that can't be read keeps what it has; one that fails to give capacity
 * is asked for no more than it gives, and others take its need over; on-demand that took spot's is given back.
 */
export function spread(wanted: Wanted, context: Context): Spread {
  const fleet = new Fleet(sharesOf(context), context.policy);
  const stopped = grow(fleet, wanted);
  let returned = 0;
  if (context.view.blind.length === 0) {
    restoreOnDemand(fleet);
    shrink(fleet, wanted);
    returned = returnToSpot(fleet, wanted);
  }
  const byPool = Object.fromEntries(context.policy.pools.map(({ name }) => [name, fleet.countOf(name)]));
  return {
    byPool,
    total: fleet.total,
    pricePerHour: fleet.price,
    shortfall: shortfallOf(fleet, wanted, context),
    reasons: [
      ...explainPools(context),
      ...explainReturn(returned),
      ...explainStop(stopped, fleet, wanted, context.policy),
    ],
  };
}

/** What replaces an interrupted instance is on its way: only what pools fail to give is short. */
function shortfallOf(fleet: Fleet, { units, least }: Wanted, { view }: Context): number {
  if (view.pools.every(({ supply }) => supply.standing === 'trusted')) return 0;
  return Math.max(0, units - TOLERANCE - fleet.units, least - (fleet.total - fleet.lost));
}

/**
 * First as if what is lost were back; then for as long as it is not, in others than where it was lost. When nothing else
 * is left, pools that failed are asked all the same: their groups try on until there is capacity.
 */
function grow(fleet: Fleet, { units, least, most }: Wanted): Stop {
  const needed = units - TOLERANCE;
  const lacks = () => (fleet.promised < needed && fleet.total < most) || fleet.total < least;
  const trusted: Room = ({ ceiling }) => ceiling;
  const stopped = fill(fleet, fleet.shares, trusted, lacks);
  if (stopped === 'no-pool') fill(fleet, fleet.shares, ({ max }) => max, lacks);
  if (stopped !== 'enough' || fleet.lost === 0) return stopped;
  const others = fleet.shares.filter(({ lost }) => lost === 0);
  return fill(
    fleet,
    others,
    trusted,
    () => fleet.total < most && (fleet.units < needed || fleet.total - fleet.lost < least),
  );
}

type Room = (share: Share) => number;

function fill(fleet: Fleet, shares: readonly Share[], room: Room, lacks: () => boolean): Stop {
  while (lacks()) {
    const open = shares.filter((share) => share.count < room(share));
    const fitting = open.filter((share) => fleet.fitsCap(share));
    const next = cheapestAllowed(fleet, fitting);
    if (!next) return open.length > fitting.length ? 'cost-cap' : 'no-pool';
    fleet.add(next);
  }
  return 'enough';
}

const isOnDemand = (share: Share): boolean => share.policy.capacityType === 'on-demand';

function cheapestAllowed(fleet: Fleet, open: Share[]): Share | undefined {
  const spotFits = fleet.spot + 1 <= fleet.policy.spotShare * (fleet.total + 1);
  if (fleet.onDemand < fleet.policy.onDemandBase)
    return open.find(isOnDemand) ?? (spotFits ? open[0] : undefined);
  return open.find((share) => isOnDemand(share) || spotFits);
}

/** Too much spot: add on-demand. The spot replicas that it replaces go once it is warm. */
function restoreOnDemand(fleet: Fleet): void {
  const lacks = () =>
    fleet.spot > 0 && (fleet.onDemand < fleet.policy.onDemandBase || fleet.spotExceedsShare);
  while (lacks()) {
    const next = fleet.shares.find(
      (share) => isOnDemand(share) && share.count < share.ceiling && fleet.fitsCap(share),
    );
    if (!next) return;
    fleet.add(next);
  }
}

const pricePerUnit = ({ policy, weight }: Share): number => policy.pricePerHour / weight;

/**
 * On-demand that spot could serve cheaper, because it took over a pool's need: adds spot in its place, one replica while
 * the pool has yet to prove itself. The on-demand replica goes last, once the spot one is warm.
 * @returns how many replicas it added
 */
function returnToSpot(fleet: Fleet, wanted: Wanted): number {
  const before = fleet.total;
  // Less than is to be kept: nothing could go.
  if (fleet.promised < wanted.keep - TOLERANCE) return 0;
  for (const share of fleet.shares.filter((one) => !isOnDemand(one))) {
    const isDue = () => {
      const going = displacedBy(fleet, share, wanted);
      return going.length > 0 && !suffices(fleet, wanted, going);
    };
    while (fleet.total < wanted.most && share.count < share.ceiling && fleet.fitsCap(share) && isDue())
      fleet.add(share);
  }
  return fleet.total - before;
}

/** Whether enough is left without replicas of these weights, once the others are warm. */
const suffices = (fleet: Fleet, { keep, least }: Wanted, without: readonly number[]): boolean =>
  fleet.promised - sum(without, (weight) => weight) >= keep - EPSILON &&
  fleet.total - without.length >= least;

/** Weights of the warm on-demand replicas that go when there is as much of this spot pool instead. */
function displacedBy(fleet: Fleet, spot: Share, { keep, least }: Wanted): number[] {
  const { onDemandBase, spotShare } = fleet.policy;
  const spare = Math.min(
    Math.floor((fleet.promised - keep + EPSILON) / spot.weight),
    Math.max(0, fleet.total - least),
  );
  const inTheEnd = fleet.total - Math.max(0, spare);
  const stay = Math.max(onDemandBase, Math.ceil((1 - spotShare) * inTheEnd - EPSILON));
  return (
    fleet.shares
      .filter((share) => isOnDemand(share) && pricePerUnit(share) > pricePerUnit(spot) + EPSILON)
      // One still on its way is not given up for another that is.
      .flatMap(({ count, min, weight, pool }) =>
        Array<number>(Math.max(0, Math.min(count, pool.warm) - min)).fill(weight),
      )
      .reverse()
      .slice(0, Math.max(0, fleet.onDemand - stay))
  );
}

function shrink(fleet: Fleet, wanted: Wanted): void {
  const { keep, least, most } = wanted;
  const enough = keep - EPSILON;
  const isSpare = (share: Share) => {
    if (share.failing > 0) return suffices(fleet, wanted, [share.weight]);
    const serving = share.lost > 0 ? 0 : 1;
    if (fleet.units - serving * share.weight < enough) return false;
    if (fleet.total - fleet.lost - serving < least) return false;
    if (share.losesWarm(share.count))
      return fleet.warmUnits - share.weight >= enough && fleet.warm - 1 >= least;
    // One on its way, or on its way back, stays when a dearer one is to go for it.
    const displaced = isOnDemand(share) ? [] : displacedBy(fleet, share, wanted);
    return suffices(fleet, wanted, [share.weight, ...displaced]);
  };
  for (;;) {
    const losable = fleet.shares.filter((share) => share.count > share.min && fleet.mayLose(share)).reverse();
    const forced = fleet.total > most || fleet.exceedsCap;
    const victim = forced
      ? (losable.find((share) => !share.losesWarm(share.count)) ?? losable[0])
      : losable.find(isSpare);
    if (!victim) return;
    fleet.remove(victim);
  }
}
