import { defineConfig, fleetPolicy, presets } from '../../infra/config/index.ts';
import config from '../../paddock.config.ts';
import { getAtt, ofType, one, statementsOf, synthesize, type Template } from './templates.ts';

const { controlPlane: template, cluster } = synthesize(config);

const FLEETS = ['cpu', 'gpu'] as const;
const queueOf = (fleet: string) => one(template, 'AWS::SQS::Queue', { QueueName: `paddock-${fleet}` });
const [scaleId] = one(template, 'AWS::StepFunctions::StateMachine', {
  StateMachineName: 'paddock-scale',
});
describe.each(FLEETS)('the queue of fleet %s', (fleet) => {
  const { Properties } = queueOf(fleet)[1];

  it('gives a message to the dead-letter queue only as a backstop', () => {
    expect(Properties.VisibilityTimeout).toBe(30);
    expect(Properties.RedrivePolicy.maxReceiveCount).toBe(20);
  });

  it('is encrypted, and its dead letters outlive it', () => {
    const [, dead] = one(template, 'AWS::SQS::Queue', { QueueName: `paddock-${fleet}-dead-letters` });

    for (const queue of [Properties, dead.Properties]) expect(queue.SqsManagedSseEnabled).toBe(true);
    expect(dead.Properties.MessageRetentionPeriod).toBeGreaterThan(Properties.MessageRetentionPeriod);
  });
});

describe.each(FLEETS)('what wakes fleet %s', (fleet) => {
  it('is the clock, each minute', () => {
    const { Properties } = one(template, 'AWS::Scheduler::Schedule', { Name: `paddock-${fleet}` })[1];

    expect(Properties).toMatchObject({
      ScheduleExpression: 'rate(1 minute)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      State: 'ENABLED',
      Target: { Arn: { Ref: scaleId } },
    });
    expect(JSON.parse(Properties.Target.Input)).toEqual({ fleet, trigger: 'schedule' });
  });

  it('is the depth of its queue: alarm, rule, state machine', () => {
    const [alarmId, alarm] = one(template, 'AWS::CloudWatch::Alarm', {
      AlarmName: `paddock-${fleet}-backlog`,
    });
    const [, rule] = one(template, 'AWS::Events::Rule', { Name: `paddock-${fleet}-backlog` });

    expect(alarm.Properties).toMatchObject({
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Dimensions: [{ Name: 'QueueName', Value: getAtt(queueOf(fleet)[0], 'QueueName') }],
      Period: 60,
      EvaluationPeriods: 1,
      ComparisonOperator: 'GreaterThanOrEqualToThreshold',
      Threshold: fleetPolicy(config, fleet).activationBacklog,
    });
    expect(rule.Properties.EventPattern).toEqual({
      source: ['aws.cloudwatch'],
      'detail-type': ['CloudWatch Alarm State Change'],
      resources: [getAtt(alarmId, 'Arn')],
      detail: { state: { value: ['ALARM'] } },
    });
    expect(rule.Properties.Targets[0].Arn).toEqual({ Ref: scaleId });
    expect(JSON.parse(rule.Properties.Targets[0].Input)).toEqual({ fleet, trigger: 'alarm' });
  });

  it('may start the scale machine and nothing else', () => {
    const [, schedule] = one(template, 'AWS::Scheduler::Schedule', { Name: `paddock-${fleet}` });
    const [, rule] = one(template, 'AWS::Events::Rule', { Name: `paddock-${fleet}-backlog` });

    for (const target of [schedule.Properties.Target, rule.Properties.Targets[0]])
      expect(statementsOf(template, target.RoleArn['Fn::GetAtt'][0])).toEqual([
        { Action: 'states:StartExecution', Effect: 'Allow', Resource: { Ref: scaleId } },
      ]);
  });
});

