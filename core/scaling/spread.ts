import { isQuarantined } from './capacity.ts';
import { because, type Context, counted, TOLERANCE, type Wanted } from './rules.ts';
import type { PoolPolicy, Reason } from './types.ts';
import type { PoolView } from './view.ts';

/** What is wanted of one pool while it is worked out. */
interface Share {
  pool: PoolView;
  policy: PoolPolicy;
  weight: number;
  count: number;
  /** Whether the replica that would go if one of `count` did is warm now. */
  losesWarm: (count: number) => boolean;
  min: number;
  max: number;
  mayGrow: boolean;
}

export interface Spread {
  byPool: Record<string, number>;
  total: number;
  pricePerHour: number;
  reasons: Reason[];
}

/**
 * Spreads what is wanted over the pools, starting from what there is: adds where a unit of service rate is cheapest
 * (on-demand up to `onDemandBase` first, spot up to `spotShare`), removes where it is dearest. A warm replica is only
 * given up when the other warm ones suffice. A pool that can't be read keeps what it has; a quarantined one isn't grown.
 */
export function spread(wanted: Wanted, context: Context): Spread {
  const shares = sharesOf(context);
  const fleet = new Fleet(shares, context.policy);
  const stopped = grow(fleet, wanted);
  if (context.view.blind.length === 0) {
    restoreOnDemand(fleet);
    shrink(fleet, wanted);
  }
  const byPool = Object.fromEntries(context.policy.pools.map(({ name }) => [name, fleet.countOf(name)]));
  return {
    byPool,
    total: fleet.total,
    pricePerHour: fleet.price,
    reasons: [...explainPools(shares, context), ...explainStop(stopped, fleet, wanted, context.policy)],
  };
}

function sharesOf({ view, capacity, memory }: Context): Share[] {
  const byName = new Map(view.pools.map((pool) => [pool.policy.name, pool]));
  return capacity.byPrice.flatMap((name) => {
    const pool = byName.get(name);
    if (!pool) return [];
    const { policy, observed } = pool;
    const max = observed ? Math.min(policy.max, observed.maxNodes) : pool.current;
    const min = observed ? Math.min(policy.min, max) : pool.current;
    const count = Math.min(max, Math.max(min, pool.current));
    const mayGrow = observed !== undefined && !isQuarantined(name, view.at, memory);
    const weight = capacity.weight[name] ?? 1;
    return [{ pool, policy, weight, count, losesWarm: losesWarm(pool), min, max, mayGrow }];
  });
}

/** Elastic pools lose what is not warm first, persistent ones the highest ordinal. */
function losesWarm(pool: PoolView): Share['losesWarm'] {
  if (pool.policy.kind === 'elastic') return (count) => count <= pool.warm;
  const warm = new Set(pool.live.filter(({ phase }) => phase === 'warm').map(({ ordinal = 0 }) => ordinal));
  return (count) => warm.has(count - 1);
}

/** Running totals over the shares, the cheapest first. */
class Fleet {
  readonly shares: readonly Share[];
  readonly policy: FleetLimits;
  total = 0;
  units = 0;
  warmUnits = 0;
  spot = 0;
  price = 0;

  constructor(shares: readonly Share[], policy: FleetLimits) {
    this.shares = shares;
    this.policy = policy;
    for (const share of shares) {
      this.#count(share, share.count);
      this.warmUnits += share.pool.warm * share.weight;
    }
  }

  get onDemand(): number {
    return this.total - this.spot;
  }

  get spotExceedsShare(): boolean {
    return this.spot > this.policy.spotShare * this.total;
  }

  countOf(name: string): number {
    return this.shares.find((share) => share.policy.name === name)?.count ?? 0;
  }

  fitsCap(share: Share): boolean {
    const { costCapPerHour } = this.policy;
    return costCapPerHour === 0 || this.price + share.policy.pricePerHour <= costCapPerHour + EPSILON;
  }

