import type { MetricAlarm } from '@aws-sdk/client-cloudwatch';
import { z } from 'zod';
import { type AlarmRule, type AlarmState, COMPARISONS, type Evaluation } from './alarm-evaluation.ts';
import type { ServiceEvent } from './event-entry.ts';
import type { SeriesName } from './metrics.ts';
import { bool, integer, real } from './operations.ts';

const dimension = z.object({ Name: z.string(), Value: z.string() });
const text = z.array(z.string()).default([]);
const comparisons = Object.keys(COMPARISONS) as [AlarmRule['comparison']];

/** PutMetricAlarm for one metric; alarms on expressions and percentiles are refused. */
export const putMetricAlarm = z.strictObject({
  AlarmName: z.string().min(1),
  AlarmDescription: z.string().optional(),
  ActionsEnabled: bool.default(true),
  OKActions: text,
  AlarmActions: text,
  InsufficientDataActions: text,
  MetricName: z.string('is missing: only alarms on one metric are emulated locally'),
  Namespace: z.string(),
  Statistic: z.enum(['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum']),
  Dimensions: z.array(dimension).default([]),
  Period: integer.refine((value) => [10, 20, 30].includes(value) || (value > 0 && value % 60 === 0), {
    message: 'must be 10, 20, 30 or a multiple of 60',
  }),
  EvaluationPeriods: integer.min(1),
  DatapointsToAlarm: integer.min(1).optional(),
  Threshold: real,
  ComparisonOperator: z.enum(comparisons),
  TreatMissingData: z.enum(['missing', 'ignore', 'breaching', 'notBreaching']).default('missing'),
  Unit: z.string().optional(),
  Tags: z.array(z.unknown()).optional(),
});

export type AlarmFields = z.output<typeof putMetricAlarm>;

export interface StateRecord {
  value: AlarmState;
  reason: string;
  /** JSON text. */
  reasonData?: string | undefined;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface Alarm {
  readonly arn: string;
  /** Names the metric in events. */
  readonly metricId: string;
  fields: AlarmFields;
  configuredAt: number;
  state: StateRecord;
}

export const alarmSeries = ({ Namespace, MetricName, Dimensions }: AlarmFields): SeriesName => ({
  namespace: Namespace,
  name: MetricName,
  dimensions: dimensionMap(Dimensions),
});

export const dimensionMap = (dimensions: { Name?: string | undefined; Value?: string | undefined }[]) =>
  Object.fromEntries(dimensions.map(({ Name = '', Value = '' }) => [Name, Value]));

export const alarmRule = (fields: AlarmFields): AlarmRule => ({
  comparison: fields.ComparisonOperator,
  threshold: fields.Threshold,
  evaluationPeriods: fields.EvaluationPeriods,
  datapointsToAlarm: fields.DatapointsToAlarm ?? fields.EvaluationPeriods,
  missing: fields.TreatMissingData,
});

export function describeAlarm({ arn, fields, state, configuredAt }: Alarm): MetricAlarm {
  const { Tags: _, ...rest } = fields;
  return {
    ...(rest as MetricAlarm),
    AlarmArn: arn,
    AlarmConfigurationUpdatedTimestamp: new Date(configuredAt),
    StateValue: state.value,
    StateReason: state.reason,
    ...(state.reasonData === undefined ? {} : { StateReasonData: state.reasonData }),
    StateUpdatedTimestamp: new Date(state.at),
    StateTransitionedTimestamp: new Date(state.at),
  };
}

/** CloudWatch writes times with milliseconds and `+0000`. */
const timestamp = (ms: number): string => new Date(ms).toISOString().replace('Z', '+0000');

export function reasonData({ fields }: Alarm, { evaluated }: Evaluation, now: number): string {
  const [first] = evaluated;
  return JSON.stringify({
    version: '1.0',
    queryDate: timestamp(now),
    ...(first ? { startDate: timestamp(first.at) } : {}),
    statistic: fields.Statistic,
    period: fields.Period,
    recentDatapoints: evaluated.map(({ value }) => value),
    threshold: fields.Threshold,
  });
}

export function stateChangeEvent(alarm: Alarm, previous: StateRecord): ServiceEvent {
  const { fields, state, arn, metricId } = alarm;
  const record = ({ value, reason, reasonData, at }: StateRecord) => ({
    value,
    reason,
    ...(reasonData === undefined ? {} : { reasonData }),
    timestamp: timestamp(at),
  });
  return {
    source: 'aws.cloudwatch',
    detailType: 'CloudWatch Alarm State Change',
    resources: [arn],
    detail: {
      alarmName: fields.AlarmName,
      configuration: {
        ...(fields.AlarmDescription === undefined ? {} : { description: fields.AlarmDescription }),
        metrics: [
          {
            id: metricId,
            metricStat: {
              metric: {
                namespace: fields.Namespace,
                name: fields.MetricName,
                dimensions: dimensionMap(fields.Dimensions),
              },
              period: fields.Period,
              stat: fields.Statistic,
            },
            returnData: true,
          },
        ],
      },
      previousState: record(previous),
      state: record(state),
    },
  };
}
