import type { Issue, Nodegroup, UpdateParam } from '@aws-sdk/client-eks';
import { z } from 'zod';
import { AwsError } from '../front/types.ts';
import type { AutoScalingEmulator } from './autoscaling.ts';
import type { Updates } from './eks-updates.ts';
import { integer } from './operations.ts';
import type { CapacityType, Group, Zone } from './scaling-group.ts';

export interface EksTaint {
  key: string;
  value?: string | undefined;
  /** `NO_SCHEDULE`, `PREFER_NO_SCHEDULE` or `NO_EXECUTE`. */
  effect: string;
}

export interface NodegroupSpec {
  nodegroupName: string;
  clusterName: string;
  capacityType: CapacityType;
  /** At least one that local/emulators/instance-types.ts knows. */
  instanceTypes: string[];
  labels?: Record<string, string>;
  taints?: EksTaint[];
  /** `desiredSize` defaults to `minSize`. */
  scalingConfig: { minSize: number; maxSize: number; desiredSize?: number };
  /** At least one. */
  zones: Zone[];
  tags?: Record<string, string>;
  /** Nodes that a version update takes at a time. Default 1. */
  maxUnavailable?: number;
}

export interface StoredNodegroup {
  readonly group: Group;
  readonly arn: string;
  readonly clusterName: string;
  readonly nodegroupName: string;
  version: string;
  /** Of the nodes' image. */
  release: string;
  readonly capacityType: CapacityType;
  readonly instanceTypes: string[];
  labels: Record<string, string>;
  taints: EksTaint[];
  readonly tags: Record<string, string>;
  readonly zones: Zone[];
  /** As EKS last saw it: `desiredSize` follows the Auto Scaling group late. */
  scaling: { minSize: number; maxSize: number; desiredSize: number };
  readonly maxUnavailable: number;
  issues: Issue[];
  readonly updates: Updates;
  readonly createdAt: number;
  modifiedAt: number;
}

const EFFECTS: Record<string, string> = {
  NO_SCHEDULE: 'NoSchedule',
  PREFER_NO_SCHEDULE: 'PreferNoSchedule',
  NO_EXECUTE: 'NoExecute',
};

/** EKS's spelling of taints to Kubernetes'. Throws InvalidParameterException. */
export const kubernetesTaints = (taints: EksTaint[]) =>
  taints.map(({ key, value, effect }) => {
    const spelled = EFFECTS[effect];
    if (!spelled) {
      throw new AwsError(
        'InvalidParameterException',
        `Invalid taint effect ${effect} of ${key}: use one of ${Object.keys(EFFECTS).join(', ')}.`,
      );
    }
    return { key, value, effect: spelled };
  });

const taint = z.object({ key: z.string(), value: z.string().optional(), effect: z.string() });

export const nodegroupUpdate = z.object({
  clusterName: z.string(),
  nodegroupName: z.string(),
  scalingConfig: z
    .object({
      minSize: integer.min(0).optional(),
      maxSize: integer.min(1).optional(),
      desiredSize: integer.min(0).optional(),
    })
    .optional(),
  labels: z
    .object({
      addOrUpdateLabels: z.record(z.string(), z.string()).default({}),
      removeLabels: z.array(z.string()).default([]),
    })
    .optional(),
  taints: z
    .object({ addOrUpdateTaints: z.array(taint).default([]), removeTaints: z.array(taint).default([]) })
    .optional(),
});

export type NodegroupUpdate = z.output<typeof nodegroupUpdate>;

/**
 * What an update will do when it ends, and its parameters as DescribeUpdate lists them. Labels and taints reach the
 * nodes that start later. Throws InvalidParameterException.
 */
