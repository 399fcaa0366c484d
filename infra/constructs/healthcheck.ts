import { Aws, Duration, Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { ICluster } from 'aws-cdk-lib/aws-eks-v2';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { GROUP, WORKER_PORT } from '../../core/protocol/names.ts';
import { PatternStatement } from './findings.ts';
import { fleetParameterPrefix } from './fleet-parameter.ts';
import { describeCluster, grantKubernetes, networkInto, readParameters } from './functions.ts';
import { PaddockFunction } from './paddock-function.ts';

export interface HealthcheckProps {
  readonly clusterName: string;
  readonly cluster: ICluster;
  readonly logRetentionDays: number;
  readonly fleets: readonly { readonly name: string; readonly queue: IQueue; readonly deadLetters: IQueue }[];
  readonly results: IBucket;
  readonly table: Table;
  readonly spotFallback: IStateMachine;
}

/** What it is called for each minute. */
const DUTIES = {
  sweep: 'End the responses whose messages SQS moved to a dead-letter queue',
  verdict: 'Look at everything, and judge how the system is',
} as const;

/** Less than the minute between two calls. */
const TIMEOUT_SECONDS = 55;

/**
 * Looks after what nothing else notices: requests that SQS moved to a dead-letter queue, and how the whole system is. State
 * machines and `paddock doctor` ask it for a verdict too.
 */
export class Healthcheck extends Construct {
  readonly handler: IFunction;

  constructor(scope: Construct, id: string, props: HealthcheckProps) {
    super(scope, id);
    const { clusterName, cluster } = props;
    const { handler, role } = this.#function(props);
    this.handler = handler;
    grantKubernetes(this, 'Access', cluster, role, GROUP.healthcheck);
    const scheduler = new Role(this, 'SchedulerRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com'),
    });
    scheduler.addToPolicy(
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [handler.functionArn] }),
    );
    for (const [duty, description] of Object.entries(DUTIES))
      new Schedule(this, duty === 'sweep' ? 'Schedule' : 'VerdictSchedule', {
        scheduleName: `${clusterName}-healthcheck${duty === 'sweep' ? '' : `-${duty}`}`,
        description,
        schedule: ScheduleExpression.rate(Duration.minutes(1)),
        target: new LambdaInvoke(handler, {
          // As it is: the target would grant all of the function's versions besides.
          role: scheduler.withoutPolicyUpdates(),
          input: ScheduleTargetInput.fromObject({ duty }),
          retryAttempts: 1,
          maxEventAge: Duration.minutes(1),
        }),
      });
  }

  #function(props: HealthcheckProps): PaddockFunction {
    const { clusterName, cluster, logRetentionDays, fleets, results, table, spotFallback } = props;
    const objects = (folder: string) => results.arnForObjects(`${folder}/*`);
    const named = 'One object per request, named by the request.';
    return new PaddockFunction(this, 'Healthcheck', {
      name: 'healthcheck',
      clusterName,
      description:
        'Judges how the system is, and ends the responses of requests that no worker lived to answer',
      memoryMiB: 512,
      timeoutSeconds: TIMEOUT_SECONDS,
      logRetentionDays,
      nextCallRepairs: true,
      environment: {
        PADDOCK_FLEETS: Stack.of(this).toJsonString(
          fleets.map(({ name, deadLetters }) => ({ name, deadLetterQueueUrl: deadLetters.queueUrl })),
        ),
        PADDOCK_RESULTS_BUCKET: results.bucketName,
        PADDOCK_CLUSTER: clusterName,
        PADDOCK_TABLE: table.tableName,
        PADDOCK_FLEET_PARAMETER_PREFIX: fleetParameterPrefix(clusterName),
        PADDOCK_SPOT_FALLBACK_MACHINE: spotFallback.stateMachineArn,
      },
      statements: [
        new PolicyStatement({
          // No DeleteMessage: what becomes of a message is a person's decision.
          actions: ['sqs:GetQueueAttributes', 'sqs:ReceiveMessage', 'sqs:ChangeMessageVisibility'],
          resources: fleets.map(({ deadLetters }) => deadLetters.queueArn),
        }),
        new PatternStatement({
          actions: ['s3:GetObject', 's3:PutObject'],
          resources: [objects('results')],
          reason: named,
        }),
        new PatternStatement({ actions: ['s3:GetObject'], resources: [objects('status')], reason: named }),
        // Without it S3 answers 403 instead of 404 for a result that is not there yet.
        new PolicyStatement({ actions: ['s3:ListBucket'], resources: [results.bucketArn] }),
        ...this.#readings(props),
        // Hands failed launches on.
        new PolicyStatement({
          actions: ['states:StartExecution'],
          resources: [spotFallback.stateMachineArn],
        }),
      ],
      // Pods are asked for a canary, and the apiserver may answer nowhere else.
      network: networkInto(this, 'Healthcheck', cluster, { apiserver: 443, worker: WORKER_PORT }),
    });
  }

  /** What a verdict is made of. */
  #readings({ clusterName, cluster, fleets, table }: HealthcheckProps): PolicyStatement[] {
    return [
      readParameters(clusterName),
      describeCluster(cluster),
      new PolicyStatement({ actions: ['eks:ListNodegroups'], resources: [cluster.clusterArn] }),
      new PatternStatement({
        actions: ['eks:DescribeNodegroup'],
        resources: [`arn:${Aws.PARTITION}:eks:${Aws.REGION}:${Aws.ACCOUNT_ID}:nodegroup/${clusterName}/*/*`],
        reason: 'Every node group of this cluster; the last part of their names is an id that EKS makes.',
      }),
      new PatternStatement({
        actions: ['autoscaling:DescribeAutoScalingGroups', 'autoscaling:DescribeScalingActivities'],
        resources: ['*'],
        reason: 'Auto Scaling knows no resource for its Describe actions.',
      }),
      new PatternStatement({
        actions: ['cloudwatch:GetMetricStatistics'],
        resources: ['*'],
        reason:
          'CloudWatch knows no resource for metrics; SQS tells the age of its oldest message only there.',
      }),
      new PolicyStatement({
        actions: ['sqs:GetQueueAttributes'],
        resources: fleets.map(({ queue }) => queue.queueArn),
      }),
      new PolicyStatement({ actions: ['dynamodb:Query'], resources: [table.tableArn] }),
    ];
  }
}
