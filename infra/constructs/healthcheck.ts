import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { PatternStatement } from './findings.ts';
import { PaddockFunction } from './paddock-function.ts';

export interface HealthcheckProps {
  readonly clusterName: string;
  readonly logRetentionDays: number;
  readonly fleets: readonly { readonly name: string; readonly deadLetters: IQueue }[];
  readonly results: IBucket;
}

/** Less than the minute between two calls. */
const TIMEOUT_SECONDS = 55;

/** Looks after what nothing else notices, each minute: requests that SQS moved to a dead-letter queue. */
export class Healthcheck extends Construct {
  readonly handler: IFunction;

  constructor(scope: Construct, id: string, props: HealthcheckProps) {
    super(scope, id);
    const { clusterName } = props;
    const { handler } = this.#function(props);
    this.handler = handler;
    const role = new Role(this, 'SchedulerRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com'),
    });
    role.addToPolicy(
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [handler.functionArn] }),
    );
    new Schedule(this, 'Schedule', {
      scheduleName: `${clusterName}-healthcheck`,
      description: 'End the responses whose messages SQS moved to a dead-letter queue',
      schedule: ScheduleExpression.rate(Duration.minutes(1)),
      target: new LambdaInvoke(handler, {
        // As it is: the target would grant all of the function's versions besides.
        role: role.withoutPolicyUpdates(),
        input: ScheduleTargetInput.fromObject({ duty: 'sweep' }),
        retryAttempts: 1,
        maxEventAge: Duration.minutes(1),
      }),
    });
  }

  #function({ clusterName, logRetentionDays, fleets, results }: HealthcheckProps): PaddockFunction {
    const objects = (folder: string) => results.arnForObjects(`${folder}/*`);
    const named = 'One object per request, named by the request.';
    return new PaddockFunction(this, 'Healthcheck', {
      name: 'healthcheck',
      clusterName,
      description: 'Ends the responses of requests that no worker lived to answer',
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
      ],
    });
  }
}
