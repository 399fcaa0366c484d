import { KubectlV36Layer } from '@aws-cdk/lambda-layer-kubectl-v36';
import { CfnDynamicReference, CfnDynamicReferenceService, Duration, RemovalPolicy } from 'aws-cdk-lib';
import type { IVpc } from 'aws-cdk-lib/aws-ec2';
import {
  AccessEntry,
  AccessPolicy,
  AccessScopeType,
  Cluster,
  type ClusterLoggingTypes,
  DefaultCapacityType,
  EndpointAccess,
  type ICluster,
  KubernetesVersion,
} from 'aws-cdk-lib/aws-eks-v2';
import type { Role } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { kubernetesVersionParameter } from '../../core/protocol/upgrade.ts';
import type { PaddockConfig } from '../config/index.ts';
import { acceptFindings, acceptManagedPolicies, LOGS_OF_AWS_KEY } from './findings.ts';
import { SUBNETS } from './network.ts';

/** The EKS cluster without nodes and add-ons, and who administers it. */
export function createCluster(
  scope: Construct,
  vpc: IVpc,
  { cluster: config, logRetentionDays }: PaddockConfig,
): ICluster {
  const { name } = config;
  const cluster = new Cluster(scope, 'Cluster', {
    clusterName: name,
    version: KubernetesVersion.of(currentVersion(name)),
    vpc,
    // The API server's interfaces, and the functions that apply manifests, which reach it through them.
    vpcSubnets: [{ subnetGroupName: SUBNETS.control }],
    endpointAccess:
      config.publicAccessCidrs.length > 0
        ? EndpointAccess.PUBLIC_AND_PRIVATE.onlyFrom(...config.publicAccessCidrs)
        : EndpointAccess.PRIVATE,
    // Whoever deploys administers the cluster only if the configuration says so.
    bootstrapClusterCreatorAdminPermissions: false,
    secretsEncryptionKey: createSecretsKey(scope, name),
    clusterLogging: [...config.controlPlaneLogs] as ClusterLoggingTypes[],
    // Node groups of our own, and the managed add-ons instead of the self-managed ones.
    defaultCapacityType: DefaultCapacityType.NODEGROUP,
    defaultCapacity: 0,
    bootstrapSelfManagedAddons: false,
    kubectlProviderOptions: { kubectlLayer: new KubectlV36Layer(scope, 'Kubectl') },
  });
  cluster.node.addDependency(createLogGroup(scope, name, logRetentionDays));
  for (const admin of config.admins) grantAdministration(scope, cluster as ICluster, admin);
  acceptManagedPolicies(
    cluster.role as Role,
    'What EKS asks of the role of a cluster; AWS keeps it in step with the control plane.',
  );
  acceptFindings(cluster, {
    'CloudFormation-Validate::W9009':
      'The CDK still states which resources are encrypted, as the API has it.',
  });
  // CDK's own types don't hold under exactOptionalPropertyTypes.
  return cluster as ICluster;
}

/** Read when CloudFormation changes the cluster: what an upgrade has written there by then, not what stands here. */
const currentVersion = (clusterName: string): string =>
  new CfnDynamicReference(CfnDynamicReferenceService.SSM, kubernetesVersionParameter(clusterName)).toString();

/** Kubernetes Secrets are encrypted with it before they reach etcd. */
const createSecretsKey = (scope: Construct, clusterName: string): Key =>
  new Key(scope, 'SecretsKey', {
    description: `Kubernetes Secrets of the EKS cluster ${clusterName}`,
    enableKeyRotation: true,
    // What it encrypts goes with the cluster. A key that waits for its end costs nothing and can be called back.
    pendingWindow: Duration.days(30),
    removalPolicy: RemovalPolicy.DESTROY,
  });

/** EKS writes its logs there, and would make the group itself, without an end to what it keeps. */
function createLogGroup(scope: Construct, clusterName: string, retention: number): LogGroup {
  const logGroup = new LogGroup(scope, 'ControlPlaneLogs', {
    logGroupName: `/aws/eks/${clusterName}/cluster`,
    retention,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  acceptFindings(logGroup, { CKV_AWS_158: LOGS_OF_AWS_KEY });
  return logGroup;
}

const grantAdministration = (scope: Construct, cluster: ICluster, principal: string): AccessEntry =>
  new AccessEntry(scope, `Admin-${principal.replaceAll(/[^\w-]/g, '-')}`, {
    cluster,
    principal,
    accessPolicies: [
      AccessPolicy.fromAccessPolicyName('AmazonEKSClusterAdminPolicy', {
        accessScopeType: AccessScopeType.CLUSTER,
      }),
    ],
  });
