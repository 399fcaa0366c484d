import { KubectlV36Layer } from '@aws-cdk/lambda-layer-kubectl-v36';
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import {
  Cluster,
  DefaultCapacityType,
  EndpointAccess,
  type ICluster,
  KubernetesVersion,
} from 'aws-cdk-lib/aws-eks-v2';
import type { Construct } from 'constructs';
import type { PaddockConfig } from '../config/index.ts';
import { createClusterAddons, createNodeAddons } from '../constructs/addons.ts';
import { createVpc } from '../constructs/network.ts';
import { createNodeRole, createPoolNodes, createSystemNodes } from '../constructs/node-groups.ts';

export interface ClusterStackProps extends StackProps {
  readonly config: PaddockConfig;
}

/** The network, the EKS cluster, its add-ons, and one node group per pool. */
export class ClusterStack extends Stack {
  readonly cluster: ICluster;

  constructor(scope: Construct, id: string, { config, ...props }: ClusterStackProps) {
    super(scope, id, props);
    const vpc = createVpc(this, config.cluster);
    this.cluster = new Cluster(this, 'Cluster', {
      clusterName: config.cluster.name,
      version: KubernetesVersion.of(config.cluster.version),
      vpc,
      endpointAccess: EndpointAccess.PUBLIC_AND_PRIVATE,
      // Node groups of our own, and the managed add-ons instead of the self-managed ones.
      defaultCapacityType: DefaultCapacityType.NODEGROUP,
      defaultCapacity: 0,
      bootstrapSelfManagedAddons: false,
      kubectlProviderOptions: { kubectlLayer: new KubectlV36Layer(this, 'Kubectl') },
    }) as ICluster;

    const nodeAddons = createNodeAddons(this, this.cluster);
    const nodeRole = createNodeRole(this);
    const systemNodes = createSystemNodes(this, this.cluster, nodeRole, config);
    const pools = config.fleets.flatMap((fleet) => fleet.pools.map((pool) => ({ config, fleet, pool })));
    const groups = pools.map((pool) => createPoolNodes(this, this.cluster, nodeRole, pool));
    for (const group of [systemNodes, ...groups]) group.node.addDependency(...nodeAddons);
    createClusterAddons(this, this.cluster, systemNodes, {
      volumes: pools.some(({ pool }) => pool.kind === 'persistent'),
    });
    new CfnOutput(this, 'ClusterName', { value: this.cluster.clusterName });
  }
}
