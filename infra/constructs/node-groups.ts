import { Aws, CfnCondition, CfnParameter, Fn, Token } from 'aws-cdk-lib';
import { CfnLaunchTemplate, type IVpc } from 'aws-cdk-lib/aws-ec2';
import { CfnNodegroup, type ICluster } from 'aws-cdk-lib/aws-eks-v2';
import { type IRole, ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { LABEL, nodegroupName, POOL_TAINT, SYSTEM_NODE, workloadName } from '../../core/protocol/names.ts';
import type { FleetConfig, PaddockConfig, PoolConfig } from '../config/index.ts';
import { SYSTEM_NODE_DISK_GIB } from '../config/instances.ts';
import { CLUSTER_TAG } from './cluster-tag.ts';
import { acceptManagedPolicies } from './findings.ts';
import { MARK, nodegroupMarkPrefix } from './initial-values.ts';
import { SUBNETS } from './network.ts';
import { amiType, type NodeImage, nodeDisks } from './node-image.ts';

const EFFECTS = {
  NoSchedule: 'NO_SCHEDULE',
  PreferNoSchedule: 'PREFER_NO_SCHEDULE',
  NoExecute: 'NO_EXECUTE',
} as const;

/** What all node groups of the cluster share. */
export interface NodeGroupContext {
  readonly config: PaddockConfig;
  readonly cluster: ICluster;
  readonly nodeRole: IRole;
}

/** One role for all nodes: what pods may do comes from pod identity, not from their node. */
export function createNodeRole(scope: Construct): Role {
  const role = new Role(scope, 'NodeRole', {
    assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
    description: 'EKS nodes: join the cluster, give pods addresses, pull images',
    managedPolicies: [
      'AmazonEKSWorkerNodePolicy',
      // With pod identity instead, a node's network would wait for the agent of pod identity, which starts beside it.
      'AmazonEKS_CNI_Policy',
      'AmazonEC2ContainerRegistryPullOnly',
    ].map((name) => ManagedPolicy.fromAwsManagedPolicyName(name)),
  });
  acceptManagedPolicies(
    role,
    'What EKS asks of the role of a node; AWS keeps them in step with what nodes run.',
  );
  return role;
}

/** The nodes of a serving pool: labelled and tainted, so that only the pool's replicas land on them. */
export function createPoolNodes(
  scope: Construct,
  context: NodeGroupContext,
  fleet: FleetConfig,
  pool: PoolConfig,
): NodeGroup {
  const { config } = context;
  const name = nodegroupName(config.cluster.name, fleet.name, pool.name);
  const isMissing = markOf(scope, config.cluster.name, name);
  return new NodeGroup(scope, `Nodes-${workloadName(fleet.name, pool.name)}`, {
    ...context,
    label: name,
    nodegroupName: name,
    image: pool,
    diskGiB: pool.nodeDiskGiB,
    zones: pool.zones,
    capacityType: pool.capacityType === 'spot' ? 'SPOT' : 'ON_DEMAND',
    scaling: {
      // The scaler owns both the size and its lower bound. EKS refuses to raise `MinSize` above the desired size.
      minSize: 0,
      maxSize: pool.max,
      // EKS wants it once, when it makes the group: from then on, stating it would take the scaler's decisions back.
      desiredSize: Token.asNumber(Fn.conditionIf(isMissing.logicalId, pool.min, Aws.NO_VALUE)),
    },
    warmPool: pool.warmPool,
    labels: { [LABEL.fleet]: fleet.name, [LABEL.pool]: pool.name, ...pool.labels },
    taints: [
      { key: POOL_TAINT, value: workloadName(fleet.name, pool.name), effect: EFFECTS.NoSchedule },
      ...pool.taints.map(({ key, value, effect }) => ({ key, value, effect: EFFECTS[effect] })),
    ],
    tags: { [LABEL.fleet]: fleet.name, [LABEL.pool]: pool.name },
  });
}

/** The untainted nodes for CoreDNS, controllers and the like. Their number is a matter of configuration alone. */
export function createSystemNodes(scope: Construct, context: NodeGroupContext): NodeGroup {
  const { name, systemPool } = context.config.cluster;
  return new NodeGroup(scope, 'SystemNodes', {
    ...context,
    // No name of its own: CloudFormation replaces no group that has one, and nothing asks for this one's.
    label: `${name}-system`,
    image: { ...systemPool, gpusPerNode: 0 },
    diskGiB: SYSTEM_NODE_DISK_GIB,
    zones: systemPool.zones,
    capacityType: 'ON_DEMAND',
    scaling: { minSize: systemPool.min, maxSize: systemPool.max, desiredSize: systemPool.min },
    labels: { ...SYSTEM_NODE },
    tags: { [LABEL.pool]: 'system' },
  });
}

/** True in the template as long as the group's mark says that it is missing: while it is being made. */
function markOf(scope: Construct, clusterName: string, nodegroup: string): CfnCondition {
  const mark = new CfnParameter(scope, `Mark-${nodegroup}`, {
    type: 'AWS::SSM::Parameter::Value<String>',
    default: `${nodegroupMarkPrefix(clusterName)}${nodegroup}`,
    description: `Whether the node group ${nodegroup} exists`,
  });
  return new CfnCondition(scope, `Missing-${nodegroup}`, {
    expression: Fn.conditionEquals(mark.valueAsString, MARK.missing),
  });
}

interface NodeGroupProps extends NodeGroupContext {
  /** What its instances are called in EC2. */
  readonly label: string;
  /** Left out: CloudFormation makes one up. */
  readonly nodegroupName?: string;
  readonly image: NodeImage;
  readonly diskGiB: number;
  readonly zones: readonly string[];
  readonly capacityType: 'SPOT' | 'ON_DEMAND';
  readonly scaling: CfnNodegroup.ScalingConfigProperty;
  readonly warmPool?: PoolConfig['warmPool'];
  readonly labels?: Record<string, string>;
  readonly taints?: CfnNodegroup.TaintProperty[];
  readonly tags: Record<string, string>;
}

/**
 * An EKS managed node group with its launch template. Not CDK's own construct: that always states a desired size, and
 * knows neither warm pools nor every GPU family. Neither the Kubernetes version nor the image's release is stated:
 * EKS takes the cluster's when it makes the group, and an upgrade owns them from then on.
 */
export class NodeGroup extends Construct {
  readonly resource: CfnNodegroup;
  readonly nodegroupName: string;

  constructor(scope: Construct, id: string, props: NodeGroupProps) {
    super(scope, id);
    const { config, image, warmPool } = props;
    const tags = { [CLUSTER_TAG]: config.cluster.name, ...props.tags };
    const template = createLaunchTemplate(this, props, tags);
    this.resource = new CfnNodegroup(this, 'Resource', {
      clusterName: props.cluster.clusterName,
      ...(props.nodegroupName && { nodegroupName: props.nodegroupName }),
      nodeRole: props.nodeRole.roleArn,
      subnets: nodeSubnets(props.cluster.vpc, props.zones),
      capacityType: props.capacityType,
      instanceTypes: [...image.instanceTypes],
      amiType: amiType(image),
      launchTemplate: { id: template.ref, version: template.attrLatestVersionNumber },
      scalingConfig: props.scaling,
      // An update must not override disruption budgets.
      forceUpdateEnabled: false,
      nodeRepairConfig: { enabled: config.cluster.nodeRepair },
      ...(warmPool && { warmPoolConfig: warmPoolOf(warmPool) }),
      ...(props.labels && { labels: props.labels }),
      ...(props.taints && { taints: props.taints }),
      tags,
    });
    this.nodegroupName = props.nodegroupName ?? this.resource.attrNodegroupName;
  }
}

/** A change here makes a new version, to which EKS moves the group node by node. */
function createLaunchTemplate(
  scope: Construct,
  { label, image, diskGiB }: NodeGroupProps,
  tags: Record<string, string>,
): CfnLaunchTemplate {
  const tagList = Object.entries({ Name: label, ...tags }).map(([key, value]) => ({ key, value }));
  return new CfnLaunchTemplate(scope, 'Template', {
    // Its own: by the cluster's tag upgrades may launch from it.
    tagSpecifications: [{ resourceType: 'launch-template', tags: tagList }],
    launchTemplateData: {
      blockDeviceMappings: nodeDisks(image.os, diskGiB),
      metadataOptions: {
        httpTokens: 'required',
        // One hop: the node and what shares its network, but no pod. Pods have identities of their own.
        httpPutResponseHopLimit: 1,
      },
      // EKS does not pass a group's tags on to what it starts; these make the costs of a pool visible.
      tagSpecifications: ['instance', 'volume'].map((resourceType) => ({
        resourceType,
        tags: tagList,
      })),
    },
  });
}

const nodeSubnets = (vpc: IVpc, zones: readonly string[]): string[] =>
  vpc.selectSubnets({ subnetGroupName: SUBNETS.nodes, availabilityZones: [...zones] }).subnetIds;

function warmPoolOf({
  size,
  state,
}: NonNullable<PoolConfig['warmPool']>): CfnNodegroup.WarmPoolConfigProperty {
  return {
    enabled: true,
    poolState: state === 'running' ? 'RUNNING' : 'STOPPED',
    // Only when both are the same is the size of the warm pool fixed, whatever the group's own size.
    minSize: size,
    maxGroupPreparedCapacity: size,
    // A node that served goes back with what it wrote; a fresh one is worth the boot.
    reuseOnScaleIn: false,
  };
}
