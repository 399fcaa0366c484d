import type { FleetPolicy, PoolPolicy } from '../../core/scaling/types.ts';
import { roundTo, type Summary, summarize } from '../../core/statistics.ts';
import type { Arrivals } from '../arrivals.ts';
import { defaultPolicy } from '../policy.ts';
import { type Controller, CoreController, PendingPodController } from './controllers.ts';
import { STORM_LOAD, STORM_SPOT_PRICE, type StormPlan } from './plan.ts';
import { type StormPool, StormWorld, TIMES } from './world.ts';

export const STORM_VARIANTS = ['paddock', 'all-on-demand', 'pending-pods', 'no-fallback'] as const;
export type StormVariant = (typeof STORM_VARIANTS)[number];

export const VARIANT_TEXT: Record<StormVariant, string> = {
  paddock: 'spot with fallback, from the notice on',
  'all-on-demand': 'the same storm without spot',
  'pending-pods': 'replacement once the pod is pending, as Karpenter does',
  'no-fallback': 'spot alone, and no one hears the notices',
};

export interface StormRow {
  variant: StormVariant;
  requests: { submitted: number; succeeded: number; lost: number; duplicated: number };
  /** Requests whose service was broken off, and which started again. */
  interrupted: number;
  interruptedShare: number;
  waitSeconds: Summary;
  /** Seconds in which a request waited since every slot was taken. */
  lackingSeconds: number;
  nodeSeconds: { 'on-demand': number; spot: number };
  costDollars: { 'on-demand': number; spot: number; total: number };
  /** Of what the same storm costs all on-demand. */
  costShare: number;
}

export interface StormOptions {
  plan: StormPlan;
  arrivals: Arrivals;
  /** Spot's share of the on-demand price. */
  spotPrice?: number;
  slots?: number;
  onProgress?: (variant: StormVariant, share: number) => void;
}

const STEP_SECONDS = 0.25;
/** What is still open so long after the end is lost. */
const PATIENCE_SECONDS = 900;
const SLOTS = 4;
/** As the GPU preset: g5.2xlarge, twelve replicas at most, of either kind. */
const PRICE = 1.212;
const MAX_REPLICAS = 12;
const SPOT_SHARE = 0.8;

/** The storm under each variant, the all-on-demand one first: the others' costs are told by it. */
export function playStorm(
  options: StormOptions,
  variants: readonly StormVariant[] = STORM_VARIANTS,
): StormRow[] {
  const reference = playVariant('all-on-demand', options);
  const dollars = reference.costDollars.total;
  return variants.map((variant) => {
    const row = variant === 'all-on-demand' ? reference : playVariant(variant, options);
    return { ...row, costShare: roundTo(dollars === 0 ? 0 : row.costDollars.total / dollars, 3) };
  });
}

function playVariant(variant: StormVariant, options: StormOptions): StormRow {
  const { plan, arrivals, slots = SLOTS, spotPrice = STORM_SPOT_PRICE } = options;
  const pools = poolsOf(variant, spotPrice);
  const isMixed = variant === 'pending-pods';
  const world = new StormWorld({
    ...{ plan, arrivals, slots, pools },
    ...(isMixed && { poolsOf: () => pools.map(({ name }) => name) }),
  });
  world.seed(isMixed ? 'all' : 'on-demand', 'on-demand');
  if (isMixed) world.desired.clear();
  const controller = controllerOf(variant, pools, slots);
  const end = plan.durationSeconds;
  for (let step = 0; ; step += 1) {
    if (step % (1 / STEP_SECONDS) === 0) controller.second(world);
    world.step(STEP_SECONDS);
    if (step % 400 === 0) options.onProgress?.(variant, Math.min(1, world.now / end));
    if (world.now >= end && (world.service.isDone || world.now >= end + PATIENCE_SECONDS)) break;
  }
  return rowOf(variant, world, pools);
}

function poolsOf(variant: StormVariant, spotPrice: number): StormPool[] {
  const [min, max] = [0, MAX_REPLICAS];
  const onDemand = { name: 'on-demand', capacityType: 'on-demand', min, max, pricePerHour: PRICE } as const;
  if (variant === 'all-on-demand') return [onDemand];
  return [onDemand, { name: 'spot', capacityType: 'spot', min, max, pricePerHour: PRICE * spotPrice }];
}

function controllerOf(variant: StormVariant, pools: readonly StormPool[], slots: number): Controller {
  const pool = (given: StormPool): PoolPolicy => ({
    ...given,
    ...{ kind: 'elastic', slots, expectedSecondsPerRequest: STORM_LOAD.serviceSeconds },
    expectedLeadSeconds: TIMES.boot + TIMES.load,
  });
  const limits = { maxReplicas: MAX_REPLICAS, spotShare: SPOT_SHARE, onDemandBase: 1 };
  const policy = (own: Partial<FleetPolicy>): FleetPolicy =>
    defaultPolicy({ fleet: 'storm', ...limits, ...own });
  switch (variant) {
    case 'paddock':
      return new CoreController(policy({ pools: pools.map(pool) }), true);
    case 'all-on-demand':
      return new CoreController(policy({ pools: pools.map(pool), spotShare: 0 }), false);
    case 'no-fallback': {
      // On-demand has room for its own share alone: there is nothing to fall back to.
      const share = Math.ceil((1 - SPOT_SHARE) * MAX_REPLICAS);
      const limited = pools.map((one) => ({ ...one, max: one.capacityType === 'spot' ? one.max : share }));
      return new CoreController(policy({ pools: limited.map(pool) }), false);
    }
    case 'pending-pods': {
      const [first] = pools;
      const all = pool({ ...(first as StormPool), name: 'all' });
      return new PendingPodController(policy({ pools: [all], spotShare: 0 }), {
        spot: 'spot',
        onDemand: 'on-demand',
      });
    }
  }
}

function rowOf(variant: StormVariant, world: StormWorld, pools: readonly StormPool[]): StormRow {
  const { waits, interrupted, results, lackingSeconds } = world.service;
  const nodeSeconds = { 'on-demand': 0, spot: 0 };
  const dollars = { 'on-demand': 0, spot: 0 };
  for (const { name, capacityType, pricePerHour } of pools) {
    const seconds = world.nodeSeconds.get(name) ?? 0;
    nodeSeconds[capacityType] += roundTo(seconds, 1);
    dollars[capacityType] += (seconds * pricePerHour) / 3600;
  }
  const submitted = results.length;
  const answered = results.filter((count) => count > 0).length;
  return {
    variant,
    requests: {
      ...{ submitted, succeeded: answered, lost: submitted - answered },
      duplicated: results.filter((count) => count > 1).length,
    },
    interrupted: interrupted.size,
    interruptedShare: roundTo(submitted === 0 ? 0 : interrupted.size / submitted, 5),
    waitSeconds: summarize(
      waits.filter((wait) => wait >= 0),
      2,
    ),
    lackingSeconds: roundTo(lackingSeconds, 1),
    nodeSeconds,
    costDollars: {
      'on-demand': roundTo(dollars['on-demand'], 4),
      spot: roundTo(dollars.spot, 4),
      total: roundTo(dollars['on-demand'] + dollars.spot, 4),
    },
    costShare: 1,
  };
}
