import {
  AutoScalingClient,
  CreateAutoScalingGroupCommand,
  DescribeAutoScalingGroupsCommand,
  SetDesiredCapacityCommand,
} from '@aws-sdk/client-auto-scaling';
import { CloudWatchClient, GetMetricDataCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { DescribeClusterCommand, EKSClient, UpdateNodegroupConfigCommand } from '@aws-sdk/client-eks';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { GetScheduleCommand, ListSchedulesCommand, SchedulerClient } from '@aws-sdk/client-scheduler';
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { AwsSmithyRpcV2CborProtocol } from '@aws-sdk/core/protocols';
import type { Front } from '../../../local/front/front.ts';
import { AwsError, type AwsRequest, type AwsService } from '../../../local/front/types.ts';
import { ACCOUNT, clientFor, REGION, startTestFront } from './harness.ts';

/** Stands for an emulator: keeps what it was asked and answers what the test says. */
class Recorder {
  readonly requests: AwsRequest[] = [];
  answer: unknown = {};
  readonly service: AwsService;
  constructor(service: AwsService) {
    this.service = service;
  }
  async handle(request: AwsRequest): Promise<unknown> {
    this.requests.push(request);
    if (this.answer instanceof Error) throw this.answer;
    return this.answer;
  }
  get last(): { operation: string; input: Record<string, unknown> } | undefined {
    const request = this.requests.at(-1);
    return request && { operation: request.operation, input: request.input };
  }
}

const SERVICES = [
  'autoscaling',
  'eks',
  'monitoring',
  'events',
  'scheduler',
  'states',
  'lambda',
  'ssm',
] as const;
const emulators = Object.fromEntries(SERVICES.map((service) => [service, new Recorder(service)])) as Record<
  (typeof SERVICES)[number],
  Recorder
>;

let front: Front;
let options: ReturnType<typeof clientFor>;
const at = new Date('2026-01-02T03:04:05Z');

beforeAll(async () => {
  front = await startTestFront();
  for (const emulator of Object.values(emulators)) front.register(emulator);
  options = clientFor(front, front.admin);
});

afterAll(() => front.stop());

describe('Auto Scaling: query and XML', () => {
  it('reads numbers, booleans and lists, writes nested lists and times', async () => {
    const client = new AutoScalingClient(options);
    const group = {
      AutoScalingGroupName: 'a<&>"b',
      MinSize: 0,
      MaxSize: 5,
      DesiredCapacity: 2,
      AvailabilityZones: ['a', 'b'],
      Instances: [{ InstanceId: 'i-1', LifecycleState: 'InService', ProtectedFromScaleIn: false }],
      Tags: [],
      CreatedTime: at,
    };
    emulators.autoscaling.answer = { AutoScalingGroups: [group] };
    const output = await client.send(
      new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: ['x', 'y'] }),
    );
    expect(output.AutoScalingGroups).toMatchObject([{ ...group, Tags: expect.anything() }]);
    expect(emulators.autoscaling.last).toEqual({
      operation: 'DescribeAutoScalingGroups',
      input: { AutoScalingGroupNames: ['x', 'y'] },
    });
    emulators.autoscaling.answer = {};
    await client.send(
      new SetDesiredCapacityCommand({ AutoScalingGroupName: 'g', DesiredCapacity: 3, HonorCooldown: false }),
    );
    expect(emulators.autoscaling.last?.input).toEqual({
      AutoScalingGroupName: 'g',
      DesiredCapacity: 3,
      HonorCooldown: false,
    });
    const Tags = [{ Key: 'k', Value: 'v', PropagateAtLaunch: true }];
    await client.send(
      new CreateAutoScalingGroupCommand({ AutoScalingGroupName: 'g', MinSize: 0, MaxSize: 1, Tags }),
    );
    expect(emulators.autoscaling.last?.input).toMatchObject({ Tags });
  });

  it('names its errors', async () => {
    const client = new AutoScalingClient(options);
    emulators.autoscaling.answer = new AwsError('ScalingActivityInProgress', 'busy & <blocked>');
    await expect(
      client.send(new SetDesiredCapacityCommand({ AutoScalingGroupName: 'g', DesiredCapacity: 3 })),
    ).rejects.toMatchObject({ name: 'ScalingActivityInProgressFault', message: 'busy & <blocked>' });
  });
});

