import { Aws, Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { ICluster } from 'aws-cdk-lib/aws-eks-v2';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { GROUP, WORKER_PORT } from '../../core/protocol/names.ts';
import { kubernetesVersionParameter, ollamaImageParameter } from '../../core/protocol/upgrade.ts';
import type { PaddockConfig } from '../config/index.ts';
import { CLUSTER_TAG } from './cluster-tag.ts';
import { PatternStatement } from './findings.ts';
import { fleetParameterPrefix } from './fleet-parameter.ts';
import { describeCluster, grantKubernetes, networkInto, readParameters } from './functions.ts';
import { parameterArn } from './initial-values.ts';
import { Machine, machineArn } from './machine.ts';
import { PaddockFunction } from './paddock-function.ts';

export interface UpgradeProps {
  readonly config: PaddockConfig;
  readonly cluster: ICluster;
  readonly table: Table;
  readonly healthcheck: IFunction;
  /** `apiVersion` of all that the control plane applies. */
  readonly usedApis: readonly string[];
}

/** Golden prompts are answered in this time, at a replica that is slow, two at a time. */
const TIMEOUT_SECONDS = 300;

/** Upgrades as executions of one state machine, with the function that decides its steps. */
export class Upgrade extends Construct {
  readonly machine: Machine;

  constructor(scope: Construct, id: string, props: UpgradeProps) {
    super(scope, id);
    const { config, cluster } = props;
    const { name: clusterName } = config.cluster;
    const { handler, role } = this.#function(props);
    grantKubernetes(this, 'Access', cluster, role, GROUP.upgrade);
    const scale = machineArn(clusterName, 'scale');
    this.machine = new Machine(this, 'Machine', {
      name: 'upgrade',
      clusterName,
      type: StateMachineType.STANDARD,
      // Of the preflight, which changed nothing; who asked for the upgrade hears of it.
      refusals: ['UpgradeRefused'],
      logRetentionDays: config.logRetentionDays,
      substitutions: {
        UpgradeFunctionArn: handler.functionArn,
        HealthcheckFunctionArn: props.healthcheck.functionArn,
        ScaleStateMachineArn: scale,
        ClusterName: clusterName,
      },
      statements: [
        new PolicyStatement({
          actions: ['lambda:InvokeFunction'],
          resources: [handler.functionArn, props.healthcheck.functionArn],
        }),
        new PolicyStatement({ actions: ['states:StartExecution'], resources: [scale] }),
        ...this.#eksStatements(clusterName, cluster),
        new PatternStatement({
          actions: ['ssm:PutParameter'],
          resources: [
            parameterArn(this, ollamaImageParameter(clusterName)),
            parameterArn(this, kubernetesVersionParameter(clusterName)),
            parameterArn(this, `/paddock/${clusterName}/models/*`),
          ],
          reason: 'One parameter per model of this cluster, and nothing else, lies below the prefix.',
        }),
      ],
    });
  }

  /** What EKS is asked to change; every call stands in the definition. */
  #eksStatements(clusterName: string, cluster: ICluster): PolicyStatement[] {
    return [
      new PolicyStatement({
        actions: ['eks:UpdateClusterVersion', 'eks:StartInsightsRefresh', 'eks:DescribeInsightsRefresh'],
        resources: [cluster.clusterArn],
      }),
      new PatternStatement({
        actions: ['eks:UpdateNodegroupVersion'],
        resources: [arnOf(clusterName, 'nodegroup')],
        reason: 'Every node group of this cluster: ARNs end with an id that EKS makes up.',
      }),
      ...launchStatements(clusterName),
      new PatternStatement({
        actions: ['eks:UpdateAddon'],
        resources: [arnOf(clusterName, 'addon')],
        reason: 'Every add-on of this cluster: ARNs end with an id that EKS makes up.',
      }),
      new PatternStatement({
        actions: ['autoscaling:SuspendProcesses', 'autoscaling:ResumeProcesses'],
        resources: [
          `arn:${Aws.PARTITION}:autoscaling:${Aws.REGION}:${Aws.ACCOUNT_ID}:autoScalingGroup:*:autoScalingGroupName/eks-*`,
        ],
        reason:
          'EKS names the groups itself; the condition on the tag that it sets leaves those of this cluster.',
        conditions: { StringEquals: { 'autoscaling:ResourceTag/eks:cluster-name': clusterName } },
      }),
    ];
  }

  #function({ config, cluster, table, usedApis }: UpgradeProps): PaddockFunction {
    const { name: clusterName } = config.cluster;
    const { goldenPrompts: golden, ...seconds } = config.upgrades;
    return new PaddockFunction(this, 'Upgrade', {
      name: 'upgrade',
      clusterName,
      description: 'Plans upgrades, looks what stands in the way, judges canaries, replaces replicas',
      memoryMiB: 512,
      timeoutSeconds: TIMEOUT_SECONDS,
      logRetentionDays: config.logRetentionDays,
      environment: {
        PADDOCK_CLUSTER: clusterName,
        PADDOCK_TABLE: table.tableName,
        PADDOCK_FLEET_PARAMETER_PREFIX: fleetParameterPrefix(clusterName),
        PADDOCK_FLEETS: Stack.of(this).toJsonString(
          config.fleets.map(({ name, models }) => ({ name, models })),
        ),
        PADDOCK_UPGRADES: JSON.stringify({ ...seconds, golden, usedApis }),
      },
      statements: [
        readParameters(clusterName),
        describeCluster(cluster),
        new PatternStatement({
          actions: ['ssm:GetParameter'],
          resources: [
            parameterArn(this, ollamaImageParameter(clusterName)),
            parameterArn(this, `/paddock/${clusterName}/models/*`),
          ],
          reason: 'One parameter per model of this cluster, and nothing else, lies below the prefix.',
        }),
        new PolicyStatement({
          actions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'],
          resources: [table.tableArn],
        }),
        new PatternStatement({
          actions: ['states:DescribeExecution'],
          resources: [
            `arn:${Aws.PARTITION}:states:${Aws.REGION}:${Aws.ACCOUNT_ID}:execution:${clusterName}-upgrade:*`,
          ],
          reason: 'Executions of the upgrade alone: whether the one that holds the lock still runs.',
        }),
        new PatternStatement({
          actions: ['autoscaling:DescribeAutoScalingGroups', 'eks:DescribeAddonVersions'],
          resources: ['*'],
          reason: 'Neither of these two actions knows a resource.',
        }),
        new PolicyStatement({
          actions: [
            'eks:ListNodegroups',
            'eks:ListAddons',
            'eks:ListInsights',
            'eks:DescribeInsight',
            'eks:DescribeUpdate',
          ],
          resources: [cluster.clusterArn],
        }),
        new PatternStatement({
          actions: ['eks:DescribeNodegroup', 'eks:DescribeUpdate'],
          resources: [arnOf(clusterName, 'nodegroup')],
          reason: 'Every node group of this cluster: ARNs end with an id that EKS makes up.',
        }),
        new PatternStatement({
          actions: ['eks:DescribeAddon'],
          resources: [arnOf(clusterName, 'addon')],
          reason: 'Every add-on of this cluster: ARNs end with an id that EKS makes up.',
        }),
      ],
      network: networkInto(this, 'Upgrade', cluster, { apiserver: 443, worker: WORKER_PORT }),
    });
  }
}

