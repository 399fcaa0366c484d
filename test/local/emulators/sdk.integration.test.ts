import * as autoscaling from '@aws-sdk/client-auto-scaling';
import * as cloudwatch from '@aws-sdk/client-cloudwatch';
import * as eks from '@aws-sdk/client-eks';
import * as eventbridge from '@aws-sdk/client-eventbridge';
import * as scheduler from '@aws-sdk/client-scheduler';
import * as ssm from '@aws-sdk/client-ssm';
import { type HttpRequest, HttpResponse } from '@smithy/core/protocols';
import { AwsEksUpgrades } from '../../../adapters/aws/eks-upgrades.ts';
import { UpdateFailure } from '../../../local/emulators/eks-updates.ts';
import { findService } from '../../../local/front/services.ts';
import { AwsError, type AwsService } from '../../../local/front/types.ts';
import { createDecoder } from '../../../local/front/wire/codec.ts';
import { renderError } from '../../../local/front/wire/errors.ts';
import { CLUSTER, emulate, nodegroup } from './fixtures.ts';

/** The emulators behind the front's wire formats, without a socket: what the SDK sends and reads is what counts. */
function connect(changes: Parameters<typeof emulate>[0] = {}) {
  const world = emulate(changes);
  const decode = createDecoder();
  const answer = async (service: AwsService, request: HttpRequest) => {
    const spec = findService(service);
    const emulator = world.services.get(service);
    if (!spec || !emulator) throw new Error(`No ${service}.`);
    const { path, method, headers } = request;
    const query = new URLSearchParams(
      Object.entries(request.query ?? {}).map(([key, value]): [string, string] => [key, String(value)]),
    );
    const rawBody = Buffer.from(request.body ?? '');
    try {
      const decoded = await decode(spec, { method, path, query, headers, rawBody });
      const principal = { accessKeyId: '', secretAccessKey: '', roleArn: '', name: 'admin', policies: [] };
      const output = await emulator.handle({
        ...decoded,
        service,
        principal,
        method,
        url: path,
        headers,
        rawBody,
      });
      return decoded.encode(output, 'request-1');
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      return renderError(error, { spec, requestId: 'request-1', path, method, cbor: false });
    }
  };
  const options = (service: AwsService) => ({
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    requestHandler: {
      handle: async (request: HttpRequest) => {
        const { status, headers, body } = await answer(service, request);
        return {
          response: new HttpResponse({ statusCode: status, headers: headers ?? {}, body: Buffer.from(body) }),
        };
      },
    } as never,
  });
  return { ...world, options };
}

it('Auto Scaling', async () => {
  const world = connect();
  const client = new autoscaling.AutoScalingClient(world.options('autoscaling'));
  const { autoScalingGroupName } = world.eks.addNodegroup(
    nodegroup({ scalingConfig: { minSize: 1, maxSize: 3 }, capacityType: 'SPOT' }),
  );
  await world.seconds(60);
  const input = { AutoScalingGroupName: autoScalingGroupName };
  await client.send(new autoscaling.SuspendProcessesCommand({ ...input, ScalingProcesses: ['AZRebalance'] }));
  await client.send(
    new autoscaling.SetDesiredCapacityCommand({ ...input, DesiredCapacity: 2, HonorCooldown: false }),
  );
  await world.seconds(10);
  const { AutoScalingGroups } = await client.send(
    new autoscaling.DescribeAutoScalingGroupsCommand({
      Filters: [{ Name: 'tag:eks:nodegroup-name', Values: ['paddock-cpu-base'] }],
    }),
  );
  expect(AutoScalingGroups).toHaveLength(1);
  const [group] = AutoScalingGroups ?? [];
  expect(group).toMatchObject({
    MinSize: 1,
    DesiredCapacity: 2,
    CapacityRebalance: true,
    CreatedTime: new Date('2026-03-02T09:00:00Z'),
    Instances: [
      { LifecycleState: 'InService', HealthStatus: 'Healthy', InstanceType: 'c6a.4xlarge' },
      { LifecycleState: 'Pending' },
    ],
    SuspendedProcesses: [{ ProcessName: 'AZRebalance' }],
  });

  const { Activity } = await client.send(
    new autoscaling.TerminateInstanceInAutoScalingGroupCommand({
      InstanceId: group?.Instances?.[1]?.InstanceId,
      ShouldDecrementDesiredCapacity: true,
    }),
  );
  expect(Activity?.Cause).toContain('in response to a user request, shrinking the capacity from 2 to 1');
  const activities = await client.send(new autoscaling.DescribeScalingActivitiesCommand(input));
  expect(activities.Activities?.map(({ StatusCode }) => StatusCode).sort()).toEqual([
    'Cancelled',
    'InProgress',
    'Successful',
  ]);

  const tooMany = client.send(new autoscaling.SetDesiredCapacityCommand({ ...input, DesiredCapacity: 9 }));
  await expect(tooMany).rejects.toMatchObject({
    name: 'ValidationError',
    message: 'New SetDesiredCapacity value 9 is above max value 3 for the AutoScalingGroup.',
  });
  world.autoscaling.contend(autoScalingGroupName);
  const contended = client.send(new autoscaling.SetDesiredCapacityCommand({ ...input, DesiredCapacity: 1 }));
  await expect(contended).rejects.toBeInstanceOf(autoscaling.ResourceContentionFault);
});

