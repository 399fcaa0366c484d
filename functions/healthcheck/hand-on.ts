import type { FailedLaunchesReader } from '../../adapters/aws/failed-launches.ts';
import type { SpotFallbackStarter } from '../../adapters/aws/spot-fallback.ts';
import type { NodeGroupHealth } from '../../core/health/observations.ts';
import type { Reading, Seconds } from '../../core/scaling/types.ts';
import { LAUNCH_FAILURES, launchFailureEvent } from '../../core/spot/events.ts';
import { LATEST_NOTICE_SECONDS } from '../../core/spot/quarantine.ts';
import { messageOf } from '../shared/async.ts';
import type { Log } from '../shared/telemetry.ts';

export interface HandOnDependencies {
  failedLaunches: FailedLaunchesReader;
  spotFallback: SpotFallbackStarter;
  log: Log;
}

/**
 * Hands the last failed launch of each node group that EKS finds unable to launch on to `spot-fallback`: EKS sends no event,
 * and Auto Scaling's own may be lost. EKS's issue has no time and stays until a launch succeeds, so the launch is what tells
 * a new failure from one that is known. Never throws: the next look, a minute later, does it again.
 */
export async function handOnFailedLaunches(
  nodeGroups: Reading<NodeGroupHealth[]>,
  at: Seconds,
  deps: HandOnDependencies,
): Promise<void> {
  if (!nodeGroups.ok) return;
  const failing = nodeGroups.value.filter(({ issues }) =>
    issues.some(({ code }) => code === LAUNCH_FAILURES),
  );
  await Promise.all(failing.map((group) => handOn(group, at, deps)));
}

async function handOn(
  { name, autoScalingGroups }: NodeGroupHealth,
  at: Seconds,
  { failedLaunches, spotFallback, log }: HandOnDependencies,
): Promise<void> {
  for (const autoScalingGroup of autoScalingGroups) {
    try {
      const launch = await failedLaunches.last(autoScalingGroup);
      if (!launch || at - launch.at > LATEST_NOTICE_SECONDS) continue;
      const event = launchFailureEvent(name, launch);
      if (await spotFallback.start(`issue-${launch.activityId}`, event))
        log.info('A failed launch is handed on to spot-fallback', { event });
    } catch (error) {
      log.warn('A failed launch could not be handed on', { nodeGroup: name, error: messageOf(error) });
    }
  }
}