  get exceedsCap(): boolean {
    const { costCapPerHour } = this.policy;
    return costCapPerHour > 0 && this.price > costCapPerHour + EPSILON;
  }

  add(share: Share): void {
    share.count += 1;
    this.#count(share, 1);
  }

  remove(share: Share): void {
    if (share.losesWarm(share.count)) this.warmUnits -= share.weight;
    share.count -= 1;
    this.#count(share, -1);
  }

  #count(share: Share, replicas: number): void {
    this.total += replicas;
    this.units += replicas * share.weight;
    this.price += replicas * share.policy.pricePerHour;
    if (share.policy.capacityType === 'spot') this.spot += replicas;
  }
}

interface FleetLimits {
  spotShare: number;
  onDemandBase: number;
  costCapPerHour: number;
}

/** Prices and capacities are added up in floating point. */
const EPSILON = 1e-9;

type Stop = 'enough' | 'cost-cap' | 'no-pool';

function grow(fleet: Fleet, { units, least, most }: Wanted): Stop {
  const needed = units - TOLERANCE;
  while ((fleet.units < needed && fleet.total < most) || fleet.total < least) {
    const open = fleet.shares.filter((share) => share.mayGrow && share.count < share.max);
    const fitting = open.filter((share) => fleet.fitsCap(share));
    const next = cheapestAllowed(fleet, fitting);
    if (!next) return open.length > fitting.length ? 'cost-cap' : 'no-pool';
    fleet.add(next);
  }
  return 'enough';
}

function cheapestAllowed(fleet: Fleet, open: Share[]): Share | undefined {
  const isOnDemand = (share: Share) => share.policy.capacityType === 'on-demand';
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
      (share) =>
        share.policy.capacityType === 'on-demand' &&
        share.mayGrow &&
        share.count < share.max &&
        fleet.fitsCap(share),
    );
    if (!next) return;
    fleet.add(next);
  }
}

function shrink(fleet: Fleet, { keep, least, most }: Wanted): void {
  const enough = keep - EPSILON;
  const isSpare = (share: Share) =>
    fleet.total > least &&
    fleet.units - share.weight >= enough &&
    (!share.losesWarm(share.count) || fleet.warmUnits - share.weight >= enough);
  for (;;) {
    const losable = fleet.shares
      .filter((share) => share.count > share.min && mayLose(fleet, share))
      .reverse();
    const forced = fleet.total > most || fleet.exceedsCap;
    const victim = forced
      ? (losable.find((share) => !share.losesWarm(share.count)) ?? losable[0])
      : losable.find(isSpare);
    if (!victim) return;
    fleet.remove(victim);
  }
}

/** On-demand replicas go only as far as the base and the spot share let them. */
function mayLose(fleet: Fleet, share: Share): boolean {
  if (share.policy.capacityType === 'spot' || fleet.spot === 0) return true;
  return (
    fleet.onDemand - 1 >= fleet.policy.onDemandBase &&
    fleet.spot <= fleet.policy.spotShare * (fleet.total - 1)
  );
}

function explainPools(shares: Share[], { view, memory }: Context): Reason[] {
  return shares.flatMap(({ policy, pool }) => {
    if (!pool.observed) {
      const text = `Pool ${policy.name} can't be read and keeps its ${counted(pool.current, 'replica')}: ${pool.error}.`;
      return [because('pool-blind', text, { replicas: pool.current })];
    }
    const quarantine = memory.quarantines[policy.name];
    if (!quarantine || !isQuarantined(policy.name, view.at, memory)) return [];
    const seconds = quarantine.until - view.at;
    const text = `Pool ${policy.name} failed to give capacity and is not asked for ${Math.ceil(seconds)} s more.`;
    return [because('quarantine', text, { seconds, failures: quarantine.failures })];
  });
}

function explainStop(stopped: Stop, fleet: Fleet, wanted: Wanted, policy: FleetLimits): Reason[] {
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
