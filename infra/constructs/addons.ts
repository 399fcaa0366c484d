import { Addon, CfnPodIdentityAssociation, type IAddon, type ICluster } from 'aws-cdk-lib/aws-eks-v2';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct, IDependable } from 'constructs';

/** What nodes need before they can become Ready. */
export const createNodeAddons = (scope: Construct, cluster: ICluster): IAddon[] =>
  ['vpc-cni', 'kube-proxy', 'eks-pod-identity-agent'].map((name) => createAddon(scope, cluster, name));

/** What itself runs on nodes, and so comes after the system nodes. */
export function createClusterAddons(
  scope: Construct,
  cluster: ICluster,
  systemNodes: IDependable,
  { volumes }: { volumes: boolean },
): void {
  createAddon(scope, cluster, 'coredns').node.addDependency(systemNodes);
  if (volumes) createVolumeDriver(scope, cluster).node.addDependency(systemNodes);
}

const createAddon = (scope: Construct, cluster: ICluster, addonName: string): Addon =>
  new Addon(scope, `Addon-${addonName}`, { cluster, addonName, preserveOnDelete: false });

/** Makes the model volumes of persistent pools. */
function createVolumeDriver(scope: Construct, cluster: ICluster): Addon {
  const role = new Role(scope, 'VolumeDriverRole', {
    assumedBy: new ServicePrincipal('pods.eks.amazonaws.com').withSessionTags(),
    description: 'EBS CSI driver: make and attach volumes',
    managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('service-role/AmazonEBSCSIDriverPolicy')],
  });
  const identity = new CfnPodIdentityAssociation(scope, 'VolumeDriverIdentity', {
    clusterName: cluster.clusterName,
    namespace: 'kube-system',
    serviceAccount: 'ebs-csi-controller-sa',
    roleArn: role.roleArn,
  });
  const addon = createAddon(scope, cluster, 'aws-ebs-csi-driver');
  addon.node.addDependency(identity);
  return addon;
}
