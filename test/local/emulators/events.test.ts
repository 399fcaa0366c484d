import type { Delivery } from '../../../local/emulators/delivery.ts';
import { emulate, refusal } from './fixtures.ts';

const ALARM = {
  source: 'aws.cloudwatch',
  detailType: 'CloudWatch Alarm State Change',
  resources: ['arn:alarm'],
  detail: { alarmName: 'depth', state: { value: 'ALARM' }, note: 'say "hi"', list: [1, 2] },
};

function withRule(target: object, options = {}) {
  const world = emulate(options);
  world.events.putRule({ Name: 'wake', EventPattern: JSON.stringify({ source: ['aws.cloudwatch'] }) });
  world.events.putTargets({
    Rule: 'wake',
    Targets: [{ Id: 'scale', Arn: 'arn:aws:states:machine', RoleArn: 'arn:role', ...target }],
  });
  return world;
}

describe('a rule', () => {
  it('hands the whole event to its target, with the role to use', async () => {
    const { events, deliveries, seconds } = withRule({});
    events.emit(ALARM);
    await seconds(0);
    expect(deliveries).toEqual([
      {
        targetArn: 'arn:aws:states:machine',
        roleArn: 'arn:role',
        origin: 'arn:aws:events:us-east-1:111122223333:rule/wake',
        input: expect.any(String),
      },
    ]);
    expect(JSON.parse(deliveries[0]?.input ?? '')).toEqual({
      version: '0',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      'detail-type': 'CloudWatch Alarm State Change',
      source: 'aws.cloudwatch',
      account: '111122223333',
      time: '2026-03-02T09:00:00Z',
      region: 'us-east-1',
      resources: ['arn:alarm'],
      detail: ALARM.detail,
    });
  });

  it.each([
    ['a constant', { Input: '{"fleet":"cpu"}' }, { fleet: 'cpu' }],
    ['a part', { InputPath: '$.detail.state' }, { value: 'ALARM' }],
    ['a part named in brackets', { InputPath: "$['detail-type']" }, 'CloudWatch Alarm State Change'],
    [
      'an object made from parts',
      {
        InputTransformer: {
          InputPathsMap: { name: '$.detail.alarmName', state: '$.detail.state', note: '$.detail.note' },
          InputTemplate:
            '{"alarm": <name>, "text": "<name> says <note>", "state": <state>, "rule": <aws.events.rule-name>}',
        },
      },
      { alarm: 'depth', text: 'depth says say "hi"', state: { value: 'ALARM' }, rule: 'wake' },
    ],
    [
      'a text made from parts',
      {
        InputTransformer: {
          InputPathsMap: { name: '$.detail.alarmName' },
          InputTemplate: '"Alarm <name>, second <unknown>"',
        },
      },
      'Alarm depth, second <unknown>',
    ],
  ])('hands over %s', async (_, target, expected) => {
    const { events, deliveries, seconds } = withRule(target);
    events.emit(ALARM);
    await seconds(0);
    expect(JSON.parse(deliveries[0]?.input ?? '')).toEqual(expected);
  });

  it('keeps silent when it does not match or is disabled', async () => {
    const { events, deliveries, seconds } = withRule({});
    events.emit({ ...ALARM, source: 'aws.ec2' });
    await events.handle({ operation: 'DisableRule', input: { Name: 'wake' } });
    events.emit(ALARM);
    await seconds(1);
    expect(deliveries).toEqual([]);
    await events.handle({ operation: 'EnableRule', input: { Name: 'wake' } });
    events.emit(ALARM);
    await seconds(1);
    expect(deliveries).toHaveLength(1);
  });

  it('keeps its targets when it is put again', async () => {
    const { events, deliveries, seconds } = withRule({});
    events.putRule({ Name: 'wake', EventPattern: '{"source":["aws.ec2"]}' });
    events.emit({ ...ALARM, source: 'aws.ec2' });
    await seconds(1);
    expect(deliveries).toHaveLength(1);
  });

  it('is listed, and goes only without targets', async () => {
    const { events } = withRule({});
    events.putRule({ Name: 'other', ScheduleExpression: 'rate(5 minutes)' });
    expect(events.listRules({}).Rules.map(({ Name }) => Name)).toEqual(['other', 'wake']);
    expect(events.listRules({ NamePrefix: 'w' }).Rules).toEqual([
      expect.objectContaining({ Name: 'wake', State: 'ENABLED', EventBusName: 'default' }),
    ]);
    const page = events.listRules({ Limit: 1 });
    expect(events.listRules({ NextToken: page.NextToken }).Rules).toHaveLength(1);

    expect((await refusal(() => events.deleteRule({ Name: 'wake' }))).code).toBe('ValidationException');
    events.removeTargets({ Rule: 'wake', Ids: ['scale'] });
    events.deleteRule({ Name: 'wake' });
    expect((await refusal(() => events.listTargets({ Rule: 'wake' }))).code).toBe(
      'ResourceNotFoundException',
    );
  });

  it('runs on a schedule', async () => {
    const { events, deliveries, seconds } = emulate();
    events.putRule({ Name: 'tick', ScheduleExpression: 'rate(1 minute)' });
    events.putTargets({ Rule: 'tick', Targets: [{ Id: 'one', Arn: 'arn:target' }] });
    await seconds(59);
    expect(deliveries).toEqual([]);
    await seconds(121);
    expect(
      deliveries.map(({ input }) => JSON.parse(input)).map((event) => [event['detail-type'], event.time]),
    ).toEqual([
      ['Scheduled Event', '2026-03-02T09:01:00Z'],
      ['Scheduled Event', '2026-03-02T09:02:00Z'],
      ['Scheduled Event', '2026-03-02T09:03:00Z'],
    ]);
  });
});

