import config from '../../paddock.config.ts';
import { healthcheckAccess } from '../../workloads/access.ts';
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
  it('may look at everything, look through the dead-letter queues and end responses, and no more', () => {
    const actions = [...new Set(statements.flatMap(actionsOf))].filter(
      (action) => !action.startsWith('ec2:'),
    );
    expect(actions.toSorted()).toEqual([
      'autoscaling:DescribeAutoScalingGroups',
      'autoscaling:DescribeScalingActivities',
      'cloudwatch:GetMetricStatistics',
      'dynamodb:Query',
      'eks:DescribeCluster',
      'eks:DescribeNodegroup',
      'eks:ListNodegroups',
      'logs:CreateLogStream',
      'logs:PutLogEvents',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
      'sqs:ChangeMessageVisibility',
      'sqs:GetQueueAttributes',
      'sqs:ReceiveMessage',
      'ssm:GetParameter',
      'states:StartExecution',
    ]);
    const queues = config.fleets.map(({ name }) =>
      getAtt(one(template, 'AWS::SQS::Queue', { QueueName: `paddock-${name}-dead-letters` })[0], 'Arn'),
    );
    expect(resourcesOf('sqs:ReceiveMessage')).toEqual(queues);
    const [machine] = one(template, 'AWS::StepFunctions::StateMachine', {
      StateMachineName: 'paddock-spot-fallback',
    });
    expect(resourcesOf('states:StartExecution')).toEqual([{ Ref: machine }]);
    expect(JSON.stringify(resourcesOf('s3:PutObject'))).toContain('/results/*');
    expect(JSON.stringify(resourcesOf('s3:PutObject'))).not.toContain('/status/');
  });

  it.each([
    ['paddock-healthcheck', 'sweep'],
    ['paddock-healthcheck-verdict', 'verdict'],
  ])(
    '%s calls it each minute, by a role that may call it alone, and it is over before the next',
    (name, duty) => {
      const [, schedule] = one(template, 'AWS::Scheduler::Schedule', { Name: name });
      const { Target, ScheduleExpression } = schedule.Properties;
      expect(ScheduleExpression).toBe('rate(1 minute)');
      expect(Properties.Timeout).toBeLessThan(60);
      expect(Target).toMatchObject({ Arn: getAtt(id, 'Arn'), Input: JSON.stringify({ duty }) });
      const [only, ...more] = statementsOf(template, Target.RoleArn['Fn::GetAtt'][0]);
      expect(more).toEqual([]);
      expect(only).toMatchObject({ Action: 'lambda:InvokeFunction', Resource: getAtt(id, 'Arn') });
    },
  );

  it('stands in the VPC, where it reaches the Kubernetes API and the workers, with rights to read alone', () => {
    expect(Properties.VpcConfig.SubnetIds.length).toBeGreaterThan(0);
    const group = Properties.VpcConfig.SecurityGroupIds[0];
    const ports = ofType(template, 'AWS::EC2::SecurityGroupIngress')
      .filter(([, rule]) => JSON.stringify(rule.Properties.SourceSecurityGroupId) === JSON.stringify(group))
      .map(([, rule]) => rule.Properties.FromPort);
    expect(ports.toSorted()).toEqual([443, 8080]);
    const entry = ofType(template, 'AWS::EKS::AccessEntry').find(
      ([, one]) => JSON.stringify(one.Properties.PrincipalArn) === JSON.stringify(getAtt(roleId, 'Arn')),
    );
    expect(entry?.[1].Properties.KubernetesGroups).toEqual(['paddock:healthcheck']);
    const verbs = healthcheckAccess()
      .flatMap((one) => ('rules' in one ? (one.rules ?? []) : []))
      .flatMap((rule) => rule.verbs);
    expect([...new Set(verbs)]).toEqual(['list']);
  });

  it('an alarm goes off when it finds the system unhealthy, stays degraded, or gives no verdict', () => {
    const alarm = (kind: string) =>
      one(monitoring, 'AWS::CloudWatch::Alarm', { AlarmName: `paddock-${kind}` })[1].Properties;
    const common = { MetricName: 'HealthVerdict', Namespace: 'Paddock' };
    expect(alarm('unhealthy')).toMatchObject({
      ...common,
      Threshold: 2,
      Statistic: 'Minimum',
      EvaluationPeriods: 3,
    });
    expect(alarm('degraded')).toMatchObject({ ...common, Threshold: 1, EvaluationPeriods: 30 });
    expect(alarm('no-verdict')).toMatchObject({
      ...common,
      Statistic: 'SampleCount',
      TreatMissingData: 'breaching',
    });
  });

  it('is not repeated when it fails: the next minute repairs, and an alarm tells people', () => {
    const invoke = ofType(template, 'AWS::Lambda::EventInvokeConfig').find(
      ([, one]) => one.Properties.FunctionName.Ref === id,
    );
    expect(invoke?.[1].Properties.MaximumRetryAttempts).toBe(0);
    expect(JSON.stringify(ofType(monitoring, 'AWS::CloudWatch::Alarm'))).toContain('healthcheck');
  });
});
