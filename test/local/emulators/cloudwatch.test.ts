import { ACCOUNT, emulate, refusal } from './fixtures.ts';

const alarm = (changes: object = {}) => ({
  AlarmName: 'depth',
  AlarmDescription: 'The queue is not empty',
  Namespace: 'AWS/SQS',
  MetricName: 'ApproximateNumberOfMessagesVisible',
  Dimensions: [{ Name: 'QueueName', Value: 'requests' }],
  Statistic: 'Maximum',
  Period: 60,
  EvaluationPeriods: 1,
  Threshold: 0,
  ComparisonOperator: 'GreaterThanThreshold',
  TreatMissingData: 'notBreaching',
  ...changes,
});

/** A queue whose depth the test sets; `events` are the state changes that reached EventBridge. */
function watchQueue(changes: object = {}) {
  const queue = { visible: 0, notVisible: 0, failing: false, read: [] as string[] };
  const world = emulate({
    readQueue: async (name) => {
      queue.read.push(name);
      if (queue.failing) throw new Error('no queue');
      return { visible: queue.visible, notVisible: queue.notVisible };
    },
  });
  world.cloudwatch.putMetricAlarm(alarm(changes));
  const events = world.listen({ source: ['aws.cloudwatch'] });
  const state = () => world.cloudwatch.describeAlarms({ AlarmNames: ['depth'] }).MetricAlarms[0];
  return { ...world, queue, events, state };
}

describe('an alarm on queue depth', () => {
  it('waits for data, then follows the queue with one event per transition', async () => {
    const { queue, events, state, seconds } = watchQueue();
    expect(state()).toMatchObject({
      StateValue: 'INSUFFICIENT_DATA',
      StateReason: 'Unchecked: Initial alarm creation',
    });
    await seconds(60);
    expect(state()?.StateValue).toBe('OK');

    queue.visible = 4;
    await seconds(59);
    expect(state()?.StateValue).toBe('OK');
    await seconds(1);
    expect(state()?.StateValue).toBe('ALARM');
    queue.visible = 9;
    await seconds(300);
    queue.visible = 0;
    await seconds(60);
    expect(state()?.StateValue).toBe('OK');
    expect(events().map(({ detail }) => detail.state.value)).toEqual(['OK', 'ALARM', 'OK']);
    expect(new Set(queue.read)).toEqual(new Set(['requests']));
  });

  it('tells of the transition as CloudWatch does', async () => {
    const { queue, events, seconds } = watchQueue();
    await seconds(60);
    queue.visible = 4;
    await seconds(60);
    expect(events()[1]).toEqual({
      version: '0',
      id: expect.any(String),
      account: ACCOUNT,
      region: 'us-east-1',
      source: 'aws.cloudwatch',
      'detail-type': 'CloudWatch Alarm State Change',
      time: '2026-03-02T09:02:00Z',
      resources: [`arn:aws:cloudwatch:us-east-1:${ACCOUNT}:alarm:depth`],
      detail: {
        alarmName: 'depth',
        configuration: {
          description: 'The queue is not empty',
          metrics: [
            {
              id: expect.any(String),
              metricStat: {
                metric: {
                  namespace: 'AWS/SQS',
                  name: 'ApproximateNumberOfMessagesVisible',
                  dimensions: { QueueName: 'requests' },
                },
                period: 60,
                stat: 'Maximum',
              },
              returnData: true,
            },
          ],
        },
        previousState: expect.objectContaining({ value: 'OK', timestamp: '2026-03-02T09:01:00.000+0000' }),
        state: {
          value: 'ALARM',
          reason: expect.stringMatching(
            /^Threshold Crossed: 1 out of the last 1 datapoints \[4\.0 \(02\/03\/26 09:01:00\)\]/,
          ),
          reasonData: expect.stringContaining('"recentDatapoints":[4]'),
          timestamp: '2026-03-02T09:02:00.000+0000',
        },
      },
    });
  });

  it('treats a queue that can not be read as missing data, not as empty', async () => {
    const { queue, state, errors, seconds } = watchQueue({ TreatMissingData: 'missing' });
    queue.visible = 3;
    await seconds(60);
    queue.failing = true;
    await seconds(120);
    expect(state()?.StateValue).toBe('ALARM');
    await seconds(300);
    expect(state()?.StateValue).toBe('INSUFFICIENT_DATA');
    expect(errors).toContainEqual(new Error('no queue'));
  });

  it('counts what is in flight under its own name', async () => {
    const { queue, state, seconds } = watchQueue({ MetricName: 'ApproximateNumberOfMessagesNotVisible' });
    queue.notVisible = 2;
    await seconds(60);
    expect(state()?.StateValue).toBe('ALARM');
  });

  it('needs as many datapoints as it was told', async () => {
    const { queue, state, seconds } = watchQueue({ EvaluationPeriods: 3, DatapointsToAlarm: 2 });
    await seconds(180);
    queue.visible = 1;
    await seconds(60);
    expect(state()?.StateValue).toBe('OK');
    await seconds(60);
    expect(state()?.StateValue).toBe('ALARM');
  });
});

