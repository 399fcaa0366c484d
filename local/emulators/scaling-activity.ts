import type { ServiceEvent } from './event-entry.ts';
import type { Ids } from './ids.ts';
import { isoSeconds } from './operations.ts';
import type { Activity, Group, Instance, Zone } from './scaling-group.ts';

/** Scaling activities and the events that tell of them, in Auto Scaling's own words. */

const KEPT_ACTIVITIES = 1000;

export interface Account {
  accountId: string;
  region: string;
}

/** Adds an activity in progress to the group's history. `zone` is where it happens. */
export function beginActivity(
  group: Group,
  ids: Ids,
  now: number,
  what: { description: string; cause: string; zone: Zone; status: Activity['StatusCode'] },
): Activity {
  const activity: Activity = {
    ActivityId: ids.uuid(),
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: group.arn,
    Description: what.description,
    Cause: what.cause,
    StartTime: new Date(now),
    StatusCode: what.status,
    Progress: what.status === 'PreInService' ? 30 : 0,
    Details: JSON.stringify({ 'Subnet ID': what.zone.subnetId, 'Availability Zone': what.zone.name }),
  };
  group.activities.unshift(activity);
  group.activities.length = Math.min(group.activities.length, KEPT_ACTIVITIES);
  return activity;
}

export function endActivity(
  group: Group,
  activity: Activity,
  now: number,
  status: 'Successful' | 'Failed' | 'Cancelled',
  message?: string,
): void {
  activity.StatusCode = status;
  activity.EndTime = new Date(now);
  activity.Progress = 100;
  if (message !== undefined) activity.StatusMessage = message;
  group.lastActivityEnd = now;
}

/** `EC2 Instance Launch Successful` and its three siblings. */
export function activityEvent(
  { accountId, region }: Account,
  ids: Ids,
  detailType: string,
  activity: Activity,
  instanceId = '',
): ServiceEvent {
  const failed = activity.StatusCode === 'Failed';
  return {
    source: 'aws.autoscaling',
    detailType,
    resources: [activity.AutoScalingGroupARN, `arn:aws:ec2:${region}:${accountId}:instance/${instanceId}`],
    detail: {
      StatusCode: failed ? 'Failed' : 'InProgress',
      ...(failed ? {} : { Description: activity.Description }),
      AutoScalingGroupName: activity.AutoScalingGroupName,
      ActivityId: activity.ActivityId,
      Details: JSON.parse(activity.Details),
      RequestId: ids.uuid(),
      StatusMessage: activity.StatusMessage ?? '',
      EndTime: activity.EndTime?.toISOString() ?? '',
      EC2InstanceId: instanceId,
      StartTime: activity.StartTime.toISOString(),
      Cause: activity.Cause,
    },
  };
}

/** EC2's notices about a spot instance. */
export function spotEvent(
  detailType: string,
  instance: Instance,
  { accountId, region }: Account,
): ServiceEvent {
  const warning = detailType === 'EC2 Spot Instance Interruption Warning';
  return {
    source: 'aws.ec2',
    detailType,
    // The interruption warning names its zone where an ARN has region and account.
    resources: [
      warning
        ? `arn:aws:ec2:${instance.zone.name}:instance/${instance.id}`
        : `arn:aws:ec2:${region}:${accountId}:instance/${instance.id}`,
    ],
    detail: { 'instance-id': instance.id, ...(warning ? { 'instance-action': 'terminate' } : {}) },
  };
}

export const cause = {
  created: (now: number, desired: number) =>
    `At ${isoSeconds(now)} a user request created an AutoScalingGroup changing the desired capacity from 0 to ${desired}.`,
  desired: (now: number, from: number, to: number) =>
    `At ${isoSeconds(now)} a user request explicitly set group desired capacity changing the desired capacity from ${from} to ${to}.`,
  updated: (now: number, min: number, max: number, from: number, to: number) =>
    `At ${isoSeconds(now)} a user request update of AutoScalingGroup constraints to min: ${min}, max: ${max}, desired: ${to} changing the desired capacity from ${from} to ${to}.`,
  grow: (now: number, from: number, to: number) =>
    `At ${isoSeconds(now)} an instance was started in response to a difference between desired and actual capacity, increasing the capacity from ${from} to ${to}.`,
  shrink: (now: number, from: number, to: number, instanceId: string) =>
    `At ${isoSeconds(now)} an instance was taken out of service in response to a difference between desired and actual capacity, shrinking the capacity from ${from} to ${to}.  At ${isoSeconds(now)} instance ${instanceId} was selected for termination.`,
  userRequest: (now: number, instanceId: string, shrink?: { from: number; to: number }) =>
    `At ${isoSeconds(now)} instance ${instanceId} was taken out of service in response to a user request${shrink ? `, shrinking the capacity from ${shrink.from} to ${shrink.to}` : ''}.`,
  gone: (now: number) =>
    `At ${isoSeconds(now)} an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped.`,
  rebalance: (now: number, instanceId: string) =>
    `At ${isoSeconds(now)} instance ${instanceId} was taken out of service in response to an EC2 instance rebalance recommendation.`,
};

/** What EC2 answers to a launch that it has no room for. */
export function launchRefusal(group: Group, zone: Zone): string {
  const { capacityType, instanceTypes } = group.launch;
  const others = group.zones.filter(({ name }) => name !== zone.name).map(({ name }) => name);
  const reason =
    group.capacityError !== 'InsufficientInstanceCapacity'
      ? 'Unable to fulfill capacity due to your request configuration. Please adjust your request and try again.'
      : capacityType === 'SPOT'
        ? 'There is no Spot capacity available that matches your request.'
        : `We currently do not have sufficient ${instanceTypes[0]} capacity in the Availability Zone you requested (${zone.name}). Our system will be working on provisioning additional capacity.${others.length > 0 ? ` You can currently get ${instanceTypes[0]} capacity by not specifying an Availability Zone in your request or choosing ${others.join(', ')}.` : ''}`;
  const what = capacityType === 'SPOT' ? 'Spot' : 'On-Demand';
  return `Could not launch ${what} Instances. ${group.capacityError} - ${reason} Launching EC2 instance failed.`;
}