it('EKS', async () => {
  const world = connect();
  const client = new eks.EKSClient(world.options('eks'));
  world.eks.addNodegroup(nodegroup({ taints: [{ key: 'a', effect: 'NO_SCHEDULE' }] }));
  const { cluster } = await client.send(new eks.DescribeClusterCommand({ name: 'paddock' }));
  expect(cluster).toMatchObject({
    endpoint: 'https://127.0.0.1:6443',
    certificateAuthority: { data: 'Q0E=' },
  });
  const ids = { clusterName: 'paddock', nodegroupName: 'paddock-cpu-base' };
  const { update } = await client.send(
    new eks.UpdateNodegroupConfigCommand({
      ...ids,
      scalingConfig: { minSize: 1, maxSize: 2, desiredSize: 1 },
    }),
  );
  const refused = client.send(
    new eks.UpdateNodegroupConfigCommand({ ...ids, scalingConfig: { maxSize: 3 } }),
  );
  await expect(refused).rejects.toBeInstanceOf(eks.ResourceInUseException);
  await world.seconds(30);
  const done = await client.send(
    new eks.DescribeUpdateCommand({
      name: 'paddock',
      nodegroupName: ids.nodegroupName,
      updateId: update?.id,
    }),
  );
  expect(done.update?.status).toBe('Successful');
  const { nodegroup: described } = await client.send(new eks.DescribeNodegroupCommand(ids));
  expect(described).toMatchObject({
    status: 'ACTIVE',
    scalingConfig: { minSize: 1, maxSize: 2, desiredSize: 1 },
    taints: [{ key: 'a', effect: 'NO_SCHEDULE' }],
    createdAt: new Date('2026-03-02T09:00:00Z'),
  });
  world.eks.addAccessEntry({ principalArn: 'arn:aws:iam::1:role/scaler', kubernetesGroups: ['g'] });
  const { accessEntry } = await client.send(
    new eks.DescribeAccessEntryCommand({
      clusterName: 'paddock',
      principalArn: 'arn:aws:iam::1:role/scaler',
    }),
  );
  expect(accessEntry?.kubernetesGroups).toEqual(['g']);
});