it.each([
  ['a pattern that is none', { EventPattern: '{"a":"b"}' }, 'InvalidEventPatternException'],
  ['neither pattern nor schedule', {}, 'ValidationException'],
  ['a schedule that is none', { ScheduleExpression: 'rate(1 minutes)' }, 'ValidationException'],
  [
    'a bus that there is not',
    { EventPattern: '{"a":["b"]}', EventBusName: 'mine' },
    'ResourceNotFoundException',
  ],
])('refuses a rule with %s', async (_, fields, code) => {
  const { events } = emulate();
  expect((await refusal(() => events.putRule({ Name: 'bad', ...fields }))).code).toBe(code);
});

it.each([
  ['input that is no JSON', { Input: '{' }],
  ['two ways to make its input', { Input: '1', InputPath: '$.a' }],
  ['a path that is none', { InputPath: '$.a[*]' }],
])('refuses a target with %s', async (_, target) => {
  expect(() => withRule(target)).toThrow(expect.objectContaining({ code: 'ValidationException' }));
});

describe('PutEvents', () => {
  it('accepts and refuses entries one by one', async () => {
    const { events, deliveries, listen, seconds } = emulate();
    listen({ source: ['my.app'] });
    const entry = { Source: 'my.app', DetailType: 'thing', Detail: '{"a":1}' };
    const result = events.putEvents({
      Entries: [entry, { ...entry, Detail: '{' }, { ...entry, Source: 'aws.ec2' }, { Source: 'my.app' }],
    });
    expect(result.FailedEntryCount).toBe(3);
    expect(result.Entries.map(({ ErrorCode }) => ErrorCode)).toEqual([
      undefined,
      'MalformedDetail',
      'NotAuthorizedForSourceException',
      'InvalidArgument',
    ]);
    await seconds(0);
    expect(deliveries.map(({ input }) => JSON.parse(input).detail)).toEqual([{ a: 1 }]);
    expect((await refusal(() => events.putEvents({ Entries: [] }))).code).toBe('ValidationException');
  });
});

describe('a target that fails', () => {
  const failing = (times: number, error: Error) => {
    const attempts: Delivery[] = [];
    const undelivered: Delivery[] = [];
    const deliver = async (delivery: Delivery) => {
      attempts.push(delivery);
      if (attempts.length <= times) throw error;
    };
    return {
      attempts,
      undelivered,
      options: { deliver, onUndelivered: (delivery: Delivery) => undelivered.push(delivery) },
    };
  };

  it('is tried again, ever later, until it takes the event', async () => {
    const { attempts, undelivered, options } = failing(4, new Error('throttled'));
    const { events, seconds } = withRule({}, options);
    events.emit(ALARM);
    await seconds(1);
    expect(attempts.length).toBeLessThan(4);
    await seconds(60);
    expect(attempts).toHaveLength(5);
    expect(undelivered).toEqual([]);
  });

  it('is given up after the retries that its policy allows', async () => {
    const { attempts, undelivered, options } = failing(99, new Error('down'));
    const { events, seconds } = withRule({ RetryPolicy: { MaximumRetryAttempts: 2 } }, options);
    events.emit(ALARM);
    await seconds(3600);
    expect(attempts).toHaveLength(3);
    expect(undelivered).toHaveLength(1);
  });

  it('is given up when the event is too old', async () => {
    const { attempts, undelivered, options } = failing(99, new Error('down'));
    const { events, seconds } = withRule({ RetryPolicy: { MaximumEventAgeInSeconds: 60 } }, options);
    events.emit(ALARM);
    await seconds(3600);
    expect(attempts.length).toBeGreaterThan(3);
    expect(undelivered).toHaveLength(1);
  });

  it('is not tried again when it is missing; the event goes to the dead-letter queue', async () => {
    const error = Object.assign(new Error('gone'), { code: 'ResourceNotFoundException' });
    const { attempts, undelivered, options } = failing(1, error);
    const { events, seconds } = withRule({ DeadLetterConfig: { Arn: 'arn:aws:sqs:dlq' } }, options);
    events.emit(ALARM);
    await seconds(1);
    expect(attempts.map(({ targetArn }) => targetArn)).toEqual(['arn:aws:states:machine', 'arn:aws:sqs:dlq']);
    expect(undelivered).toEqual([]);
  });
});
