import { emulate, refusal } from './fixtures.ts';

const schedule = (changes: object = {}) => ({
  Name: 'tick-cpu',
  ScheduleExpression: 'rate(1 minute)',
  FlexibleTimeWindow: { Mode: 'OFF' as const },
  Target: {
    Arn: 'arn:aws:states:machine',
    RoleArn: 'arn:role',
    Input: '{"fleet":"cpu","trigger":"schedule"}',
  },
  ...changes,
});

/** When each delivery came, seconds since the start. */
function timed(options = {}) {
  const times: number[] = [];
  const world = emulate({
    ...options,
    deliver: async () => void times.push((world.clock.now() - start) / 1000),
  });
  const start = world.clock.now();
  return { ...world, times };
}

it('invokes each minute from its creation on, with its constant input', async () => {
  const { scheduler, deliveries, seconds } = emulate();
  const { ScheduleArn } = scheduler.createSchedule(schedule());
  await seconds(0);
  expect(deliveries).toEqual([
    {
      targetArn: 'arn:aws:states:machine',
      roleArn: 'arn:role',
      input: '{"fleet":"cpu","trigger":"schedule"}',
      origin: ScheduleArn,
    },
  ]);
  await seconds(300);
  expect(deliveries).toHaveLength(6);
});

it('is late by less than the imprecision, once per minute', async () => {
  const { scheduler, times, seconds } = timed({ imprecisionSeconds: 60 });
  scheduler.createSchedule(schedule());
  await seconds(600);
  const lateness = times.map((time, index) => time - index * 60);
  expect(times.length).toBeGreaterThanOrEqual(9);
  expect(lateness.every((late) => late >= 0 && late < 60)).toBe(true);
  expect(Math.max(...lateness) - Math.min(...lateness)).toBeGreaterThan(10);
});

it('does not invoke while it is disabled', async () => {
  const { scheduler, deliveries, seconds } = emulate();
  scheduler.createSchedule(schedule({ State: 'DISABLED' }));
  await seconds(180);
  expect(deliveries).toEqual([]);
  scheduler.updateSchedule(schedule({ State: 'ENABLED' }));
  await seconds(60);
  expect(deliveries.length).toBeGreaterThan(0);
});

it.each([
  ['cron(0/2 * * * ? *)', [0, 120, 240]],
  ['cron(3 9 ? * MON *)', [180]],
  ['cron(3 9 ? * TUE *)', []],
  ['at(2026-03-02T09:04:00)', [240]],
  ['at(2026-03-02T08:59:00)', []],
])('understands %s', async (ScheduleExpression, expected) => {
  const { scheduler, times, seconds } = timed();
  scheduler.createSchedule(schedule({ ScheduleExpression }));
  await seconds(299);
  expect(times).toEqual(expected);
});

it('reads cron and at in its time zone', async () => {
  const { scheduler, times, seconds } = timed();
  scheduler.createSchedule(
    schedule({ ScheduleExpression: 'cron(1 10 * * ? *)', ScheduleExpressionTimezone: 'Europe/Berlin' }),
  );
  await seconds(120);
  expect(times).toEqual([60]);
});

it('keeps to its start and end', async () => {
  const { scheduler, times, clock, seconds } = timed();
  const at = (after: number) => new Date(clock.now() + after * 1000);
  scheduler.createSchedule(
    schedule({ StartDate: at(30), EndDate: at(200), ActionAfterCompletion: 'DELETE' }),
  );
  await seconds(600);
  expect(times).toEqual([30, 90, 150]);
  expect(scheduler.listSchedules({}).Schedules).toEqual([]);
});

it('fills in what it knows of the invocation', async () => {
  const { scheduler, deliveries, seconds } = emulate();
  const Input = '{"at":"<aws.scheduler.scheduled-time>","by":"<aws.scheduler.schedule-arn>"}';
  const { ScheduleArn } = scheduler.createSchedule(
    schedule({ Target: { Arn: 'arn:t', RoleArn: 'arn:r', Input } }),
  );
  await seconds(0);
  expect(JSON.parse(deliveries[0]?.input ?? '')).toEqual({ at: '2026-03-02T09:00:00Z', by: ScheduleArn });
});

it('can be read, listed, replaced and deleted', async () => {
  const { scheduler, deliveries, seconds } = emulate();
  scheduler.createSchedule(schedule({ Description: 'wakes' }));
  scheduler.createSchedule(schedule({ Name: 'tick-gpu', State: 'DISABLED' }));
  expect(scheduler.getSchedule({ Name: 'tick-cpu' })).toMatchObject({
    Arn: 'arn:aws:scheduler:us-east-1:111122223333:schedule/default/tick-cpu',
    GroupName: 'default',
    Description: 'wakes',
    ScheduleExpression: 'rate(1 minute)',
    State: 'ENABLED',
    Target: { Arn: 'arn:aws:states:machine' },
  });
  expect(scheduler.listSchedules({ State: 'DISABLED' }).Schedules.map(({ Name }) => Name)).toEqual([
    'tick-gpu',
  ]);
  expect(scheduler.listSchedules({ MaxResults: 1 }).NextToken).toBeDefined();

  scheduler.updateSchedule(schedule({ ScheduleExpression: 'rate(1 hour)' }));
  expect(scheduler.getSchedule({ Name: 'tick-cpu' }).Description).toBeUndefined();
  await seconds(120);
  expect(deliveries).toHaveLength(1);

  scheduler.deleteSchedule({ Name: 'tick-cpu' });
  expect(await refusal(() => scheduler.getSchedule({ Name: 'tick-cpu' }))).toEqual({
    code: 'ResourceNotFoundException',
    message: 'Schedule tick-cpu does not exist.',
    status: 404,
  });
});

it.each([
  ['an expression that is none', { ScheduleExpression: 'every minute' }, 'ValidationException'],
  ['a cron with both days', { ScheduleExpression: 'cron(0 9 * * * *)' }, 'ValidationException'],
  ['a target without a role', { Target: { Arn: 'arn:t' } }, 'ValidationException'],
  ['a group that there is not', { GroupName: 'mine' }, 'ResourceNotFoundException'],
])('refuses %s', async (_, changes, code) => {
  const { scheduler } = emulate();
  expect((await refusal(() => scheduler.createSchedule(schedule(changes) as never))).code).toBe(code);
});

it('refuses a name that is taken', async () => {
  const { scheduler } = emulate();
  scheduler.createSchedule(schedule());
  expect(await refusal(() => scheduler.createSchedule(schedule()))).toMatchObject({
    code: 'ConflictException',
    status: 409,
  });
});