it('EventBridge', async () => {
  const world = connect();
  const client = new eventbridge.EventBridgeClient(world.options('events'));
  await client.send(new eventbridge.PutRuleCommand({ Name: 'mine', EventPattern: '{"source":["my.app"]}' }));
  await client.send(
    new eventbridge.PutTargetsCommand({
      Rule: 'mine',
      Targets: [{ Id: 'a', Arn: 'arn:t', Input: '{"a":1}' }],
    }),
  );
  const entry = { Source: 'my.app', DetailType: 'x', Detail: '{}', Time: new Date('2026-01-01T00:00:00Z') };
  const { FailedEntryCount } = await client.send(new eventbridge.PutEventsCommand({ Entries: [entry] }));
  expect(FailedEntryCount).toBe(0);
  await world.seconds(0);
  expect(world.deliveries.map(({ input }) => input)).toEqual(['{"a":1}']);
  const { Rules } = await client.send(new eventbridge.ListRulesCommand({}));
  expect(Rules?.[0]).toMatchObject({ Name: 'mine', State: 'ENABLED' });
  const bad = client.send(new eventbridge.PutRuleCommand({ Name: 'bad', EventPattern: '[]' }));
  await expect(bad).rejects.toBeInstanceOf(eventbridge.InvalidEventPatternException);
});

it('Scheduler', async () => {
  const world = connect();
  const client = new scheduler.SchedulerClient(world.options('scheduler'));
  const input = {
    Name: 'tick',
    ScheduleExpression: 'rate(1 minute)',
    FlexibleTimeWindow: { Mode: 'OFF' as const },
    Target: { Arn: 'arn:t', RoleArn: 'arn:r', Input: '{"fleet":"cpu"}' },
    StartDate: new Date('2026-03-02T09:00:30Z'),
  };
  await client.send(new scheduler.CreateScheduleCommand(input));
  await world.seconds(31);
  expect(world.deliveries).toHaveLength(1);
  const { StartDate, Target, State } = await client.send(new scheduler.GetScheduleCommand({ Name: 'tick' }));
  expect([StartDate, Target?.Input, State]).toEqual([input.StartDate, input.Target.Input, 'ENABLED']);
  await client.send(new scheduler.UpdateScheduleCommand({ ...input, State: 'DISABLED' }));
  const { Schedules } = await client.send(new scheduler.ListSchedulesCommand({ State: 'DISABLED' }));
  expect(Schedules).toHaveLength(1);
  await expect(client.send(new scheduler.CreateScheduleCommand(input))).rejects.toBeInstanceOf(
    scheduler.ConflictException,
  );
});

it('CloudWatch', async () => {
  const world = connect();
  const client = new cloudwatch.CloudWatchClient(world.options('monitoring'));
  await client.send(
    new cloudwatch.PutMetricAlarmCommand({
      AlarmName: 'high',
      Namespace: 'mine',
      MetricName: 'load',
      Statistic: 'Average',
      Period: 60,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanThreshold',
    }),
  );
  await client.send(
    new cloudwatch.PutMetricDataCommand({
      Namespace: 'mine',
      MetricData: [{ MetricName: 'load', Value: 2, Timestamp: new Date(world.clock.now()) }],
    }),
  );
  await world.seconds(60);
  const { MetricAlarms } = await client.send(new cloudwatch.DescribeAlarmsCommand({ StateValue: 'ALARM' }));
  expect(MetricAlarms?.[0]).toMatchObject({
    AlarmName: 'high',
    Threshold: 1,
    StateUpdatedTimestamp: new Date('2026-03-02T09:01:00Z'),
  });
  const unknown = client.send(
    new cloudwatch.SetAlarmStateCommand({ AlarmName: 'x', StateValue: 'OK', StateReason: 'test' }),
  );
  await expect(unknown).rejects.toBeInstanceOf(cloudwatch.ResourceNotFound);
});

it('Systems Manager', async () => {
  const world = connect();
  const client = new ssm.SSMClient(world.options('ssm'));
  await client.send(new ssm.PutParameterCommand({ Name: '/a/b', Value: 'x', Type: 'String' }));
  const { Parameter } = await client.send(new ssm.GetParameterCommand({ Name: '/a/b' }));
  expect(Parameter).toMatchObject({
    Value: 'x',
    Version: 1,
    LastModifiedDate: new Date('2026-03-02T09:00:00Z'),
  });
  const { Parameters } = await client.send(new ssm.GetParametersByPathCommand({ Path: '/a/' }));
  expect(Parameters).toHaveLength(1);
  await expect(client.send(new ssm.GetParameterCommand({ Name: '/c' }))).rejects.toBeInstanceOf(
    ssm.ParameterNotFound,
  );
});

