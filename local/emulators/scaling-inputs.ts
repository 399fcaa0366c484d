import { z } from 'zod';
import { AwsError } from '../front/types.ts';
import { bool, integer, parse } from './operations.ts';
import type { Group } from './scaling-group.ts';

/** What Auto Scaling's operations take, and what they refuse. */

export const PROCESSES = [
  'Launch',
  'Terminate',
  'AddToLoadBalancer',
  'AlarmNotification',
  'AZRebalance',
  'HealthCheck',
  'InstanceRefresh',
  'ReplaceUnhealthy',
  'ScheduledActions',
];

const name = z.string().min(1);
const paging = { MaxRecords: integer.min(0).optional(), NextToken: z.string().optional() };
export const schemas = {
  setDesiredCapacity: z.object({
    AutoScalingGroupName: name,
    DesiredCapacity: integer.min(0),
    HonorCooldown: bool.default(false),
  }),
  terminate: z.object({ InstanceId: name, ShouldDecrementDesiredCapacity: bool }),
  describeGroups: z.object({
    AutoScalingGroupNames: z.array(z.string()).default([]),
    Filters: z.array(z.object({ Name: z.string(), Values: z.array(z.string()).default([]) })).default([]),
    IncludeInstances: bool.default(true),
    ...paging,
  }),
  describeActivities: z.object({
    AutoScalingGroupName: name.optional(),
    ActivityIds: z.array(z.string()).default([]),
    ...paging,
  }),
  protection: z.object({
    AutoScalingGroupName: name,
    InstanceIds: z.array(z.string()).min(1).max(50),
    ProtectedFromScaleIn: bool,
  }),
  processes: z.object({ AutoScalingGroupName: name, ScalingProcesses: z.array(z.string()).default([]) }),
  update: z.object({
    AutoScalingGroupName: name,
    MinSize: integer.min(0).optional(),
    MaxSize: integer.min(0).optional(),
    DesiredCapacity: integer.min(0).optional(),
    DefaultCooldown: integer.min(0).optional(),
    CapacityRebalance: bool.optional(),
  }),
};

export const invalid = (message: string): AwsError => new AwsError('ValidationError', message);
export const validate = <T>(schema: z.ZodType<T>, input: unknown): T =>
  parse(schema, input, 'ValidationError');

/** Throws ValidationError. */
export function checkSizes(min: number, max: number, desired: number): void {
  if (min > max) throw invalid(`Max bound, ${max}, must be greater than or equal to min bound, ${min}`);
  if (desired < min || desired > max) {
    throw invalid(
      `Desired capacity:${desired} must be between the specified min size:${min} and max size:${max}`,
    );
  }
}

/** Throws ScalingActivityInProgress while an activity runs, or the cooldown after one does. */
export function checkCooldown(group: Group, now: number): void {
  const [latest] = group.activities;
  const running = group.activities.find(({ EndTime }) => EndTime === undefined);
  const end = group.lastActivityEnd;
  const cooling = end !== undefined && now < end + group.defaultCooldown * 1000;
  const blocking = running ?? (cooling ? latest : undefined);
  if (blocking) {
    throw new AwsError(
      'ScalingActivityInProgress',
      `Scaling activity ${blocking.ActivityId} is in progress and blocks this action`,
    );
  }
}
