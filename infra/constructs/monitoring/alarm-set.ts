import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type CreateAlarmOptions,
  type IMetric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';

export interface AlarmSetProps {
  readonly clusterName: string;
  readonly topic: ITopic;
  /** The runbooks' address, without an anchor. */
  readonly runbookUrl: string;
}

/** By default it goes off when the metric reaches the threshold once; what is missing is fine. */
export interface AlarmOptions extends Partial<CreateAlarmOptions> {
  /** What it watches, where there are several: part of its name. */
  readonly of?: string;
  /** Kind of alarm: part of its name; its runbook's anchor is `alarm-<kind>`. */
  readonly kind: string;
  /** One or two sentences for an on-call engineer. */
  readonly means: string;
  readonly metric: IMetric;
  readonly threshold: number;
}

export const FIVE_MINUTES = Duration.minutes(5);

/** Makes alarms that say what they mean and where to read on, and tells the topic when one goes off or ends. */
export class AlarmSet {
  readonly all: Alarm[] = [];
  readonly #scope: Construct;
  readonly #props: AlarmSetProps;

  constructor(scope: Construct, props: AlarmSetProps) {
    this.#scope = scope;
    this.#props = props;
  }

  add({ kind, of, means, ...options }: AlarmOptions): void {
    const { clusterName, topic, runbookUrl } = this.#props;
    const name = of ? `${of}-${kind}` : kind;
    const alarm = new Alarm(this.#scope, `Alarm-${name}`, {
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      ...options,
      alarmName: `${clusterName}-${name}`,
      alarmDescription: `${means} What to do: ${runbookUrl}#alarm-${kind}`,
    });
    const tell = new SnsAction(topic);
    alarm.addAlarmAction(tell);
    alarm.addOkAction(tell);
    this.all.push(alarm);
  }
}