describe('EKS, Scheduler and Lambda: REST and JSON', () => {
  it('reads the path and the body', async () => {
    emulators.eks.answer = { cluster: { name: 'c', createdAt: at, version: '1.36', tags: { a: 'b' } } };
    const client = new EKSClient(options);
    const { cluster } = await client.send(new DescribeClusterCommand({ name: 'c' }));
    expect(cluster).toEqual({ name: 'c', createdAt: at, version: '1.36', tags: { a: 'b' } });
    expect(emulators.eks.last).toEqual({ operation: 'DescribeCluster', input: { name: 'c' } });
    const input = { clusterName: 'c', nodegroupName: 'n', scalingConfig: { minSize: 0, maxSize: 3 } };
    await client.send(new UpdateNodegroupConfigCommand(input));
    expect(emulators.eks.last).toMatchObject({ operation: 'UpdateNodegroupConfig', input });
    emulators.eks.answer = new AwsError('ResourceInUseException', 'an update runs', 409);
    await expect(client.send(new UpdateNodegroupConfigCommand(input))).rejects.toMatchObject({
      name: 'ResourceInUseException',
      message: 'an update runs',
    });
  });

  it('reads the query string and writes times', async () => {
    const client = new SchedulerClient(options);
    emulators.scheduler.answer = { Name: 's', CreationDate: at, FlexibleTimeWindow: { Mode: 'OFF' } };
    const schedule = await client.send(new GetScheduleCommand({ Name: 's', GroupName: 'default' }));
    expect(schedule).toMatchObject({ Name: 's', CreationDate: at });
    expect(emulators.scheduler.last?.input).toEqual({ Name: 's', GroupName: 'default' });
    emulators.scheduler.answer = { Schedules: [] };
    await client.send(new ListSchedulesCommand({ MaxResults: 7 }));
    expect(emulators.scheduler.last?.input).toEqual({ MaxResults: 7 });
  });

  it('carries a function payload untouched, and tells its error in a header', async () => {
    const client = new LambdaClient(options);
    emulators.lambda.answer = {
      StatusCode: 200,
      Payload: '{"no":1}',
      FunctionError: 'Unhandled',
      ExecutedVersion: '1',
    };
    const FunctionName = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:scaler`;
    const output = await client.send(
      new InvokeCommand({ FunctionName, Payload: Buffer.from('{"fleet":"cpu"}') }),
    );
    expect(output).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled', ExecutedVersion: '1' });
    expect(output.Payload?.transformToString()).toBe('{"no":1}');
    const input = emulators.lambda.last?.input;
    expect(Buffer.from(input?.Payload as Uint8Array).toString()).toBe('{"fleet":"cpu"}');
    expect(input?.FunctionName).toBe(FunctionName);
    emulators.lambda.answer = { StatusCode: 202 };
    const event = await client.send(new InvokeCommand({ FunctionName, InvocationType: 'Event' }));
    expect(event.StatusCode).toBe(202);
    expect(emulators.lambda.last?.input.InvocationType).toBe('Event');
  });
});

describe('the JSON protocols', () => {
  it('Step Functions, Systems Manager and EventBridge', async () => {
    emulators.states.answer = { executionArn: 'arn:x', startDate: at };
    const stateMachineArn = `arn:aws:states:${REGION}:${ACCOUNT}:stateMachine:scale`;
    const started = await new SFNClient(options).send(
      new StartExecutionCommand({ stateMachineArn, input: '{}' }),
    );
    expect(started).toMatchObject({ executionArn: 'arn:x', startDate: at });
    expect(emulators.states.last).toEqual({
      operation: 'StartExecution',
      input: { stateMachineArn, input: '{}' },
    });

    emulators.ssm.answer = new AwsError('ParameterNotFound', 'no such parameter');
    await expect(
      new SSMClient(options).send(new GetParameterCommand({ Name: '/a/b' })),
    ).rejects.toMatchObject({
      name: 'ParameterNotFound',
    });

    emulators.events.answer = { FailedEntryCount: 0, Entries: [{ EventId: '1' }] };
    const Entries = [{ Source: 's', DetailType: 't', Detail: '{}', Time: at }];
    await new EventBridgeClient(options).send(new PutEventsCommand({ Entries }));
    expect(emulators.events.last?.input).toEqual({ Entries });
  });

  const protocols = { JSON: {}, CBOR: { protocol: AwsSmithyRpcV2CborProtocol } };
  it.each(Object.entries(protocols))('CloudWatch in %s', async (_name, protocol) => {
    const client = new CloudWatchClient({ ...options, ...protocol });
    const MetricData = [
      { MetricName: 'need', Value: 1.5, Timestamp: at, Dimensions: [{ Name: 'fleet', Value: 'cpu' }] },
    ];
    emulators.monitoring.answer = {};
    await client.send(new PutMetricDataCommand({ Namespace: 'Paddock', MetricData }));
    expect(emulators.monitoring.last).toEqual({
      operation: 'PutMetricData',
      input: { Namespace: 'Paddock', MetricData },
    });
    const MetricDataResults = [{ Id: 'a', Timestamps: [at], Values: [2.5] }];
    emulators.monitoring.answer = { MetricDataResults };
    const query = new GetMetricDataCommand({ MetricDataQueries: [], StartTime: at, EndTime: new Date() });
    expect((await client.send(query)).MetricDataResults).toEqual(MetricDataResults);
    expect(emulators.monitoring.last?.input.StartTime).toEqual(at);
    emulators.monitoring.answer = new AwsError('LimitExceeded', 'too many');
    await expect(client.send(query)).rejects.toMatchObject({ message: 'too many' });
  });
});

describe('an emulator that fails', () => {
  it('is an internal error that says what failed', async () => {
    emulators.eks.answer = new TypeError('undefined is not a cluster');
    await expect(
      new EKSClient(options).send(new DescribeClusterCommand({ name: 'c' })),
    ).rejects.toMatchObject({
      name: 'InternalFailure',
      message: expect.stringContaining('undefined is not a cluster'),
    });
  });
});
