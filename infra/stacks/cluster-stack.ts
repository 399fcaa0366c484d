import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { ICluster } from 'aws-cdk-lib/aws-eks-v2';
import type { Construct } from 'constructs';
import type { PaddockConfig } from '../config/index.ts';
import { createClusterAddons, createNodeAddons } from '../constructs/addons.ts';
import { settleKubectlProvider } from '../constructs/cdk-functions.ts';
import { createCluster } from '../constructs/cluster.ts';
import { LoadBalancerController } from '../constructs/load-balancer-controller.ts';
import { createVpc } from '../constructs/network.ts';
import { NodeGroupSetup } from '../constructs/node-group-setup.ts';
import { createNodeRole, createPoolNodes, createSystemNodes } from '../constructs/node-groups.ts';
import { createObservability } from '../constructs/observability.ts';

export interface ClusterStackProps extends StackProps {
  readonly config: PaddockConfig;
}

/** The network, the EKS cluster, its add-ons, and one node group per pool. */
export class ClusterStack extends Stack {
  readonly cluster: ICluster;

  constructor(scope: Construct, id: string, { config, ...props }: ClusterStackProps) {
    super(scope, id, props);
    const clusterName = config.cluster.name;
    const { logRetentionDays } = config;
    this.cluster = createCluster(this, createVpc(this, config), config);
    const pools = config.fleets.flatMap((fleet) => fleet.pools.map((pool) => ({ fleet, pool })));

    const nodeAddons = createNodeAddons(this, this.cluster);
    const context = { config, cluster: this.cluster, nodeRole: createNodeRole(this) };
    const systemNodes = createSystemNodes(this, context);
    const groups = pools.map(({ fleet, pool }) => createPoolNodes(this, context, fleet, pool));
    const setup = new NodeGroupSetup(this, 'NodeGroupSetup', { clusterName, logRetentionDays });
    for (const group of [systemNodes, ...groups]) {
      group.resource.node.addDependency(...nodeAddons);
      setup.add(group, { marked: group !== systemNodes });
    }

    const dns = createClusterAddons(this, this.cluster, {
      clusterName,
      systemNodes: systemNodes.resource,
      nodeRepair: config.cluster.nodeRepair,
    });
    createObservability(this, this.cluster, {
      clusterName,
      logRetentionDays,
      systemNodes: systemNodes.resource,
    });
    new LoadBalancerController(this, 'LoadBalancerController', this.cluster, {
      clusterName,
      region: config.region,
      after: [systemNodes.resource, dns],
    });
    settleKubectlProvider(this.cluster, config);
    new CfnOutput(this, 'ClusterName', { value: this.cluster.clusterName });
  }
}
