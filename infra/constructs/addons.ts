import { CfnAddon, type ICluster } from 'aws-cdk-lib/aws-eks-v2';
import { ManagedPolicy } from 'aws-cdk-lib/aws-iam';
import type { Construct, IDependable } from 'constructs';
import { CLUSTER_TAG } from './cluster-tag.ts';
import { PodRole } from './pod-role.ts';

/**
 * Which pods run where. Serving nodes are tainted, so what tolerates nothing (CoreDNS, the controllers of the volume
 * driver) lands on the system nodes. What belongs on every node tolerates everything by its add-on's own defaults: the
 * network, kube-proxy, the agents of pod identity and of node health, and the node part of the volume driver.
 */

/** Addresses that a node holds: a replica's node runs about eight pods. The default holds two whole interfaces. */
const ADDRESSES = { MINIMUM_IP_TARGET: '10', WARM_IP_TARGET: '2' };

/** What nodes need before they can become Ready. */
export const createNodeAddons = (scope: Construct, cluster: ICluster): CfnAddon[] => [
  createAddon(scope, cluster, 'vpc-cni', {
    // Without it network policies do nothing.
    enableNetworkPolicy: 'true',
    // No prefix delegation: it packs more pods on a node than these ever run.
    env: ADDRESSES,
  }),
  createAddon(scope, cluster, 'kube-proxy'),
  createAddon(scope, cluster, 'eks-pod-identity-agent'),
];

export interface ClusterAddonsProps {
  readonly clusterName: string;
  readonly systemNodes: IDependable;
  readonly nodeRepair: boolean;
}

/** What itself runs on nodes, and so comes after the system nodes. Returns the cluster's DNS. */
export function createClusterAddons(
  scope: Construct,
  cluster: ICluster,
  props: ClusterAddonsProps,
): CfnAddon {
  const dns = createAddon(scope, cluster, 'coredns');
  const addons = [dns, createVolumeDriver(scope, cluster, props.clusterName)];
  // It sees what a node's Ready does not say: a failed GPU, a broken disk.
  if (props.nodeRepair) addons.push(createAddon(scope, cluster, 'eks-node-monitoring-agent'));
  for (const addon of addons) addon.node.addDependency(props.systemNodes);
  return dns;
}

/** The add-on in the version that EKS prefers when it makes it: an upgrade owns the version from then on. */
export const createAddon = (
  scope: Construct,
  cluster: ICluster,
  addonName: string,
  configuration?: Record<string, unknown>,
): CfnAddon =>
  new CfnAddon(scope, `Addon-${addonName}`, {
    clusterName: cluster.clusterName,
    addonName,
    preserveOnDelete: false,
    // The configuration here is the only one.
    resolveConflicts: 'OVERWRITE',
    ...(configuration && { configurationValues: JSON.stringify(configuration) }),
  });

/** Makes the volumes: models of persistent pools, and what else asks for one. */
function createVolumeDriver(scope: Construct, cluster: ICluster, clusterName: string): CfnAddon {
  const role = new PodRole(scope, 'VolumeDriver', {
    cluster,
    namespace: 'kube-system',
    serviceAccount: 'ebs-csi-controller-sa',
    description: 'EBS CSI driver: make and attach volumes',
    managed: {
      policies: [ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonEBSCSIDriverPolicy')],
      reason:
        'AWS keeps it in step with the driver; it lets the driver change only what the driver has tagged.',
    },
  });
  const addon = createAddon(scope, cluster, 'aws-ebs-csi-driver', {
    controller: { extraVolumeTags: { [CLUSTER_TAG]: clusterName } },
  });
  addon.node.addDependency(role);
  return addon;
}