describe('storage', () => {
  it('is a table with the keys and the expiry that the scaler writes, restorable to any second', () => {
    expect(one(template, 'AWS::DynamoDB::Table')[1].Properties).toMatchObject({
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      BillingMode: 'PAY_PER_REQUEST',
    });
  });

  it('is private buckets: one forgets results after a week, one keeps models', () => {
    const [models, results] = ofType(template, 'AWS::S3::Bucket').sort(([a], [b]) => (a < b ? -1 : 1));

    expect(results?.[1].Properties.LifecycleConfiguration.Rules[0]).toMatchObject({
      ExpirationInDays: 7,
      Status: 'Enabled',
    });
    expect(models?.[0]).toMatch(/^Models/);
    expect(models?.[1].Properties.LifecycleConfiguration.Rules).toEqual([
      expect.not.objectContaining({ ExpirationInDays: expect.anything() }),
    ]);
    for (const bucket of [models, results])
      expect(Object.values(bucket?.[1].Properties.PublicAccessBlockConfiguration)).toEqual([
        true,
        true,
        true,
        true,
      ]);
  });

  it('is reached by TLS alone', () => {
    const policies = [
      ...ofType(template, 'AWS::SQS::QueuePolicy'),
      ...ofType(template, 'AWS::S3::BucketPolicy'),
    ];

    expect(policies).toHaveLength(6);
    for (const [, { Properties }] of policies)
      expect(Properties.PolicyDocument.Statement).toContainEqual(
        expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      );
  });
});

describe('what the local runtime reads', () => {
  it.each(FLEETS)('is the parameter of fleet %s', (fleet) => {
    const [, { Properties }] = one(template, 'AWS::SSM::Parameter', {
      Name: `/paddock/paddock/fleets/${fleet}`,
    });
    const value = JSON.parse(resolveJoin(Properties.Value));

    expect(value).toEqual({
      policy: fleetPolicy(config, fleet),
      clusterName: 'paddock',
      queueUrl: `<${queueOf(fleet)[0]}>`,
      deadLetterQueueUrl: `<${one(template, 'AWS::SQS::Queue', { QueueName: `paddock-${fleet}-dead-letters` })[0]}>`,
      resultsBucket: expect.stringMatching(/^<Results/),
      modelsBucket: expect.stringMatching(/^<Models/),
    });
  });

  it('is each Kubernetes object once, in manifests that kubectl can apply', () => {
    const manifests = ofType(template, 'Custom::AWSCDK-EKS-KubernetesResource').map(([, { Properties }]) =>
      resolveJoin(Properties.Manifest),
    );
    const objects = manifests.flatMap(
      (text) => JSON.parse(text) as { kind: string; metadata: { name: string; namespace?: string } }[],
    );
    const names = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`);

    for (const text of manifests) expect(text.length).toBeLessThan(262_144);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining([
        'Namespace /paddock',
        'StatefulSet paddock/cpu-base-a',
        'Deployment paddock/gpu-spot',
      ]),
    );
  });

  it("is the key of the worker's file", () => {
    expect(template.Outputs.WorkerBundleKey?.Value).toMatch(/^[0-9a-f]{64}\.mjs$/);
  });

  it("refers to the cluster's stack, never the other way round", () => {
    expect(JSON.stringify(template)).toContain('PaddockCluster');
    expect(JSON.stringify(cluster)).not.toContain('PaddockControlPlane');
  });
});

it('fits another configuration as well: other names, fleets and thresholds', () => {
  const other: Template = synthesize(
    defineConfig({
      region: 'eu-west-1',
      cluster: { name: 'llm' },
      fleets: [presets.gpu({ name: 'chat-large', policy: { activationBacklog: 7, minReplicas: 0 } })],
    }),
  ).controlPlane;

  expect(one(other, 'AWS::CloudWatch::Alarm')[1].Properties).toMatchObject({
    AlarmName: 'llm-chat-large-backlog',
    Threshold: 7,
  });
  expect(one(other, 'AWS::SSM::Parameter')[1].Properties.Name).toBe('/paddock/llm/fleets/chat-large');
  expect(JSON.stringify(other)).not.toContain('paddock-cpu');
});

/** `Fn::Join` with its references written as `<logical id>`. */
function resolveJoin(value: string | { 'Fn::Join': [string, (string | { Ref: string })[]] }): string {
  if (typeof value === 'string') return value;
  const [separator, parts] = value['Fn::Join'];
  return parts
    .map((part) =>
      typeof part === 'string' ? part : `<${part.Ref ?? JSON.stringify(part).replaceAll('"', '')}>`,
    )
    .join(separator);
}