describe('what an upgrade reads of EKS', () => {
  const connected = () => {
    const world = connect({ cluster: { ...CLUSTER, version: '1.35' }, insightsSeconds: 0 });
    const client = new eks.EKSClient(world.options('eks'));
    world.eks.addNodegroup(nodegroup());
    for (const name of ['coredns', 'kube-proxy', 'vpc-cni']) world.eks.addAddon(name);
    return { ...world, client, upgrades: new AwsEksUpgrades(CLUSTER.name, client) };
  };

  it('of add-ons: versions that fit, before all others those that fit the present Kubernetes too', async () => {
    const { upgrades } = connected();
    const state = { status: 'ACTIVE' };
    expect(await upgrades.addons('1.36', '1.35')).toEqual([
      {
        ...{ ...state, name: 'coredns', version: 'v1.12.4-eksbuild.6' },
        fitting: ['v1.13.2-eksbuild.4', 'v1.14.2-eksbuild.1'],
      },
      {
        ...{ ...state, name: 'kube-proxy', version: 'v1.35.4-eksbuild.2' },
        fitting: [
          ...['v1.35.4-eksbuild.2', 'v1.34.8-eksbuild.1', 'v1.33.13-eksbuild.1'],
          'v1.36.2-eksbuild.1',
        ],
      },
      expect.objectContaining({ name: 'vpc-cni', version: 'v1.21.0-eksbuild.2' }),
    ]);
    const [coredns] = await upgrades.addons('1.37', '1.36');
    expect(coredns?.fitting).toEqual([]);
  });

  it('of node groups, updates and insights', async () => {
    const { upgrades, client, eks: emulator, seconds } = connected();
    expect(await upgrades.nodegroups()).toEqual([
      {
        ...{ name: 'paddock-cpu-base', version: '1.35', release: '1.35.2-20260901' },
        ...{ status: 'ACTIVE', issues: [] },
      },
    ]);
    emulator.failNextUpdate(new UpdateFailure('InsufficientFreeAddresses', 'none left'));
    const command = new eks.UpdateClusterVersionCommand({ name: CLUSTER.name, version: '1.36' });
    const { update } = await client.send(command);
    expect(await upgrades.update(update?.id ?? '')).toEqual({ status: 'InProgress', errors: [] });
    await seconds(600);
    expect(await upgrades.update(update?.id ?? '')).toEqual({
      status: 'Failed',
      errors: ['InsufficientFreeAddresses: none left'],
    });
    expect(await upgrades.update('none')).toBeUndefined();
    emulator.reportInsight({
      ...{
        name: 'Deprecated APIs',
        category: 'UPGRADE_READINESS',
        status: 'ERROR',
        kubernetesVersion: '1.36',
      },
      ...{ reason: 'Used.', recommendation: 'Use others.' },
    });
    await client.send(new eks.StartInsightsRefreshCommand({ clusterName: CLUSTER.name }));
    await seconds(1);
    const found = await upgrades.insights();
    expect(found).toContainEqual({ name: 'Deprecated APIs', status: 'ERROR', reason: 'Used. Use others.' });
  });

  it('is refused by the names that EKS gives', async () => {
    const { client } = connected();
    const code = async (command: { version: string }) => {
      try {
        await client.send(new eks.UpdateClusterVersionCommand({ name: CLUSTER.name, ...command }));
        return 'accepted';
      } catch (error) {
        return (error as Error).name;
      }
    };
    expect(await code({ version: '1.37' })).toBe('InvalidParameterException');
    expect(await code({ version: '1.34' })).toBe('InvalidRequestException');
    expect(await code({ version: '1.36' })).toBe('accepted');
    expect(await code({ version: '1.36' })).toBe('ResourceInUseException');
  });
});
