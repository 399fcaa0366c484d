import { explainPools, explainReturn, explainStop, type Stop } from './explain.ts';
import { displacedBy, isReplacedMeanwhile, overlapOf, returnToSpot, suffices } from './return.ts';
import { type Context, TOLERANCE, type Wanted } from './rules.ts';
import { EPSILON, Fleet, isOnDemand, type Share, sharesOf } from './shares.ts';
import type { Reason } from './types.ts';

export interface Spread {
  byPool: Record<string, number>;
  /** Without those that go once the ones in their place are warm. */
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
    total: fleet.total - overlapOf(fleet, wanted),
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
 * What pools fail to give is not asked of them any more: at once as far as it is needed now, the rest when they have had the
 * time to give it after all. Until then no others are asked for that.
 */
function grow(fleet: Fleet, wanted: Wanted): Stop {
  for (const share of fleet.shares) giveUp(fleet, share, wanted);
  const hoped = fleet.shares.map((share) => (share.pool.supply.mayStillGive ? share.failing : 0));
  for (const [index, share] of fleet.shares.entries()) fleet.trust(share, hoped[index] ?? 0);
  const stopped = fillUp(fleet, wanted);
  for (const [index, share] of fleet.shares.entries()) fleet.trust(share, -(hoped[index] ?? 0));
  return stopped;
}

function giveUp(fleet: Fleet, share: Share, { now }: Wanted): void {
  const { policy, pool, weight } = share;
  // A persistent pool would lose its highest ordinal, whichever it fails to give.
  if (policy.kind === 'persistent') return;
  const urgent = pool.supply.mayStillGive ? Math.ceil((now - TOLERANCE - fleet.units) / weight) : Infinity;
  const most = Math.min(share.failing, share.count - share.min, urgent);
  for (let given = 0; given < most; given += 1) fleet.remove(share);
}

/**
 * First as if what is lost were back; then for as long as it is not, in others than where it was lost. When nothing else
 * is left, pools that failed are asked all the same: their groups try on until there is capacity.
 */
function fillUp(fleet: Fleet, { units, least, most }: Wanted): Stop {
  const needed = units - TOLERANCE;
  const lacks = () => (fleet.promised < needed && fleet.total < most) || fleet.total < least;
  const trusted: Room = ({ ceiling }) => ceiling;
  const stopped = fill(fleet, fleet.shares, trusted, lacks);
  const again = (share: Share) => fleet.askAgain(share);
  if (stopped === 'no-pool') fill(fleet, fleet.shares, ({ max }) => max, lacks, again);
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

function fill(
  fleet: Fleet,
  shares: readonly Share[],
  room: Room,
  lacks: () => boolean,
  add = (share: Share) => fleet.add(share),
): Stop {
  while (lacks()) {
    const open = shares.filter((share) => share.count < room(share));
    const fitting = open.filter((share) => fleet.fitsCap(share));
    const next = cheapestAllowed(fleet, fitting);
    if (!next) return open.length > fitting.length ? 'cost-cap' : 'no-pool';
    add(next);
  }
  return 'enough';
}

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

function shrink(fleet: Fleet, wanted: Wanted): void {
  const { keep, least, most } = wanted;
  const enough = keep - EPSILON;
  const isSpare = (share: Share) => {
    if (share.failing > 0) return suffices(fleet, wanted, [share.weight]);
    if (isReplacedMeanwhile(fleet, share, wanted)) return true;
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
    const forced = fleet.total > most + overlapOf(fleet, wanted) || fleet.exceedsCap;
    const victim = forced
      ? (losable.find((share) => !share.losesWarm(share.count)) ?? losable[0])
      : losable.find(isSpare);
    if (!victim) return;
    fleet.remove(victim);
  }
}
