import type { Datapoint, DescribeAlarmsCommandInput, MetricAlarm } from '@aws-sdk/client-cloudwatch';
import { z } from 'zod';
import { AwsError } from '../front/types.ts';
import {
  type Alarm,
  alarmRule,
  alarmSeries,
  describeAlarm,
  dimensionMap,
  putMetricAlarm,
  reasonData,
  type StateRecord,
  stateChangeEvent,
} from './alarm.ts';
import { EXTRA_PERIODS, evaluateAlarm, stateReason } from './alarm-evaluation.ts';
import { type Clock, Timers } from './clock.ts';
import type { EventSink } from './events.ts';
import type { Ids } from './ids.ts';
import { MetricStore, statistic } from './metrics.ts';
import { Emulator, integer, page, parse, real, time } from './operations.ts';

/** The gauges of a queue that SQS publishes. Rejects when they can't be read. */
export type ReadQueue = (
  queueName: string,
) => Promise<{ visible: number; notVisible: number; oldestSeconds?: number }>;

export interface CloudWatchOptions {
  clock: Clock;
  ids: Ids;
  accountId: string;
  region: string;
  events: EventSink;
  readQueue: ReadQueue;
  onError(error: unknown): void;
}

const PUBLISH_MS = 60_000;
const SQS = 'AWS/SQS';

const metricData = z.object({
  Namespace: z.string().min(1),
  MetricData: z.array(
    z.object({
      MetricName: z.string().min(1),
      Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })).default([]),
      Timestamp: time.optional(),
      Value: real.optional(),
      Values: z.array(real).optional(),
      Counts: z.array(real).optional(),
      StatisticValues: z.object({ SampleCount: real, Sum: real, Minimum: real, Maximum: real }).optional(),
    }),
  ),
});

const metricStatistics = z.object({
  Namespace: z.string().min(1),
  MetricName: z.string().min(1),
  Dimensions: z.array(z.object({ Name: z.string(), Value: z.string() })).default([]),
  StartTime: time,
  EndTime: time,
  Period: integer.min(1),
  Statistics: z.array(z.enum(['SampleCount', 'Average', 'Sum', 'Minimum', 'Maximum'])).min(1),
});

const setAlarmState = z.object({
  AlarmName: z.string(),
  StateValue: z.enum(['OK', 'ALARM', 'INSUFFICIENT_DATA']),
  StateReason: z.string(),
  StateReasonData: z.string().optional(),
});

/** CloudWatch metrics and alarms. Each minute it publishes the metrics of the queues that alarms watch, then evaluates. */
export class CloudWatchEmulator extends Emulator {
  readonly service = 'monitoring';
  readonly #options: CloudWatchOptions;
  readonly #timers: Timers;
  readonly #metrics = new MetricStore();
  readonly #alarms = new Map<string, Alarm>();

  constructor(options: CloudWatchOptions) {
    super();
    this.#options = options;
    this.#timers = new Timers(options.clock, options.onError);
    this.#timers.everyMultiple(PUBLISH_MS, () => this.#minute());
  }

  protected readonly operations = {
    PutMetricData: (input: unknown) => this.putMetricData(input),
    PutMetricAlarm: (input: unknown) => this.putMetricAlarm(input),
    DescribeAlarms: (input: DescribeAlarmsCommandInput) => this.describeAlarms(input),
    DeleteAlarms: (input: { AlarmNames?: string[] }) => this.deleteAlarms(input),
    SetAlarmState: (input: unknown) => this.setAlarmState(input),
    GetMetricStatistics: (input: unknown) => this.getMetricStatistics(input),
  };

