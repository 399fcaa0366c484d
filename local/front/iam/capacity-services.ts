import type { ResourceRef } from '../types.ts';
import { requestTags, resourceTags } from './context.ts';
import {
  arn,
  type Check,
  each,
  list,
  type Mapping,
  type MappingEnvironment,
  onAll,
  optionalText,
  record,
  type ServiceMappings,
  tagsOf,
  text,
} from './mapping.ts';

/** Stands for the id of a group that does not exist: policies with `*` there still match, and the emulator refuses. */
const NO_ID = '00000000-0000-0000-0000-000000000000';

function groupCheck(environment: MappingEnvironment, operation: string, ref: ResourceRef): Check {
  const found = environment.resolve(ref);
  const name = ref.kind === 'instance' ? 'unknown' : ref.name;
  return {
    action: `autoscaling:${operation}`,
    resource:
      found?.arn ?? arn('autoscaling', environment, `autoScalingGroup:${NO_ID}:autoScalingGroupName/${name}`),
    context: resourceTags(['aws', 'autoscaling'], found?.tags),
  };
}

const onGroup: Mapping = (input, environment, operation) => {
  const ref = { kind: 'autoScalingGroup', name: text(input, 'AutoScalingGroupName') } as const;
  const check = groupCheck(environment, operation, ref);
  const sizes = Object.fromEntries(
    ['MinSize', 'MaxSize'].flatMap((name) =>
      name in input ? [[`autoscaling:${name}`, String(input[name])]] : [],
    ),
  );
  return [{ ...check, context: { ...check.context, ...sizes, ...requestTags(tagsOf(input.Tags)) } }];
};

const onInstance: Mapping = (input, environment, operation) => [
  groupCheck(environment, operation, { kind: 'instance', name: text(input, 'InstanceId') }),
];

const onTaggedGroups: Mapping = (input, environment, operation) =>
  list(input, 'Tags').map((tag) => {
    const name = text(record(tag), 'ResourceId');
    const check = groupCheck(environment, operation, { kind: 'autoScalingGroup', name });
    return { ...check, context: { ...check.context, ...requestTags(tagsOf([tag])) } };
  });

export const autoscaling: ServiceMappings = {
  ...each(
    onAll('autoscaling'),
    'DescribeAutoScalingGroups',
    'DescribeAutoScalingInstances',
    'DescribeScalingActivities',
    'DescribeTags',
  ),
  ...each(
    onGroup,
    'CreateAutoScalingGroup',
    'UpdateAutoScalingGroup',
    'DeleteAutoScalingGroup',
    'SetDesiredCapacity',
    'SuspendProcesses',
    'ResumeProcesses',
    'SetInstanceProtection',
    'AttachInstances',
    'DetachInstances',
  ),
  ...each(onInstance, 'TerminateInstanceInAutoScalingGroup', 'SetInstanceHealth'),
  ...each(onTaggedGroups, 'CreateOrUpdateTags', 'DeleteTags'),
};

const clusterName = (input: Record<string, unknown>): string =>
  optionalText(input, 'clusterName') ?? text(input, 'name');

function clusterCheck(
  environment: MappingEnvironment,
  operation: string,
  input: Record<string, unknown>,
): Check {
  const name = clusterName(input);
  const found = environment.resolve({ kind: 'cluster', name });
  return {
    action: `eks:${operation}`,
    resource: found?.arn ?? arn('eks', environment, `cluster/${name}`),
    context: { ...resourceTags(['aws'], found?.tags), ...requestTags(tagsOf(input.tags)) },
  };
}

function nodegroupCheck(
  environment: MappingEnvironment,
  operation: string,
  input: Record<string, unknown>,
): Check {
  const [parent, name] = [clusterName(input), text(input, 'nodegroupName')];
  const found = environment.resolve({ kind: 'nodegroup', name, parent });
  return {
    action: `eks:${operation}`,
    resource: found?.arn ?? arn('eks', environment, `nodegroup/${parent}/${name}/${NO_ID}`),
    context: resourceTags(['aws'], found?.tags),
  };
}

