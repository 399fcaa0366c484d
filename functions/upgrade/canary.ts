import type { FleetRollout, RolloutPod } from '../../adapters/kubernetes/rollout.ts';
import type { WarmFailure } from '../../core/protocol/warmup.ts';
import { judge } from '../../core/upgrade/judge.ts';
import type { UpgradePlan, WorkloadChange } from '../../core/upgrade/plan.ts';
import { rollStep } from '../../core/upgrade/roll.ts';
import { newTally } from '../../core/upgrade/tally.ts';
import type { UpgradeDependencies } from './dependencies.ts';
import type { StepState, UpgradeEvent } from './event.ts';
import { isRunning, markPools, wantedRuns } from './marks.ts';
import { newState, type StepResult } from './result.ts';
import { oneRound } from './round.ts';

/** A node may not be had at once; past this there is none. */
const NODE_SECONDS = 1800;
/** Between two rounds; a short soak has shorter ones. */
const ROUND_SECONDS = 15;
const ROUNDS_AT_LEAST = 10;

/**
 * One look at a fleet's canary: gives it its replica, waits until its models answer, asks it beside those that serve, and judges.
 * One fleet after the other.
 */
export async function canary(
  { execution, plan, state = newState() }: Pick<UpgradeEvent, 'execution' | 'plan' | 'state'>,
  deps: UpgradeDependencies,
): Promise<StepResult> {
  const change = plan?.changes[state.index];
  if (!plan || !change)
    return { outcome: 'done', say: 'every canary is as good as the rest', waitSeconds: 1, state };
  const now = deps.now();
  const since = state.since || now;
  const rollout = await deps.rollouts.read(change.fleet);
  await markPools(deps, execution, rollout, change.sparePool, 'canary');
  const workload = rollout.workloads.find(({ pool }) => pool === change.sparePool);
  if (!workload) return failed(`the fleet ${change.fleet} has no workload ${change.sparePool}`, state);
  const wanted = wantedRuns(change, workload, 'to');
  const pod = rollout.pods.find((one) => one.isCanary && !one.isTerminating && isRunning(one, wanted));
  if (!pod || (rollout.canaries[change.sparePool] ?? 0) === 0)
    await deps.rollouts.setCanary(change.fleet, change.sparePool, 1, wanted);

  const waiting = await whyWaiting(deps, change, pod, now - since);
  if (waiting) return waiting({ ...state, since });
  return ask({ plan, change, state: { ...state, since }, pod: pod as RolloutPod, rollout }, deps);
}

/** Undefined: the canary can be asked. */
async function whyWaiting(
  deps: UpgradeDependencies,
  { fleet, sparePool }: WorkloadChange,
  pod: RolloutPod | undefined,
  waited: number,
): Promise<((state: StepState) => StepResult) | undefined> {
  const wait = (say: string) => (state: StepState) => ({
    outcome: 'wait' as const,
    say,
    waitSeconds: 5,
    state,
  });
  if (!pod || pod.boundAt === undefined)
    return waited > NODE_SECONDS
      ? (state) => failed(`the canary of ${fleet} got no node in ${NODE_SECONDS / 60} minutes`, state)
      : wait(`the canary of ${fleet} waits for a node in pool ${sparePool}`);
  const warmSeconds = await warmLimit(deps, fleet);
  const step = rollStep(
    [{ name: sparePool, hasTemplate: true, desired: 1, pods: [{ ...pod, isNew: true }] }],
    { at: deps.now(), warmSeconds },
  );
  if (step.kind === 'failed')
    return (state) => failed(step.reason.replace('the new replica', 'the canary'), state);
  if (pod.isReady && pod.ip !== undefined) return undefined;
  const loads = `the canary ${pod.name} loads its models`;
  const trouble = await warmTrouble(deps, pod);
  if (trouble && !trouble.retryable) return (state) => failed(`${loads} and can't: ${trouble.reason}`, state);
  const { reason = '', message = '' } = pod.waiting ?? {};
  const why = trouble?.reason ?? [reason, message].filter(Boolean).join(': ');
  return wait(why ? `${loads}; what holds it up: ${why}` : loads);
}

/** Why its models are not loaded: there is no such model, the disk is too small. */
async function warmTrouble(
  { askWarmth }: UpgradeDependencies,
  { ip }: RolloutPod,
): Promise<WarmFailure | undefined> {
  const warmth = ip === undefined ? undefined : await askWarmth(ip);
  return warmth?.models.flatMap(({ failure }) => failure ?? []).toSorted(byHope)[0];
}

/** What trying again does not mend first. */
const byHope = (a: WarmFailure, b: WarmFailure): number => Number(a.retryable) - Number(b.retryable);

/** As long as the slowest pool is expected to take, three times over; ten minutes at least. */
export async function warmLimit(
  { parameters }: Pick<UpgradeDependencies, 'parameters'>,
  fleet: string,
): Promise<number> {
  const { policy } = await parameters.read(fleet);
  return Math.max(600, 3 * Math.max(...policy.pools.map(({ expectedLeadSeconds }) => expectedLeadSeconds)));
}

async function ask(
  {
    plan,
    change,
    state,
    pod,
    rollout,
  }: {
    plan: UpgradePlan;
    change: WorkloadChange;
    state: StepState;
    pod: RolloutPod;
    rollout: FleetRollout;
  },
  deps: UpgradeDependencies,
): Promise<StepResult> {
  const { config } = deps;
  const askedSince = state.askedSince || deps.now();
  const before = state.tally ?? newTally();
  const rest = rollout.pods.filter(
    ({ isCanary, isReady, isTerminating }) => isReady && !isCanary && !isTerminating,
  );
  const tally = await oneRound(deps, change, before, { canary: [pod], rest });
  const judgement = judge(tally, {
    target: change.model ? 'model' : 'ollama',
    elapsed: deps.now() - askedSince,
    soakSeconds: config.soakSeconds,
  });
  const next: StepState = { ...state, askedSince, tally };
  switch (judgement.outcome) {
    case 'fail':
      return failed(judgement.reason, next);
    case 'undecided': {
      const waitSeconds = Math.max(
        1,
        Math.round(Math.min(ROUND_SECONDS, config.soakSeconds / ROUNDS_AT_LEAST)),
      );
      const say = `the canary of ${change.fleet} soaks: ${judgement.reason}`;
      return { outcome: 'wait', say, waitSeconds, state: next };
    }
    case 'pass': {
      await deps.rollouts.setCanary(change.fleet, change.sparePool, 0);
      const index = state.index + 1;
      const say = `the canary of ${change.fleet} is as good as the rest: ${judgement.reason}`;
      // The last one's tally is what the replicas to come are measured by.
      const done = index >= plan.changes.length;
      const finished = [...state.finished, `canary-${change.fleet}`];
      const fresh: StepState = { ...newState(), index, finished, ...(done && { tally }) };
      return { outcome: done ? 'done' : 'wait', say, waitSeconds: 1, state: fresh };
    }
  }
}

const failed = (say: string, state: StepState): StepResult => ({
  outcome: 'failed',
  say,
  waitSeconds: 1,
  state,
});
