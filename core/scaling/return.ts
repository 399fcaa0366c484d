import { TOLERANCE, type Wanted } from './rules.ts';
import { EPSILON, type Fleet, isOnDemand, type Share } from './shares.ts';
import { sum } from './view.ts';

/**
 * The way back: on-demand that took over a spot pool's need goes, and spot comes in its place.
 */

/** A fleet at its maximum may have so many more while they replace others. Source: the default of a Deployment's `maxSurge`. */
const SURGE_SHARE = 0.25;
/** What serves nobody now may go while its replacement is on its way, as long as this much of what is to be kept is warm. */
const KEPT_WARM_SHARE = 0.5;

const surge = ({ most }: Wanted): number =>
  most === Number.POSITIVE_INFINITY ? 0 : Math.ceil(most * SURGE_SHARE);

const pricePerUnit = ({ policy, weight }: Share): number => policy.pricePerHour / weight;

/** A fleet at its maximum keeps what it can have, not what it would. */
const keptOf = (fleet: Fleet, wanted: Wanted): Wanted =>
  fleet.total < wanted.most
    ? wanted
    : { ...wanted, keep: Math.min(wanted.keep, (fleet.promised * wanted.most) / fleet.total) };

/**
 * On-demand that spot could serve cheaper: adds spot in its place, one replica while the pool has yet to prove itself.
 * @returns how many replicas it added
 */
export function returnToSpot(fleet: Fleet, whole: Wanted): number {
  const before = fleet.total;
  const wanted = keptOf(fleet, whole);
  // Less than is to be kept: nothing could go.
  if (fleet.promised < wanted.keep - TOLERANCE) return 0;
  for (const share of fleet.shares.filter((one) => !isOnDemand(one))) {
    const isDue = () => {
      const going = displacedBy(fleet, share, wanted);
      return going.length > 0 && !suffices(fleet, wanted, going);
    };
    const most = Math.min(share.ceiling, share.pool.supply.probe);
    while (share.count < most && fleet.fitsCap(share) && isDue()) {
      fleet.add(share);
      if (fleet.total <= wanted.most + overlapOf(fleet, whole)) continue;
      fleet.takeBack(share);
      break;
    }
  }
  return fleet.total - before;
}

/** Replicas past the maximum, that are about to replace others. */
export function overlapOf(fleet: Fleet, wanted: Wanted): number {
  const past = Math.min(surge(wanted), Math.max(0, fleet.total - wanted.most));
  return past === 0 ? 0 : Math.min(past, replacing(fleet, keptOf(fleet, wanted), asked));
}

/** How many spot replicas are on their way to replace on-demand ones, of those that `has` counts. */
const replacing = (fleet: Fleet, wanted: Wanted, has: (share: Share) => number): number =>
  sum(fleet.shares, (share) => {
    if (isOnDemand(share)) return 0;
    const coming = Math.max(0, has(share) - share.pool.warm);
    return Math.min(coming, displacedBy(fleet, share, wanted).length);
  });

const asked = ({ count, lost }: Share): number => count - lost;
const given = (share: Share): number => Math.min(asked(share), share.pool.supply.given);

/**
 * Whether the warm on-demand replica that would go next is only kept for what may come, and a spot instance is on its way in
 * its place: it need not be paid for until that is warm.
 */
export function isReplacedMeanwhile(fleet: Fleet, share: Share, whole: Wanted): boolean {
  if (!isOnDemand(share) || share.lost > 0 || !share.losesWarm(share.count)) return false;
  const wanted = keptOf(fleet, whole);
  const warm = fleet.warmUnits - share.weight;
  const isEnough =
    warm >= Math.max(wanted.now, KEPT_WARM_SHARE * wanted.keep) - EPSILON && fleet.warm - 1 >= wanted.least;
  return isEnough && suffices(fleet, wanted, [share.weight]) && replacing(fleet, wanted, given) > 0;
}

/** Whether enough is left without replicas of these weights, once the others are warm. */
export const suffices = (fleet: Fleet, { keep, least }: Wanted, without: readonly number[]): boolean =>
  fleet.promised - sum(without, (weight) => weight) >= keep - EPSILON &&
  fleet.total - without.length >= least;

/** Weights of the warm on-demand replicas that go when there is as much of this spot pool instead. */
export function displacedBy(fleet: Fleet, spot: Share, { keep, least }: Wanted): number[] {
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