export function planUpdate(
  nodegroup: StoredNodegroup,
  fields: NodegroupUpdate,
  autoscaling: AutoScalingEmulator,
): { params: UpdateParam[]; apply(now: number): void } {
  const { minSize, maxSize, desiredSize } = {
    ...nodegroup.scaling,
    ...definedOnly(fields.scalingConfig ?? {}),
  };
  if (fields.scalingConfig)
    checkScaling(minSize, maxSize, fields.scalingConfig.desiredSize ?? nodegroup.group.desiredCapacity);
  const labels = { ...nodegroup.labels, ...fields.labels?.addOrUpdateLabels };
  for (const key of fields.labels?.removeLabels ?? []) delete labels[key];
  const taints = mergeTaints(nodegroup.taints, fields.taints);
  const launchTaints = kubernetesTaints(taints);
  return {
    params: updateParams(fields),
    apply: (now) => {
      if (fields.scalingConfig) {
        autoscaling.updateGroup({
          AutoScalingGroupName: nodegroup.group.name,
          MinSize: minSize,
          MaxSize: maxSize,
          ...(fields.scalingConfig.desiredSize === undefined ? {} : { DesiredCapacity: desiredSize }),
        });
        nodegroup.scaling = { minSize, maxSize, desiredSize };
      }
      nodegroup.labels = labels;
      nodegroup.taints = taints;
      nodegroup.group.launch = { ...nodegroup.group.launch, labels, taints: launchTaints };
      nodegroup.modifiedAt = now;
    },
  };
}

function checkScaling(min: number, max: number, desired: number): void {
  const refuse = (message: string) => new AwsError('InvalidParameterException', message);
  if (min > max) throw refuse(`Minimum capacity ${min} can't be greater than maximum size ${max}`);
  if (desired > max) throw refuse(`desired capacity ${desired} can't be greater than max size ${max}`);
  if (desired < min) throw refuse(`Minimum capacity ${min} can't be greater than desired size ${desired}`);
}

function mergeTaints(current: EksTaint[], change: NodegroupUpdate['taints']): EksTaint[] {
  const same = (a: EksTaint) => (b: EksTaint) => a.key === b.key && a.effect === b.effect;
  const { addOrUpdateTaints = [], removeTaints = [] } = change ?? {};
  const kept = current.filter((taint) => ![...addOrUpdateTaints, ...removeTaints].some(same(taint)));
  return [...kept, ...addOrUpdateTaints];
}

function updateParams({ scalingConfig = {}, labels, taints }: NodegroupUpdate): UpdateParam[] {
  const values: [UpdateParam['type'], unknown][] = [
    ['MinSize', scalingConfig.minSize],
    ['MaxSize', scalingConfig.maxSize],
    ['DesiredSize', scalingConfig.desiredSize],
    ['LabelsToAdd', labels?.addOrUpdateLabels],
    ['LabelsToRemove', labels?.removeLabels],
    ['TaintsToAdd', taints?.addOrUpdateTaints],
    ['TaintsToRemove', taints?.removeTaints],
  ];
  return values.flatMap(([type, value]) =>
    value === undefined ? [] : [{ type, value: JSON.stringify(value) }],
  );
}

const definedOnly = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

export function describeNodegroup(nodegroup: StoredNodegroup): Nodegroup {
  return {
    nodegroupName: nodegroup.nodegroupName,
    nodegroupArn: nodegroup.arn,
    clusterName: nodegroup.clusterName,
    version: nodegroup.version,
    releaseVersion: nodegroup.release,
    createdAt: new Date(nodegroup.createdAt),
    modifiedAt: new Date(nodegroup.modifiedAt),
    status: nodegroup.updates.isUnderWay ? 'UPDATING' : nodegroup.issues.length > 0 ? 'DEGRADED' : 'ACTIVE',
    capacityType: nodegroup.capacityType,
    scalingConfig: { ...nodegroup.scaling },
    instanceTypes: nodegroup.instanceTypes,
    subnets: nodegroup.zones.map(({ subnetId }) => subnetId),
    amiType: 'AL2023_x86_64_STANDARD',
    labels: nodegroup.labels,
    taints: nodegroup.taints as NonNullable<Nodegroup['taints']>,
    resources: { autoScalingGroups: [{ name: nodegroup.group.name }] },
    health: { issues: nodegroup.issues },
    updateConfig: { maxUnavailable: nodegroup.maxUnavailable },
    tags: nodegroup.tags,
  };
}
