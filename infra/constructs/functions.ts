import { Aws } from 'aws-cdk-lib';
import { CfnSecurityGroupIngress, SecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { CfnAccessEntry, type ICluster } from 'aws-cdk-lib/aws-eks-v2';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { GROUP, WORKER_PORT } from '../../core/protocol/names.ts';
import { PatternStatement } from './findings.ts';
import { fleetParameterPrefix } from './fleet-parameter.ts';
import { PaddockFunction, type PaddockFunctionProps } from './paddock-function.ts';

export interface FunctionsProps {
  /** As configured: a literal, so that names built from it are literals too. */
  readonly clusterName: string;
  readonly cluster: ICluster;
  readonly logRetentionDays: number;
}

/** observe → decide → act on Kubernetes. Runs in the VPC: the apiserver may answer nowhere else. */
export function createScaler(
  scope: Construct,
  props: FunctionsProps & {
    readonly tableArn: string;
    readonly tableName: string;
    readonly queueArns: string[];
  },
): PaddockFunction {
  const { clusterName, cluster } = props;
  const scaler = new PaddockFunction(scope, 'Scaler', {
    name: 'scaler',
    clusterName,
    description: 'Observes a fleet, decides, and sets replicas and drain marks',
    memoryMiB: 1024,
    // Ends before its state in scale.asl.json gives up (25 s), so that no tick acts unseen.
    timeoutSeconds: 24,
    logRetentionDays: props.logRetentionDays,
    environment: {
      PADDOCK_FLEET_PARAMETER_PREFIX: fleetParameterPrefix(clusterName),
      PADDOCK_TABLE: props.tableName,
      PADDOCK_CLUSTER: clusterName,
    },
    statements: [
      readParameters(clusterName),
      describeCluster(cluster),
      new PolicyStatement({
        actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:DeleteItem', 'dynamodb:Query'],
        resources: [props.tableArn],
      }),
      new PolicyStatement({ actions: ['sqs:GetQueueAttributes'], resources: props.queueArns }),
      new PatternStatement({
        actions: ['autoscaling:DescribeAutoScalingGroups'],
        resources: ['*'],
        reason: 'Auto Scaling knows no resource for its Describe actions.',
      }),
    ],
    network: networkInto(scope, 'Scaler', cluster, { apiserver: 443 }),
  });
  grantKubernetes(scope, 'ScalerAccess', cluster, scaler.role, GROUP.scaler);
  return scaler;
}

/** Asks a pod's worker to be warm and sets the pod's gate. Runs in the VPC, because it talks to the pod itself. */
export function createWarmup(scope: Construct, props: FunctionsProps): PaddockFunction {
  const { clusterName, cluster } = props;
  const warmup = new PaddockFunction(scope, 'Warmup', {
    name: 'warmup',
    clusterName,
    description: 'Confirms that a replica is warm and opens its gate',
    memoryMiB: 512,
    // One poll: the worker holds its answer back for 20 s. The state in warmup.asl.json gives up after 60 s.
    timeoutSeconds: 55,
    logRetentionDays: props.logRetentionDays,
    environment: { PADDOCK_CLUSTER: clusterName },
    statements: [describeCluster(cluster)],
    network: networkInto(scope, 'Warmup', cluster, { apiserver: 443, worker: WORKER_PORT }),
  });
  grantKubernetes(scope, 'WarmupAccess', cluster, warmup.role, GROUP.warmup);
  return warmup;
}

export const readParameters = (clusterName: string): PolicyStatement =>
  new PatternStatement({
    actions: ['ssm:GetParameter'],
    resources: [
      `arn:${Aws.PARTITION}:ssm:${Aws.REGION}:${Aws.ACCOUNT_ID}:parameter${fleetParameterPrefix(clusterName)}*`,
    ],
    reason: 'One parameter per fleet of this cluster, and nothing else, lies below the prefix.',
  });

/** For the apiserver's address and certificate. */
export const describeCluster = (cluster: ICluster): PolicyStatement =>
  new PolicyStatement({ actions: ['eks:DescribeCluster'], resources: [cluster.clusterArn] });

/** Maps a function's role to the Kubernetes group that RBAC binds. */
export function grantKubernetes(
  scope: Construct,
  id: string,
  cluster: ICluster,
  role: IRole,
  group: string,
): void {
  new CfnAccessEntry(scope, id, {
    clusterName: cluster.clusterName,
    principalArn: role.roleArn,
    kubernetesGroups: [group],
    type: 'STANDARD',
  });
}

/**
 * A function's place in the VPC, with a security group of its own that the cluster lets in on these ports: nodes, pods
 * and the apiserver's private endpoint all stand behind the cluster's group.
 */
export function networkInto(
  scope: Construct,
  name: string,
  cluster: ICluster,
  ports: Readonly<Record<string, number>>,
): NonNullable<PaddockFunctionProps['network']> {
  const { vpc } = cluster;
  const securityGroup = new SecurityGroup(scope, `${name}SecurityGroup`, {
    vpc,
    description: `${name} function, to the ${Object.keys(ports).join(' and the ')}`,
  });
  // As a resource of this stack: a rule on the imported group itself would make the stacks refer to each other.
  for (const [what, port] of Object.entries(ports))
    new CfnSecurityGroupIngress(scope, `${name}To-${what}`, {
      groupId: cluster.clusterSecurityGroupId,
      sourceSecurityGroupId: securityGroup.securityGroupId,
      ipProtocol: 'tcp',
      fromPort: port,
      toPort: port,
      description: `${name} function to the ${what}`,
    });
  return { vpc, securityGroup };
}
