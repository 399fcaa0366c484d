import type { Timer } from './clock.ts';
import type { NodeTaint } from './nodes.ts';

/** State of the emulated Auto Scaling groups. Times are milliseconds since the epoch. */

export interface Zone {
  /** `us-east-1a` */
  name: string;
  subnetId: string;
}

export type CapacityType = 'ON_DEMAND' | 'SPOT';

/** What a group's launch template starts. */
export interface LaunchConfig {
  nodegroupName: string;
  capacityType: CapacityType;
  /** In order of preference; at least one. */
  instanceTypes: string[];
  labels: Record<string, string>;
  taints: NodeTaint[];
  /** Of the image. */
  release: string;
  /** What its kubelet says. */
  kubernetesVersion: string;
}

export interface GroupSpec {
  name: string;
  minSize: number;
  maxSize: number;
  desiredCapacity: number;
  zones: Zone[];
  launch: LaunchConfig;
  tags: Record<string, string>;
  /** Replace a spot instance when EC2 recommends it (EKS does so for spot node groups). */
  capacityRebalance: boolean;
}

export type LifecycleState = 'Pending' | 'InService' | 'Terminating';

export interface Instance {
  id: string;
  type: string;
  /** Of the image that it runs. */
  release: string;
  zone: Zone;
  internalIp: string;
  nodeName: string;
  state: LifecycleState;
  health: 'Healthy' | 'Unhealthy';
  launchedAt: number;
  /** The group does not choose it when it shrinks. */
  isProtected: boolean;
  /** EC2 advised to replace it. */
  rebalance: boolean;
  /** EC2 warned that it takes it back. */
  noticed?: boolean;
  /** EKS empties its node. */
  draining: boolean;
  /** EC2 has ended it, though its group may not have noticed. */
  gone: boolean;
  /** Its node was asked to join, so it has to be removed. */
  joined: boolean;
  joining?: Promise<void>;
  launch: Activity;
}

export interface Activity {
  ActivityId: string;
  AutoScalingGroupName: string;
  Description: string;
  Cause: string;
  StartTime: Date;
  EndTime?: Date;
  StatusCode: 'PreInService' | 'InProgress' | 'Successful' | 'Failed' | 'Cancelled';
  StatusMessage?: string;
  Progress: number;
  /** JSON text. */
  Details: string;
  AutoScalingGroupARN: string;
}

export interface LaunchFailure {
  at: number;
  message: string;
}

export interface Group {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: number;
  minSize: number;
  maxSize: number;
  desiredCapacity: number;
  /** Seconds. */
  defaultCooldown: number;
  readonly zones: Zone[];
  launch: LaunchConfig;
  readonly tags: Map<string, string>;
  capacityRebalance: boolean;
  /** Suspended processes and since when. */
  readonly suspended: Map<string, number>;
  readonly instances: Map<string, Instance>;
  /** Newest first. */
  readonly activities: Activity[];
  /** Why desired last changed, until an activity has told so. */
  pendingCause: string;
  /** Further launches that EC2 grants. */
  capacity: number;
  capacityError: string;
  /** Further launches whose nodes will never be ready. */
  unreadyLaunches: number;
  /** The last launch failed; undefined again once one succeeds. */
  launchFailure: LaunchFailure | undefined;
  /** When the last activity ended. */
  lastActivityEnd: number | undefined;
  /** Requests that will be refused with ResourceContention. */
  contentions: number;
  reconciliation: { timer: Timer; due: number } | undefined;
}

export const isLive = (instance: Instance): boolean => instance.state !== 'Terminating';

export const liveInstances = (group: Group): Instance[] => [...group.instances.values()].filter(isLive);

/** The zone with the fewest live instances: groups keep their zones balanced. The first wins a tie. */
export function zoneToLaunchIn(group: Group): Zone {
  const counts = countByZone(liveInstances(group));
  const [first, ...others] = group.zones;
  if (!first) throw new RangeError(`Auto Scaling group ${group.name} has no zone.`);
  return others.reduce(
    (best, zone) => ((counts.get(zone.name) ?? 0) < (counts.get(best.name) ?? 0) ? zone : best),
    first,
  );
}

/** As EKS sets them on the groups of its node groups. */
export const TERMINATION_POLICIES = ['AllocationStrategy', 'OldestLaunchTemplate', 'OldestInstance'];

/**
 * Which instance a shrinking group ends: in the zone with the most instances (all such zones, on a tie) the oldest.
 * It knows nothing of what an instance is doing.
 * @param live at least one instance, in order of launch.
 */
export function victim(live: Instance[]): Instance {
  const counts = countByZone(live);
  const most = Math.max(...counts.values());
  return live
    .filter(({ zone }) => counts.get(zone.name) === most)
    .reduce((oldest, instance) => (instance.launchedAt < oldest.launchedAt ? instance : oldest));
}

function countByZone(instances: Instance[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { zone } of instances) counts.set(zone.name, (counts.get(zone.name) ?? 0) + 1);
  return counts;
}
