import type { FleetRollout, RolloutPod } from '../../adapters/kubernetes/rollout.ts';
import { judge } from '../../core/upgrade/judge.ts';
import type { WorkloadChange } from '../../core/upgrade/plan.ts';
import { backStep, type RollingPool, rollStep } from '../../core/upgrade/roll.ts';
import { newTally, type Tally } from '../../core/upgrade/tally.ts';
import { warmLimit } from './canary.ts';
import { backEks } from './control-plane.ts';
import type { UpgradeDependencies } from './dependencies.ts';
import type { UpgradeEvent } from './event.ts';
import { clear, isRunning, markPools, wantedRuns } from './marks.ts';
import { newState, type StepResult } from './result.ts';
import { oneRound } from './round.ts';

const WAIT_SECONDS = 5;

type Event = Pick<UpgradeEvent, 'execution' | 'plan' | 'state'>;

/** One look at the pools while their replicas are replaced; asks those that are new, and ends when one is worse than the rest was. */
export async function roll(
  { execution, plan, state = newState() }: Event,
  deps: UpgradeDependencies,
): Promise<StepResult> {
  let rolled = state.rolled;
  const finished = state.finished.filter((name) => !name.startsWith('roll-'));
  const failed = (say: string): StepResult => ({
    ...{ outcome: 'failed', say, waitSeconds: 1 },
    state: { ...state, rolled, finished },
  });
  for (const change of plan?.changes ?? []) {
    const rollout = await deps.rollouts.read(change.fleet);
    await markPools(deps, execution, rollout, change.sparePool, 'roll');
    const pools = rollingPools(change, rollout, 'to');
    const step = rollStep(pools, { at: deps.now(), warmSeconds: await warmLimit(deps, change.fleet) });
    if (step.kind === 'failed') return failed(step.reason);
    const isDone = (pool: RollingPool) => rollStep([pool], { at: 0, warmSeconds: 0 }).kind === 'done';
    finished.push(...pools.filter(isDone).map(({ name }) => `roll-${change.fleet}-${name}`));
    rolled = await askNew(deps, change, rollout, state.tally, rolled);
    const worse = worseThan(state.tally, rolled, change);
    if (worse) return failed(`the new replicas of ${change.fleet}: ${worse}`);
    if (step.kind === 'done') continue;
    if (step.kind === 'change') await changePool(deps, change, rollout, step.pool, 'to');
    return {
      ...{ outcome: 'wait', say: `${change.fleet}: ${step.reason}`, waitSeconds: WAIT_SECONDS },
      state: { ...state, rolled, finished },
    };
  }
  return {
    outcome: 'done',
    say: 'every replica is new',
    waitSeconds: 1,
    state: { ...state, rolled, finished },
  };
}

/** One look at the pools on the way back. Repeated until nothing of the upgrade is left. */
export async function back(event: UpgradeEvent, deps: UpgradeDependencies): Promise<StepResult> {
  const { execution, plan, state = newState() } = event;
  if (plan?.changes.length === 0) return backEks(event, deps);
  for (const change of plan?.changes ?? []) {
    const rollout = await deps.rollouts.read(change.fleet);
    const pools = rollingPools(change, rollout, 'from');
    const step = backStep(pools);
    if (step.kind === 'done' && pools.every(({ hasTemplate }) => hasTemplate)) continue;
    await markPools(deps, execution, rollout, change.sparePool, 'roll');
    for (const [pool, replicas] of Object.entries(rollout.canaries))
      if (replicas > 0) await deps.rollouts.setCanary(change.fleet, pool, 0);
    // All at once: the controllers still replace one replica after the other in each.
    for (const pool of pools)
      if (!pool.hasTemplate) await changePool(deps, change, rollout, pool.name, 'from');
    for (const name of step.remove) {
      const pod = rollout.pods.find((one) => one.name === name);
      if (pod) await deps.rollouts.removePod(pod.name, pod.uid);
    }
    const say = `back: ${change.fleet}: ${'reason' in step ? step.reason : 'the last pool'}`;
    return { outcome: 'wait', say, waitSeconds: WAIT_SECONDS, state };
  }
  for (const { fleet } of plan?.changes ?? []) await clear(deps, fleet, await deps.rollouts.read(fleet));
  return { outcome: 'done', say: 'everything is as it was', waitSeconds: 1, state };
}

function rollingPools(
  change: WorkloadChange,
  { workloads, pods }: FleetRollout,
  direction: 'to' | 'from',
): RollingPool[] {
  return change.pools.flatMap((name) => {
    const workload = workloads.find(({ pool }) => pool === name);
    if (!workload) return [];
    const wanted = wantedRuns(change, workload, direction);
    return [
      {
        name,
        hasTemplate: isRunning(workload, wanted),
        desired: workload.replicas,
        pods: pods
          .filter((pod) => pod.pool === name && !pod.isCanary)
          .map((pod) => ({ ...pod, isNew: isRunning(pod, wanted) })),
      },
    ];
  });
}

async function changePool(
  { rollouts }: UpgradeDependencies,
  change: WorkloadChange,
  { workloads }: FleetRollout,
  pool: string,
  direction: 'to' | 'from',
): Promise<void> {
  const workload = workloads.find((one) => one.pool === pool);
  if (workload) await rollouts.change(workload, wantedRuns(change, workload, direction));
}

async function askNew(
  deps: UpgradeDependencies,
  change: WorkloadChange,
  { workloads, pods }: FleetRollout,
  soaked: Tally | undefined,
  rolled: Tally | undefined,
): Promise<Tally | undefined> {
  const isNew = (pod: RolloutPod): boolean => {
    const workload = workloads.find(({ pool }) => pool === pod.pool);
    return workload !== undefined && isRunning(pod, wantedRuns(change, workload, 'to'));
  };
  const fresh = pods.filter((pod) => !pod.isCanary && pod.isReady && !pod.isTerminating && isNew(pod));
  const before = rolled ?? { ...newTally(), reference: soaked?.reference ?? {} };
  return fresh.length === 0 ? rolled : oneRound(deps, change, before, { canary: fresh, rest: [] });
}

/** The new replicas serve people: they may be slower than the canary was, but not fail or answer worse. */
function worseThan(
  soaked: Tally | undefined,
  rolled: Tally | undefined,
  change: WorkloadChange,
): string | undefined {
  if (!soaked || !rolled) return undefined;
  const tally: Tally = { ...rolled, canary: { ...rolled.canary, pace: [] }, rest: soaked.rest };
  const target = change.model ? 'model' : 'ollama';
  const judgement = judge(tally, { target, elapsed: 0, soakSeconds: 1 });
  return judgement.outcome === 'fail' ? judgement.reason : undefined;
}
