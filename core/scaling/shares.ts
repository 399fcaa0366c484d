import type { Context } from './rules.ts';
import type { PoolPolicy } from './types.ts';
import type { PoolView } from './view.ts';

/** What is wanted of one pool while it is worked out. */
export interface Share {
  readonly pool: PoolView;
  readonly policy: PoolPolicy;
  readonly weight: number;
  count: number;
  /** Of `count`: replicas that serve nothing now: they are to come back, or the pool fails to give them. The first to go. */
  lost: number;
  /** Of `lost`: what the pool fails to give, and is not to try. */
  failing: number;
  /** Whether the replica that would go if one of `count` did is warm now. */
  readonly losesWarm: (count: number) => boolean;
  readonly min: number;
  /** As many as it may have. */
  readonly max: number;
  /** As many as it is asked for while others can serve instead. */
  readonly ceiling: number;
}

/**
 * Where the spread over pools begins: each pool with what it has now, within its limits; the cheapest per unit of service rate first.
 * A pool that could not be read keeps what it had.
 */
export function sharesOf({ view, capacity }: Context): Share[] {
  const byName = new Map(view.pools.map((pool) => [pool.policy.name, pool]));
  return capacity.byPrice.flatMap((name) => {
    const pool = byName.get(name);
    if (!pool) return [];
    const { policy, observed, supply } = pool;
    const max = observed ? Math.min(policy.max, observed.maxNodes) : pool.current;
    const min = observed ? Math.min(policy.min, max) : pool.current;
    const count = Math.min(max, Math.max(min, pool.current));
    const lost = Math.min(count, Math.max(0, supply.returning, count - supply.sure));
    const failing = Math.max(0, count - Math.max(supply.sure, supply.ceiling));
    const weight = capacity.weight[name] ?? 1;
    const ceiling = Math.min(max, supply.ceiling);
    return [{ pool, policy, weight, count, lost, failing, losesWarm: losesWarm(pool), min, max, ceiling }];
  });
}

/** Elastic pools lose what is not warm first, persistent ones the highest ordinal. */
function losesWarm(pool: PoolView): Share['losesWarm'] {
  if (pool.policy.kind === 'elastic') return (count) => count <= pool.warm;
  const warm = new Set(pool.live.filter(({ phase }) => phase === 'warm').map(({ ordinal = 0 }) => ordinal));
  return (count) => warm.has(count - 1);
}

export interface FleetLimits {
  spotShare: number;
  onDemandBase: number;
  costCapPerHour: number;
}

/** Prices and capacities are added up in floating point. */
export const EPSILON = 1e-9;

export const isOnDemand = (share: Share): boolean => share.policy.capacityType === 'on-demand';

/** Running totals over the shares, the cheapest first. */
export class Fleet {
  readonly shares: readonly Share[];
  readonly policy: FleetLimits;
  total = 0;
  spot = 0;
  price = 0;
  /** Of instances that EC2 takes back: paid for until it does. */
  endingPrice = 0;
  /** Replicas that serve nothing now, of `total`. */
  lost = 0;
  /** Capacity, that of the lost included: they will be back. */
  promised = 0;
  lostUnits = 0;
  warm = 0;
  warmUnits = 0;

  constructor(shares: readonly Share[], policy: FleetLimits) {
    this.shares = shares;
    this.policy = policy;
    for (const share of shares) {
      this.#count(share, share.count);
      this.lost += share.lost;
      this.lostUnits += share.lost * share.weight;
      this.warm += share.pool.warm;
      this.warmUnits += share.pool.warm * share.weight;
      if (share.policy.kind === 'elastic')
        this.endingPrice += share.pool.doomed.length * share.policy.pricePerHour;
    }
  }

  /** Capacity without the lost. */
  get units(): number {
    return this.promised - this.lostUnits;
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
    const price = this.price + this.endingPrice + share.policy.pricePerHour;
    return costCapPerHour === 0 || price <= costCapPerHour + EPSILON;
  }

  get exceedsCap(): boolean {
    const { costCapPerHour } = this.policy;
    return costCapPerHour > 0 && this.price > costCapPerHour + EPSILON;
  }

  add(share: Share): void {
    share.count += 1;
    this.#count(share, 1);
  }

  /** As if it had not been added. */
  takeBack(share: Share): void {
    share.count -= 1;
    this.#count(share, -1);
  }

  /** Asks a pool for what it has failed to give. */
  askAgain(share: Share): void {
    this.add(share);
    this.#lose(share, 1);
    share.failing += 1;
  }

  /** Counts on so many replicas that the pool has failed to give so far; a negative number: no longer. */
  trust(share: Share, replicas: number): void {
    this.#lose(share, -replicas);
  }

  remove(share: Share): void {
    if (share.losesWarm(share.count)) {
      this.warm -= 1;
      this.warmUnits -= share.weight;
    }
    if (share.lost > 0) {
      this.#lose(share, -1);
      share.failing = Math.max(0, share.failing - 1);
    }
    share.count -= 1;
    this.#count(share, -1);
  }

  /** On-demand replicas go only as far as the base and the spot share let them. */
  mayLose(share: Share): boolean {
    if (!isOnDemand(share) || this.spot === 0) return true;
    return (
      this.onDemand - 1 >= this.policy.onDemandBase && this.spot <= this.policy.spotShare * (this.total - 1)
    );
  }

  #lose(share: Share, replicas: number): void {
    share.lost += replicas;
    this.lost += replicas;
    this.lostUnits += replicas * share.weight;
  }

  #count(share: Share, replicas: number): void {
    this.total += replicas;
    this.promised += replicas * share.weight;
    this.price += replicas * share.policy.pricePerHour;
    if (!isOnDemand(share)) this.spot += replicas;
  }
}
