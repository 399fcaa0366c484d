import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Schedule, ScheduleExpression, ScheduleTargetInput } from 'aws-cdk-lib/aws-scheduler';
import { StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

export interface FleetTriggersProps {
  readonly fleet: string;
  readonly clusterName: string;
  readonly queue: IQueue;
  readonly scale: IStateMachine;
  /** Waiting messages at which the alarm goes off. */
  readonly activationBacklog: number;
}

/** A start that is late is of no use: the next minute brings another. */
const START_RETRY = { retryAttempts: 1, maxEventAge: Duration.minutes(1) };

/** What wakes a fleet: the clock, each minute, and the depth of its queue. Each alone suffices. */
export class FleetTriggers extends Construct {
  constructor(scope: Construct, id: string, props: FleetTriggersProps) {
    super(scope, id);
    const { fleet, clusterName, scale } = props;
    const name = `${clusterName}-${fleet}`;

    const schedulerRole = this.#startRole('SchedulerRole', 'scheduler.amazonaws.com', scale);
    new Schedule(this, 'Schedule', {
      scheduleName: name,
      description: `Scale fleet ${fleet} each minute`,
      schedule: ScheduleExpression.rate(Duration.minutes(1)),
      target: new StepFunctionsStartExecution(scale, {
        role: schedulerRole,
        input: ScheduleTargetInput.fromObject({ fleet, trigger: 'schedule' }),
        ...START_RETRY,
      }),
    });

    const alarm = new Alarm(this, 'BacklogAlarm', {
      alarmName: `${name}-backlog`,
      alarmDescription: `Messages wait in the queue of fleet ${fleet}`,
      metric: props.queue.metricApproximateNumberOfMessagesVisible({
        period: Duration.minutes(1),
        statistic: 'Maximum',
      }),
      threshold: props.activationBacklog,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      // A queue without traffic for hours reports nothing.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    new Rule(this, 'BacklogRule', {
      ruleName: `${name}-backlog`,
      description: `Scale fleet ${fleet} when messages begin to wait`,
      eventPattern: {
        source: ['aws.cloudwatch'],
        detailType: ['CloudWatch Alarm State Change'],
        resources: [alarm.alarmArn],
        detail: { state: { value: ['ALARM'] } },
      },
      targets: [
        new SfnStateMachine(scale, {
          role: this.#startRole('RuleRole', 'events.amazonaws.com', scale),
          input: RuleTargetInput.fromObject({ fleet, trigger: 'alarm' }),
          ...START_RETRY,
        }),
      ],
    });
  }

  #startRole(id: string, service: string, scale: IStateMachine): Role {
    const role = new Role(this, id, { assumedBy: new ServicePrincipal(service) });
    role.addToPolicy(
      new PolicyStatement({ actions: ['states:StartExecution'], resources: [scale.stateMachineArn] }),
    );
    return role;
  }
}
