import config from '../../paddock.config.ts';
import { actionsOf, getAtt, ofType, one, type Statement, statementsOf, synthesize } from './templates.ts';

const { controlPlane: template, monitoring } = synthesize(config);
const [id, { Properties }] = one(template, 'AWS::Lambda::Function', { FunctionName: 'paddock-healthcheck' });
const roleId: string = Properties.Role['Fn::GetAtt'][0];
const statements = statementsOf(template, roleId);
const resourcesOf = (action: string): unknown[] =>
  statements
    .filter((statement: Statement) => actionsOf(statement).includes(action))
    .flatMap(({ Resource }) => Resource);

describe('the health check', () => {
  it('may look through the dead-letter queues and end responses, and no more', () => {
    expect([...new Set(statements.flatMap(actionsOf))].toSorted()).toEqual([
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
      'sqs:ChangeMessageVisibility',
      'sqs:GetQueueAttributes',
      'sqs:ReceiveMessage',
    ]);
    const queues = config.fleets.map(({ name }) =>
      getAtt(one(template, 'AWS::SQS::Queue', { QueueName: `paddock-${name}-dead-letters` })[0], 'Arn'),
    );
    expect(resourcesOf('sqs:ReceiveMessage')).toEqual(queues);
    expect(JSON.stringify(resourcesOf('s3:PutObject'))).toContain('/results/*');
    expect(JSON.stringify(resourcesOf('s3:PutObject'))).not.toContain('/status/');
  });

  it('is called each minute, by a role that may call it alone, and is over before the next', () => {
    const [, schedule] = one(template, 'AWS::Scheduler::Schedule', { Name: 'paddock-healthcheck' });
    const { Target, ScheduleExpression } = schedule.Properties;
    expect(ScheduleExpression).toBe('rate(1 minute)');
    expect(Properties.Timeout).toBeLessThan(60);
    expect(Target).toMatchObject({ Arn: getAtt(id, 'Arn'), Input: '{"duty":"sweep"}' });
    const [only, ...more] = statementsOf(template, Target.RoleArn['Fn::GetAtt'][0]);
    expect(more).toEqual([]);
    expect(only).toMatchObject({ Action: 'lambda:InvokeFunction', Resource: getAtt(id, 'Arn') });
  });

  it('is not repeated when it fails: the next minute repairs, and an alarm tells people', () => {
    const invoke = ofType(template, 'AWS::Lambda::EventInvokeConfig').find(
      ([, one]) => one.Properties.FunctionName.Ref === id,
    );
    expect(invoke?.[1].Properties.MaximumRetryAttempts).toBe(0);
    expect(JSON.stringify(ofType(monitoring, 'AWS::CloudWatch::Alarm'))).toContain('healthcheck');
  });
});