  putMetricData(input: unknown): object {
    const { Namespace, MetricData } = parse(metricData, input, 'InvalidParameterValue');
    for (const datum of MetricData) {
      const series = {
        namespace: Namespace,
        name: datum.MetricName,
        dimensions: dimensionMap(datum.Dimensions),
      };
      const at = datum.Timestamp ?? this.#options.clock.now();
      const { Value, StatisticValues: set } = datum;
      if (set) {
        this.#metrics.put(series, {
          at,
          count: set.SampleCount,
          sum: set.Sum,
          min: set.Minimum,
          max: set.Maximum,
        });
        continue;
      }
      const values = datum.Values ?? (Value === undefined ? [] : [Value]);
      if (values.length === 0) {
        throw new AwsError(
          'MissingParameter',
          `The parameter MetricData.${datum.MetricName}.Value is required.`,
        );
      }
      for (const [index, value] of values.entries()) {
        const count = datum.Counts?.[index] ?? 1;
        this.#metrics.put(series, { at, count, sum: value * count, min: value, max: value });
      }
    }
    return {};
  }

  /** Periods without data have no datapoint; their order is not that of time. */
  getMetricStatistics(input: unknown): { Label: string; Datapoints: Datapoint[] } {
    const fields = parse(metricStatistics, input, 'InvalidParameterValue');
    const { Namespace: namespace, MetricName: name, StartTime, EndTime, Statistics } = fields;
    const period = fields.Period * 1000;
    const series = { namespace, name, dimensions: dimensionMap(fields.Dimensions) };
    const datapoints: Datapoint[] = [];
    for (let at = StartTime - (StartTime % period); at < EndTime; at += period) {
      const samples = this.#metrics.read(series, at, at + period);
      if (samples.length === 0) continue;
      const values = Statistics.map((one) => [one, statistic(samples, one)]);
      datapoints.unshift({ Timestamp: new Date(at), Unit: 'None', ...Object.fromEntries(values) });
    }
    return { Label: name, Datapoints: datapoints };
  }

  /** A new alarm has insufficient data; one that is changed keeps its state. */
  putMetricAlarm(input: unknown): object {
    const fields = parse(putMetricAlarm, input, 'ValidationError');
    if ((fields.DatapointsToAlarm ?? 1) > fields.EvaluationPeriods) {
      throw new AwsError(
        'ValidationError',
        'The value for DatapointsToAlarm must be less than or equal to EvaluationPeriods.',
      );
    }
    if (fields.EvaluationPeriods * fields.Period > 86_400) {
      throw new AwsError(
        'ValidationError',
        'Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).',
      );
    }
    const { clock, ids, accountId, region } = this.#options;
    const old = this.#alarms.get(fields.AlarmName);
    this.#alarms.set(fields.AlarmName, {
      arn: `arn:aws:cloudwatch:${region}:${accountId}:alarm:${fields.AlarmName}`,
      metricId: old?.metricId ?? ids.uuid(),
      fields,
      configuredAt: clock.now(),
      state: old?.state ?? {
        value: 'INSUFFICIENT_DATA',
        reason: 'Unchecked: Initial alarm creation',
        at: clock.now(),
      },
    });
    return {};
  }

  describeAlarms(input: DescribeAlarmsCommandInput): {
    MetricAlarms: MetricAlarm[];
    CompositeAlarms: [];
    NextToken?: string;
  } {
    const { AlarmNames, AlarmNamePrefix = '', StateValue, ActionPrefix = '', MaxRecords, NextToken } = input;
    const alarms = [...this.#alarms.values()].filter(
      ({ fields, state }) =>
        (AlarmNames === undefined || AlarmNames.includes(fields.AlarmName)) &&
        fields.AlarmName.startsWith(AlarmNamePrefix) &&
        (StateValue === undefined || state.value === StateValue) &&
        (ActionPrefix === '' || fields.AlarmActions.some((action) => action.startsWith(ActionPrefix))),
    );
    alarms.sort((a, b) => a.fields.AlarmName.localeCompare(b.fields.AlarmName));
    const size = parse(integer.min(1).max(100).default(50), MaxRecords, 'ValidationError');
    const { items, nextToken } = page(
      alarms,
      size,
      NextToken,
      () => new AwsError('InvalidNextToken', 'The NextToken is not valid.'),
    );
    return {
      MetricAlarms: items.map(describeAlarm),
      CompositeAlarms: [],
      ...(nextToken ? { NextToken: nextToken } : {}),
    };
  }

  deleteAlarms({ AlarmNames = [] }: { AlarmNames?: string[] }): object {
    const unknown = AlarmNames.find((name) => !this.#alarms.has(name));
    if (unknown) throw new AwsError('ResourceNotFound', `Alarm ${unknown} not found.`, 404);
    for (const name of AlarmNames) this.#alarms.delete(name);
    return {};
  }

  /** Lasts until the next evaluation. */
  setAlarmState(input: unknown): object {
    const { AlarmName, StateValue, StateReason, StateReasonData } = parse(
      setAlarmState,
      input,
      'ValidationError',
    );
    const alarm = this.#alarms.get(AlarmName);
    if (!alarm) throw new AwsError('ResourceNotFound', `Alarm ${AlarmName} not found.`, 404);
    this.#enter(alarm, {
      value: StateValue,
      reason: StateReason,
      reasonData: StateReasonData,
      at: this.#options.clock.now(),
    });
    return {};
  }

  async #minute(): Promise<void> {
    const now = this.#options.clock.now();
    await this.#publishQueues(now);
    for (const alarm of this.#alarms.values()) this.#evaluate(alarm, now);
  }

  /** A queue that can't be read publishes nothing: its datapoint is missing, not zero. */
  async #publishQueues(now: number): Promise<void> {
    const watched = [...this.#alarms.values()]
      .filter(({ fields }) => fields.Namespace === SQS)
      .flatMap(({ fields }) => dimensionMap(fields.Dimensions).QueueName ?? []);
    await Promise.all(
      [...new Set(watched)].map(async (queueName) => {
        try {
          const { visible, notVisible, oldestSeconds = 0 } = await this.#options.readQueue(queueName);
          this.#putGauge('ApproximateAgeOfOldestMessage', queueName, oldestSeconds, now - PUBLISH_MS);
          this.#putGauge('ApproximateNumberOfMessagesVisible', queueName, visible, now - PUBLISH_MS);
          this.#putGauge('ApproximateNumberOfMessagesNotVisible', queueName, notVisible, now - PUBLISH_MS);
        } catch (error) {
          this.#options.onError(error);
        }
      }),
    );
  }

  #putGauge(name: string, queueName: string, value: number, at: number): void {
    const series = { namespace: SQS, name, dimensions: { QueueName: queueName } };
    this.#metrics.put(series, { at, count: 1, sum: value, min: value, max: value });
  }

  #evaluate(alarm: Alarm, now: number): void {
    const { fields } = alarm;
    const period = fields.Period * 1000;
    const rule = alarmRule(fields);
    // The period that runs is not evaluated before it ends.
    const end = now - (now % period);
    const range = Array.from({ length: rule.evaluationPeriods + EXTRA_PERIODS }, (_, index) => {
      const at = end - (rule.evaluationPeriods + EXTRA_PERIODS - index) * period;
      const value = statistic(this.#metrics.read(alarmSeries(fields), at, at + period), fields.Statistic);
      return value === undefined ? undefined : { at, value };
    });
    const evaluation = evaluateAlarm(range, rule);
    if (evaluation.state === undefined) return;
    this.#enter(alarm, {
      value: evaluation.state,
      reason: stateReason(evaluation.state, evaluation, rule),
      reasonData: reasonData(alarm, evaluation, now),
      at: now,
    });
  }

  /** One event per transition; a state that stays is silent. */
  #enter(alarm: Alarm, next: StateRecord): void {
    const previous = alarm.state;
    if (previous.value === next.value) return;
    alarm.state = next;
    this.#options.events.emit(stateChangeEvent(alarm, previous));
  }

  dispose(): void {
    this.#timers.dispose();
  }
}