describe('SetAlarmState', () => {
  it('is one transition that lasts until the next evaluation', async () => {
    const { cloudwatch, events, state, seconds } = watchQueue();
    await seconds(60);
    cloudwatch.setAlarmState({ AlarmName: 'depth', StateValue: 'ALARM', StateReason: 'testing' });
    expect(state()).toMatchObject({ StateValue: 'ALARM', StateReason: 'testing' });
    await seconds(60);
    expect(state()?.StateValue).toBe('OK');
    expect(events().map(({ detail }) => detail.state.value)).toEqual(['OK', 'ALARM', 'OK']);
    const unknown = () => cloudwatch.setAlarmState({ AlarmName: 'x', StateValue: 'OK', StateReason: '' });
    expect((await refusal(unknown)).code).toBe('ResourceNotFound');
  });
});

describe("metrics of one's own", () => {
  it.each([
    ['Sum', 12],
    ['Average', 3],
    ['Minimum', 1],
    ['Maximum', 6],
    ['SampleCount', 4],
  ])('are put together as %s', async (Statistic, expected) => {
    const { cloudwatch, seconds, clock } = emulate();
    const series = {
      Namespace: 'Paddock',
      MetricName: 'wait',
      Dimensions: [{ Name: 'fleet', Value: 'cpu' }],
    };
    const own = { ...series, Statistic, ComparisonOperator: 'GreaterThanOrEqualToThreshold' };
    cloudwatch.putMetricAlarm(alarm({ ...own, AlarmName: 'reached', Threshold: expected }));
    cloudwatch.putMetricAlarm(alarm({ ...own, AlarmName: 'not', Threshold: expected + 0.5 }));
    const put = (datum: object) =>
      cloudwatch.putMetricData({
        Namespace: 'Paddock',
        MetricData: [
          { MetricName: 'wait', Dimensions: series.Dimensions, Timestamp: clock.now() / 1000, ...datum },
        ],
      });
    put({ Value: 1 });
    put({ Values: [6, 2], Counts: [1, 1] });
    put({ StatisticValues: { SampleCount: 1, Sum: 3, Minimum: 3, Maximum: 3 } });
    await seconds(60);
    const states = cloudwatch
      .describeAlarms({})
      .MetricAlarms.map(({ AlarmName, StateValue }) => [AlarmName, StateValue]);
    expect(states).toEqual([
      ['not', 'OK'],
      ['reached', 'ALARM'],
    ]);
  });

  it('need a value', async () => {
    const { cloudwatch } = emulate();
    const empty = () => cloudwatch.putMetricData({ Namespace: 'a', MetricData: [{ MetricName: 'b' }] });
    expect((await refusal(empty)).code).toBe('MissingParameter');
  });
});

describe('alarms as a list', () => {
  it('are filtered, paged and deleted', async () => {
    const { cloudwatch, seconds } = watchQueue();
    cloudwatch.putMetricAlarm(alarm({ AlarmName: 'other', AlarmActions: ['arn:aws:sns:topic'] }));
    await seconds(60);
    const names = (input: object) =>
      cloudwatch.describeAlarms(input).MetricAlarms.map(({ AlarmName }) => AlarmName);
    expect(names({ AlarmNamePrefix: 'de' })).toEqual(['depth']);
    expect(names({ StateValue: 'ALARM' })).toEqual([]);
    expect(names({ ActionPrefix: 'arn:aws:sns' })).toEqual(['other']);
    const page = cloudwatch.describeAlarms({ MaxRecords: 1 });
    expect(names({ NextToken: page.NextToken })).toEqual(['other']);
    cloudwatch.deleteAlarms({ AlarmNames: ['depth'] });
    expect(names({})).toEqual(['other']);
    expect((await refusal(() => cloudwatch.deleteAlarms({ AlarmNames: ['depth'] }))).code).toBe(
      'ResourceNotFound',
    );
  });

  it('keep their state when they are changed', async () => {
    const { cloudwatch, queue, state, seconds } = watchQueue();
    queue.visible = 4;
    await seconds(60);
    cloudwatch.putMetricAlarm(alarm({ Threshold: 2 }));
    expect(state()).toMatchObject({ StateValue: 'ALARM', Threshold: 2 });
  });

  it.each([
    ['an expression', { MetricName: undefined, Metrics: [] }],
    ['a period of 45 s', { Period: 45 }],
    ['more datapoints than periods', { DatapointsToAlarm: 2 }],
    ['more than a day', { Period: 3600, EvaluationPeriods: 25 }],
    ['an operator that there is not', { ComparisonOperator: 'Above' }],
  ])('refuse %s', async (_, changes) => {
    const { cloudwatch } = emulate();
    expect((await refusal(() => cloudwatch.putMetricAlarm(alarm(changes)))).code).toBe('ValidationError');
  });
});
