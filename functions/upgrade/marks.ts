import type { FleetRollout, RolloutWorkload } from '../../adapters/kubernetes/rollout.ts';
import type { UpgradeMark } from '../../core/protocol/upgrade.ts';
import type { WorkloadChange } from '../../core/upgrade/plan.ts';
import type { UpgradeDependencies } from './dependencies.ts';

/** A mark outlives some missed steps; one of an execution that died soon counts for nothing. */
const MARK_SECONDS = 900;
/** Renewed when so much of it has gone. */
const RENEW_SECONDS = 300;

/**
 * Marks all pools of a fleet, so that nothing of them shrinks. The spare pool has one node more for the canary, or one replica
 * more while the others are replaced: how many that makes stands in the mark itself once it was decided.
 */
export async function markPools(
  { rollouts, now }: Pick<UpgradeDependencies, 'rollouts' | 'now'>,
  execution: string,
  { workloads }: FleetRollout,
  sparePool: string,
  phase: 'canary' | 'roll',
): Promise<void> {
  for (const workload of workloads) {
    const isSpare = workload.pool === sparePool;
    const before = workload.mark;
    const mark: UpgradeMark = {
      v: 1,
      holder: execution,
      until: Math.round(now() + MARK_SECONDS),
      spareNodes: isSpare && phase === 'canary' ? 1 : 0,
      replicas: isSpare && phase === 'roll' ? before?.replicas || workload.replicas + 1 : 0,
    };
    if (before && isSame(before, mark) && before.until - now() > MARK_SECONDS - RENEW_SECONDS) continue;
    await rollouts.mark(workload, mark);
  }
}

const isSame = (one: UpgradeMark, other: UpgradeMark): boolean =>
  one.holder === other.holder && one.spareNodes === other.spareNodes && one.replicas === other.replicas;

/** Takes away what an upgrade put there, whichever execution it was: canaries and marks. */
export async function clear(
  { rollouts }: Pick<UpgradeDependencies, 'rollouts'>,
  fleet: string,
  { workloads, canaries }: FleetRollout,
): Promise<void> {
  for (const [pool, replicas] of Object.entries(canaries))
    if (replicas > 0) await rollouts.setCanary(fleet, pool, 0);
  for (const workload of workloads) if (workload.mark) await rollouts.mark(workload, null);
}

/** What a change wants a workload to run. */
export const wantedRuns = (
  { image, model }: WorkloadChange,
  workload: Pick<RolloutWorkload, 'image' | 'models'>,
  direction: 'to' | 'from',
): { image: string; models: string[] } => ({
  image: image ? image[direction] : workload.image,
  models: model
    ? workload.models.map((name) => (name === model.from || name === model.to ? model[direction] : name))
    : [...workload.models],
});

export const isRunning = (
  pod: { image: string; models: readonly string[] },
  wanted: { image: string; models: readonly string[] },
): boolean => pod.image === wanted.image && pod.models.join() === wanted.models.join();
