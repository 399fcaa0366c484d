import type { Clock } from './clock.ts';
import type { EventSink } from './events.ts';
import type { Ids } from './ids.ts';
import type { NodeLifecycle } from './nodes.ts';
import type { Account } from './scaling-activity.ts';

export interface ScalingTimings {
  /** From the launch until the node joins. Default 60. */
  bootSeconds?: number;
  /** From a change until the group acts on it. AWS takes 10 to 15; default 0. */
  reactionSeconds?: number;
  /** From the order to end an instance until it is gone. Default 10. */
  terminateSeconds?: number;
  /** Between failed launches. Default 60. */
  launchRetrySeconds?: number;
  /** Between a spot interruption warning and the end. AWS gives 120, the default. */
  spotNoticeSeconds?: number;
  /** From EC2 ending an instance until its group notices. Default 30. */
  healthCheckSeconds?: number;
  /**
   * From an instance's end without its group's doing until its node is taken out of the cluster. Default 50: Kubernetes takes a
   * silent kubelet for alive that long (`--node-monitor-grace-period`), and only then asks EC2.
   */
  nodeGoneSeconds?: number;
  /** How long EKS waits for a node that it drains. AWS: 900, the default. */
  drainSeconds?: number;
}

export interface EngineOptions extends Account, ScalingTimings {
  clock: Clock;
  ids: Ids;
  nodes: NodeLifecycle;
  events: EventSink;
  /** The instance's power is off: what ran on its node runs no more, and nobody has told Kubernetes. */
  onPowerOff?(nodeName: string): void;
  onError(error: unknown): void;
}

export const ENGINE_DEFAULTS = {
  bootSeconds: 60,
  reactionSeconds: 0,
  terminateSeconds: 10,
  launchRetrySeconds: 60,
  spotNoticeSeconds: 120,
  healthCheckSeconds: 30,
  nodeGoneSeconds: 50,
  drainSeconds: 900,
  onPowerOff: (_nodeName: string): void => {},
};
