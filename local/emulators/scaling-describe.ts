import type { AutoScalingGroup, Filter, Instance as InstanceOutput } from '@aws-sdk/client-auto-scaling';
import { AwsError } from '../front/types.ts';
import { type Group, type Instance, TERMINATION_POLICIES } from './scaling-group.ts';

/** How groups look to DescribeAutoScalingGroups. */

export function describeGroup(group: Group): AutoScalingGroup {
  const { capacityType, instanceTypes } = group.launch;
  const spot = capacityType === 'SPOT';
  return {
    AutoScalingGroupName: group.name,
    AutoScalingGroupARN: group.arn,
    MixedInstancesPolicy: {
      LaunchTemplate: {
        LaunchTemplateSpecification: launchTemplate(group),
        Overrides: instanceTypes.map((InstanceType) => ({ InstanceType })),
      },
      InstancesDistribution: {
        OnDemandAllocationStrategy: 'prioritized',
        OnDemandBaseCapacity: 0,
        OnDemandPercentageAboveBaseCapacity: spot ? 0 : 100,
        SpotAllocationStrategy: 'capacity-optimized',
      },
    },
    MinSize: group.minSize,
    MaxSize: group.maxSize,
    DesiredCapacity: group.desiredCapacity,
    DefaultCooldown: group.defaultCooldown,
    AvailabilityZones: group.zones.map(({ name }) => name),
    LoadBalancerNames: [],
    TargetGroupARNs: [],
    HealthCheckType: 'EC2',
    HealthCheckGracePeriod: 15,
    Instances: [...group.instances.values()].map((instance) => describeInstance(group, instance)),
    CreatedTime: new Date(group.createdAt),
    SuspendedProcesses: [...group.suspended].map(([ProcessName, since]) => ({
      ProcessName,
      SuspensionReason: `User suspended at ${new Date(since).toISOString()}`,
    })),
    VPCZoneIdentifier: group.zones.map(({ subnetId }) => subnetId).join(','),
    EnabledMetrics: [],
    Tags: [...group.tags].map(([Key, Value]) => ({
      ResourceId: group.name,
      ResourceType: 'auto-scaling-group',
      Key,
      Value,
      PropagateAtLaunch: true,
    })),
    TerminationPolicies: TERMINATION_POLICIES,
    NewInstancesProtectedFromScaleIn: false,
    CapacityRebalance: group.capacityRebalance,
  };
}

const launchTemplate = (group: Group) => ({
  LaunchTemplateId: `lt-0${group.arn.replaceAll(/[^0-9a-f]/g, '').slice(-16)}`,
  LaunchTemplateName: group.name,
  Version: '1',
});

const describeInstance = (group: Group, instance: Instance): InstanceOutput => ({
  InstanceId: instance.id,
  InstanceType: instance.type,
  AvailabilityZone: instance.zone.name,
  LifecycleState: instance.state,
  HealthStatus: instance.health,
  LaunchTemplate: launchTemplate(group),
  ProtectedFromScaleIn: instance.isProtected,
});

/** Filters are an "and", the values of one an "or": `tag-key`, `tag-value`, `tag:<key>`. */
export function matchesFilters(group: Group, filters: Filter[]): boolean {
  return filters.every(({ Name = '', Values = [] }) => {
    const has = (values: Iterable<string | undefined>) =>
      [...values].some((value) => value !== undefined && Values.includes(value));
    if (Name === 'tag-key') return has(group.tags.keys());
    if (Name === 'tag-value') return has(group.tags.values());
    if (Name.startsWith('tag:')) return has([group.tags.get(Name.slice('tag:'.length))]);
    throw new AwsError(
      'ValidationError',
      `Filter type ${Name} is not correct. Allowed Filter types are: tag-key tag-value tag:<key>`,
    );
  });
}
