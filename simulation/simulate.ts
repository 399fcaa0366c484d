import type { FleetPolicy, Plan } from '../core/scaling/types.ts';
import { mean, roundTo, type Summary, summarize } from '../core/statistics.ts';
import type { Arrivals } from './arrivals.ts';
import { SimulatedFleet } from './fleet.ts';
import { defaultPolicy } from './policy.ts';
import { backlogPerInstance } from './rules/backlog-per-instance.ts';
import { keda } from './rules/keda.ts';
import { knative } from './rules/knative.ts';
import { kubeai } from './rules/kubeai.ts';
import { paddock } from './rules/paddock.ts';
import type { ScalingRule } from './rules/rule.ts';

export const RULE_NAMES = ['paddock', 'keda', 'knative', 'backlog-per-instance', 'kubeai'] as const;
export type RuleName = (typeof RULE_NAMES)[number];

export const isRuleName = (name: string): name is RuleName =>
  (RULE_NAMES as readonly string[]).includes(name);

export interface SimulationOptions {
  slots: number;
  /** Seconds from the decision to add a replica until it is warm. */
  leadSeconds: number;
  targetWaitSeconds: number;
  maxReplicas: number;
  counterLagSeconds: number;
  /** When the first tick is, seconds; the load does not wait for it. */
  phaseSeconds: number;
  seed: number;
  /** Changes to the policy that the rule `paddock` runs with. */
  policy?: Partial<FleetPolicy>;
  /** What the pool's configuration states; by default the truth. Both are learned. */
  statedLeadSeconds?: number;
  statedSecondsPerRequest?: number;
  onPlan?: (plan: Plan) => void;
  /** Told the share of the arrivals' time that was played, after each tick. */
  onProgress?: (share: number) => void;
}

const DEFAULT_OPTIONS: SimulationOptions = {
  slots: 4,
  leadSeconds: 20,
  targetWaitSeconds: 10,
  maxReplicas: 200,
  counterLagSeconds: 0,
  phaseSeconds: 0,
  seed: 1,
};

/** What a rule made of the arrivals. Waits are seconds from arrival to first start. */
export interface SimulationRow {
  rule: RuleName;
  /** Share of the requests that started within the target wait. */
  startedInTime: number;
  waitSeconds: Summary;
  replicaSeconds: number;
  /** Replica-seconds ÷ (work ÷ slots). */
  costRatio: number;
  peakReplicas: number;
  cutOff: number;
}

export interface SimulationResult extends SimulationRow {
  finalReplicas: number;
  /** When the last request was done, and at least the arrivals' duration. */
  endedAt: number;
}

/** Plays the arrivals through a fleet that one rule scales. */
export function simulate(
  name: RuleName,
  arrivals: Arrivals,
  given: Partial<SimulationOptions> = {},
): SimulationResult {
  const options = { ...DEFAULT_OPTIONS, ...given };
  const fleet = new SimulatedFleet(arrivals, options);
  const rule = makeRule(name, arrivals, options);
  const { durationSeconds } = arrivals;
  let tickAt = options.phaseSeconds;
  for (;;) {
    fleet.advance(tickAt, durationSeconds);
    if (fleet.isDone && fleet.now >= durationSeconds) break;
    // Nothing may happen between the last completion and the end of the trace: stop there, not at the tick.
    if (fleet.isDone && tickAt > durationSeconds) break;
    rule.tick(fleet);
    options.onProgress?.(durationSeconds === 0 ? 1 : Math.min(1, tickAt / durationSeconds));
    tickAt += rule.tickSeconds;
  }
  fleet.finish();
  return resultOf(name, fleet, options);
}

function makeRule(name: RuleName, arrivals: Arrivals, options: SimulationOptions): ScalingRule {
  switch (name) {
    case 'paddock':
      return paddock(policyFor(arrivals, options), options.onPlan);
    case 'keda':
      return keda();
    case 'knative':
      return knative();
    case 'kubeai':
      return kubeai();
    case 'backlog-per-instance':
      return backlogPerInstance((options.targetWaitSeconds * options.slots) / mean(arrivals.service));
  }
}

function policyFor(arrivals: Arrivals, options: SimulationOptions): FleetPolicy {
  const policy = defaultPolicy({
    targetWaitSeconds: options.targetWaitSeconds,
    maxReplicas: options.maxReplicas,
    ...options.policy,
  });
  const pools = policy.pools.map((pool) => ({
    ...pool,
    max: options.maxReplicas,
    slots: options.slots,
    expectedLeadSeconds: options.statedLeadSeconds ?? options.leadSeconds,
    expectedSecondsPerRequest: options.statedSecondsPerRequest ?? mean(arrivals.service),
  }));
  return { ...policy, pools };
}

function resultOf(rule: RuleName, fleet: SimulatedFleet, options: SimulationOptions): SimulationResult {
  const { waits } = fleet;
  const work = fleet.arrivals.service.reduce((total, seconds) => total + seconds, 0);
  const inTime = waits.filter((wait) => wait <= options.targetWaitSeconds).length;
  return {
    rule,
    startedInTime: roundTo(waits.length === 0 ? 1 : inTime / waits.length, 4),
    waitSeconds: summarize(waits, 3),
    replicaSeconds: roundTo(fleet.replicaSeconds, 1),
    costRatio: roundTo(work === 0 ? 0 : fleet.replicaSeconds / (work / options.slots), 3),
    peakReplicas: fleet.peakReplicas,
    cutOff: fleet.cutOff,
    finalReplicas: fleet.replicas.length,
    endedAt: roundTo(fleet.now, 3),
  };
}
