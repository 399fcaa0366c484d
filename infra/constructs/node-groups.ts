import { InstanceArchitecture, InstanceType, SubnetType } from 'aws-cdk-lib/aws-ec2';
import {
  CapacityType,
  type CfnNodegroup,
  type ICluster,
  Nodegroup,
  NodegroupAmiType,
  type NodegroupProps,
  TaintEffect,
} from 'aws-cdk-lib/aws-eks-v2';
import { type IRole, ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { LABEL, nodegroupName, POOL_TAINT, workloadName } from '../../core/protocol/names.ts';
import type { FleetConfig, PaddockConfig, PoolConfig } from '../config/index.ts';

const EFFECTS = {
  NoSchedule: TaintEffect.NO_SCHEDULE,
  PreferNoSchedule: TaintEffect.PREFER_NO_SCHEDULE,
  NoExecute: TaintEffect.NO_EXECUTE,
} as const;

/** One role for all nodes: what pods may do comes from pod identity, not from their node. */
export function createNodeRole(scope: Construct): Role {
  return new Role(scope, 'NodeRole', {
    assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
    description: 'EKS nodes: join the cluster, give pods addresses, pull images',
    managedPolicies: [
      'AmazonEKSWorkerNodePolicy',
      'AmazonEKS_CNI_Policy',
      'AmazonEC2ContainerRegistryPullOnly',
    ].map((name) => ManagedPolicy.fromAwsManagedPolicyName(name)),
  });
}

/** The managed node group of a serving pool: labelled and tainted, so that only the pool's replicas land on it. */
export function createPoolNodes(
  scope: Construct,
  cluster: ICluster,
  nodeRole: IRole,
  { config, fleet, pool }: { config: PaddockConfig; fleet: FleetConfig; pool: PoolConfig },
): Nodegroup {
  return nodegroup(scope, `Nodes-${workloadName(fleet.name, pool.name)}`, {
    cluster,
    nodeRole,
    nodegroupName: nodegroupName(config.cluster.name, fleet.name, pool.name),
    capacityType: pool.capacityType === 'spot' ? CapacityType.SPOT : CapacityType.ON_DEMAND,
    instanceTypes: pool.instanceTypes.map((type) => new InstanceType(type)),
    amiType: amiType(pool),
    diskSize: pool.nodeDiskGiB,
    minSize: pool.min,
    maxSize: pool.max,
    subnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS, availabilityZones: [...pool.zones] },
    labels: { [LABEL.fleet]: fleet.name, [LABEL.pool]: pool.name, ...pool.labels },
    taints: [
      { key: POOL_TAINT, value: workloadName(fleet.name, pool.name), effect: TaintEffect.NO_SCHEDULE },
      ...pool.taints.map(({ key, value, effect }) => ({ key, value, effect: EFFECTS[effect] })),
    ],
  });
}

/** The untainted nodes for CoreDNS, controllers and the like, which Paddock never scales. */
export function createSystemNodes(
  scope: Construct,
  cluster: ICluster,
  nodeRole: IRole,
  { cluster: { name, systemPool } }: PaddockConfig,
): Nodegroup {
  return nodegroup(scope, 'SystemNodes', {
    cluster,
    nodeRole,
    nodegroupName: `${name}-system`,
    instanceTypes: systemPool.instanceTypes.map((type) => new InstanceType(type)),
    amiType: amiType({ ...systemPool, gpusPerNode: 0 }),
    diskSize: 40,
    minSize: systemPool.min,
    maxSize: systemPool.max,
    subnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
  });
}

function nodegroup(scope: Construct, id: string, props: NodegroupProps): Nodegroup {
  // The default, true, overrides disruption budgets during updates.
  const group = new Nodegroup(scope, id, { ...props, forceUpdate: false });
  // The scaler owns the desired size: a template that states it would take the scaler's decisions back.
  (group.node.defaultChild as CfnNodegroup).addPropertyDeletionOverride('ScalingConfig.DesiredSize');
  return group;
}

function amiType({
  instanceTypes,
  gpusPerNode,
}: Pick<PoolConfig, 'instanceTypes' | 'gpusPerNode'>): NodegroupAmiType {
  const arm = instanceTypes.some(
    (type) => new InstanceType(type).architecture === InstanceArchitecture.ARM_64,
  );
  if (gpusPerNode > 0)
    return arm ? NodegroupAmiType.AL2023_ARM_64_NVIDIA : NodegroupAmiType.AL2023_X86_64_NVIDIA;
  return arm ? NodegroupAmiType.AL2023_ARM_64_STANDARD : NodegroupAmiType.AL2023_X86_64_STANDARD;
}
