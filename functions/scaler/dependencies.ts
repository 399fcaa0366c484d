import type { NodeGroupsReader } from '../../adapters/aws/auto-scaling.ts';
import type { FleetParametersReader } from '../../adapters/aws/fleet-parameters.ts';
import type { FleetState } from '../../adapters/aws/fleet-state.ts';
import type { Notices } from '../../adapters/aws/notices.ts';
import type { QueueCountsReader } from '../../adapters/aws/queue-counts.ts';
import type { Leases } from '../../adapters/kubernetes/leases.ts';
import type { Nodes } from '../../adapters/kubernetes/nodes.ts';
import type { Pods } from '../../adapters/kubernetes/pods.ts';
import type { Workloads } from '../../adapters/kubernetes/workloads.ts';
import type { decide } from '../../core/scaling/decide.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import type { Log } from '../shared/telemetry.ts';
import type { Gauges } from './metrics.ts';

/** What a tick observes through. */
export interface Observers {
  queue: QueueCountsReader;
  nodeGroups: NodeGroupsReader;
  workloads: Workloads;
  pods: Pods;
  leases: Leases;
  nodes: Nodes;
  notices: Notices;
}

/** All that a tick reaches outside itself. */
export interface TickDependencies extends Observers {
  parameters: FleetParametersReader;
  state: FleetState;
  decide: typeof decide;
  now: () => Seconds;
  log: Log;
  gauges: Gauges;
  /** One reading may take this long, milliseconds. */
  readingTimeoutMs: number;
}