const arnOf = (clusterName: string, kind: 'nodegroup' | 'addon'): string =>
  `arn:${Aws.PARTITION}:eks:${Aws.REGION}:${Aws.ACCOUNT_ID}:${kind}/${clusterName}/*`;

/**
 * Before EKS replaces nodes it looks whether the caller may launch instances from the group's own launch template, and tag them
 * as that says. Source: EKS, 'Customize managed nodes with launch templates'.
 */
function launchStatements(clusterName: string): PolicyStatement[] {
  const ec2 = (rest: string, account: string = Aws.ACCOUNT_ID) =>
    `arn:${Aws.PARTITION}:ec2:${Aws.REGION}:${account}:${rest}`;
  const templates = ec2('launch-template/*');
  return [
    new PatternStatement({
      actions: ['ec2:RunInstances'],
      resources: [templates],
      reason: 'Launch templates of this cluster: they carry its tag.',
      conditions: { StringEquals: { [`aws:ResourceTag/${CLUSTER_TAG}`]: clusterName } },
    }),
    new PatternStatement({
      actions: ['ec2:RunInstances'],
      resources: [
        ...['instance/*', 'network-interface/*', 'security-group/*', 'subnet/*', 'volume/*'].map((rest) =>
          ec2(rest),
        ),
        ec2('image/*', ''),
      ],
      reason:
        'What a node is made of; only from a launch template, of which the statement before leaves those of this cluster.',
      conditions: { ArnLike: { 'ec2:LaunchTemplate': templates } },
    }),
    new PatternStatement({
      actions: ['ec2:CreateTags'],
      resources: [ec2('instance/*'), ec2('volume/*')],
      reason: 'Of what is being launched alone.',
      conditions: { StringEquals: { 'ec2:CreateAction': 'RunInstances' } },
    }),
    new PatternStatement({
      actions: ['ec2:DescribeLaunchTemplateVersions'],
      resources: ['*'],
      reason: 'The action knows no resource.',
    }),
  ];
}