const onCluster: Mapping = (input, environment, operation) => [clusterCheck(environment, operation, input)];
const onNodegroup: Mapping = (input, environment, operation) => [
  nodegroupCheck(environment, operation, input),
];
/**
 * EKS launches the new nodes from the group's own launch template, and asks with the caller's rights whether that may be done.
 * Source: EKS, 'Customize managed nodes with launch templates'. What tags the group has, its template has too.
 */
const onNodegroupVersion: Mapping = (input, environment, operation) => {
  const [parent, name] = [clusterName(input), text(input, 'nodegroupName')];
  const tags = environment.resolve({ kind: 'nodegroup', name, parent })?.tags;
  const ec2 = (rest: string) => `arn:aws:ec2:${environment.region}:${environment.accountId}:${rest}`;
  const template = ec2('launch-template/lt-0123456789abcdef0');
  const run = (resource: string, context = {}): Check => ({
    action: 'ec2:RunInstances',
    resource,
    context: { 'ec2:LaunchTemplate': template, ...context },
  });
  const others = ['instance/*', 'network-interface/*', 'security-group/*', 'subnet/*', 'volume/*'];
  return [
    nodegroupCheck(environment, operation, input),
    { action: 'ec2:DescribeLaunchTemplateVersions', resource: '*' },
    run(template, resourceTags(['aws'], tags)),
    ...others.map((rest) => run(ec2(rest))),
    run(`arn:aws:ec2:${environment.region}::image/ami-0123456789abcdef0`),
    ...['instance/*', 'volume/*'].map((rest) => ({
      action: 'ec2:CreateTags',
      resource: ec2(rest),
      context: { 'ec2:CreateAction': 'RunInstances', ...requestTags(tags ?? {}) },
    })),
  ];
};
/** Updates belong to a node group when the request names one, else to the cluster. */
const onUpdate: Mapping = (input, environment, operation) => [
  (optionalText(input, 'nodegroupName') ? nodegroupCheck : clusterCheck)(environment, operation, input),
];
const onAddon: Mapping = (input, environment, operation) => [
  {
    action: `eks:${operation}`,
    resource: arn('eks', environment, `addon/${clusterName(input)}/${text(input, 'addonName')}/${NO_ID}`),
  },
];
const onAccessEntry: Mapping = (input, environment, operation) => {
  const [, , , , account = '', identity = ''] = text(input, 'principalArn').split(':');
  const [type, ...path] = identity.split('/');
  const rest = `access-entry/${clusterName(input)}/${type}/${account}/${path.at(-1)}/${NO_ID}`;
  return [{ action: `eks:${operation}`, resource: arn('eks', environment, rest) }];
};

export const eks: ServiceMappings = {
  ...each(onAll('eks'), 'ListClusters', 'DescribeAddonVersions', 'DescribeClusterVersions'),
  CreateCluster: (input, _environment, operation) => [
    { action: `eks:${operation}`, resource: '*', context: requestTags(tagsOf(input.tags)) },
  ],
  ...each(
    onCluster,
    'DescribeCluster',
    'DeleteCluster',
    'UpdateClusterVersion',
    'UpdateClusterConfig',
    'ListNodegroups',
    'CreateNodegroup',
    'ListAddons',
    'CreateAddon',
    'ListInsights',
    'DescribeInsight',
    'StartInsightsRefresh',
    'DescribeInsightsRefresh',
    'ListAccessEntries',
    'CreateAccessEntry',
  ),
  ...each(onNodegroup, 'DescribeNodegroup', 'UpdateNodegroupConfig', 'DeleteNodegroup'),
  UpdateNodegroupVersion: onNodegroupVersion,
  ...each(onUpdate, 'DescribeUpdate', 'ListUpdates'),
  ...each(onAddon, 'DescribeAddon', 'UpdateAddon', 'DeleteAddon'),
  ...each(onAccessEntry, 'DescribeAccessEntry', 'DeleteAccessEntry', 'UpdateAccessEntry'),
};
