import { AutoScalingClient, SetDesiredCapacityCommand } from '@aws-sdk/client-auto-scaling';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EKSClient } from '@aws-sdk/client-eks';
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { STSClient } from '@aws-sdk/client-sts';
import { AutoScalingNodeGroups } from '../../adapters/aws/auto-scaling.ts';
import { AwsEksCluster } from '../../adapters/aws/eks-cluster.ts';
import { EksHealth } from '../../adapters/aws/eks-health.ts';
import { AutoScalingFailedLaunches } from '../../adapters/aws/failed-launches.ts';
import { SsmFleetParameters } from '../../adapters/aws/fleet-parameters.ts';
import { DynamoFleetState } from '../../adapters/aws/fleet-state.ts';
import { DynamoNotices } from '../../adapters/aws/notices.ts';
import { SqsQueueCounts } from '../../adapters/aws/queue-counts.ts';
import { DynamoRateBuckets } from '../../adapters/aws/rate-buckets.ts';
import { DynamoUpgradeState } from '../../adapters/aws/upgrade-state.ts';
import { NotFoundError, RefusedError, UnavailableError } from '../../adapters/errors.ts';
import type { Front } from '../../local/front/front.ts';
import { fleetParametersContract, nodeGroupsContract, queueCountsContract } from '../contract/aws.ts';
import { fleetStateContract } from '../contract/fleet-state.ts';
import { noticesContract } from '../contract/notices.ts';
import { rateBucketsContract } from '../contract/rate-buckets.ts';
import { upgradeStateContract } from '../contract/upgrade-state.ts';
import { policy } from '../functions/scaler/world.ts';
import { CLUSTER, emulate, nodegroup } from '../local/emulators/fixtures.ts';
import { clientFor, createTable, REGION, startTestFront } from '../local/front/harness.ts';

const TABLE = 'paddock';
const PREFIX = '/paddock/paddock/fleets/';
const MISSING = `https://sqs.${REGION}.amazonaws.com/111122223333/missing`;

const { eks, autoscaling, ssm, seconds, dispose } = emulate({ region: REGION });
let front: Front;
const options = () => clientFor(front, front.admin);

beforeAll(async () => {
  front = await startTestFront({ clusterName: CLUSTER.name });
  for (const emulator of [eks, autoscaling, ssm]) front.register(emulator);
  await createTable(front, TABLE);
});

afterAll(async () => {
  dispose();
  await front.stop();
});

fleetStateContract('DynamoDB', () => new DynamoFleetState(TABLE, new DynamoDBClient(options())));
rateBucketsContract('DynamoDB', () => new DynamoRateBuckets(TABLE, new DynamoDBClient(options())));
upgradeStateContract(
  'DynamoDB',
  (cluster) => new DynamoUpgradeState(TABLE, cluster, new DynamoDBClient(options())),
);
noticesContract('DynamoDB', () => new DynamoNotices(TABLE, new DynamoDBClient(options())));

queueCountsContract('SQS', () => {
  const sqs = new SQSClient(options());
  let queues = 0;
  return {
    reader: new SqsQueueCounts(sqs),
    missing: MISSING,
    async queueWith({ backlog, inFlight }) {
      queues += 1;
      const QueueName = `counts-${queues}-${backlog}-${inFlight}`;
      const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName }));
      for (let i = 0; i < backlog + inFlight; i += 1) {
        await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: `${i}` }));
      }
      if (inFlight > 0) {
        const MaxNumberOfMessages = inFlight;
        await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages, VisibilityTimeout: 60 }));
      }
      return QueueUrl;
    },
  };
});

fleetParametersContract('SSM', { policy: policy(), clusterName: 'test', queueUrl: 'url' }, () => {
  const client = new SSMClient(options());
  return {
    reader: new SsmFleetParameters(PREFIX, client),
    async put(fleet, parameters) {
      const Value = JSON.stringify(parameters);
      await client.send(
        new PutParameterCommand({ Name: PREFIX + fleet, Value, Type: 'String', Overwrite: true }),
      );
    },
  };
});

const groups: Record<string, string> = {};
nodeGroupsContract('Auto Scaling', async () => {
  const client = new AutoScalingClient(options());
  if (!groups.main) {
    for (const name of ['main', 'spot']) {
      const spec = nodegroup({
        nodegroupName: `paddock-cpu-${name}`,
        scalingConfig: { minSize: 0, maxSize: 4 },
      });
      groups[name] = eks.addNodegroup(spec).autoScalingGroupName;
    }
    await client.send(
      new SetDesiredCapacityCommand({ AutoScalingGroupName: groups.main ?? '', DesiredCapacity: 1 }),
    );
    await seconds(60);
  }
  const none = { desired: 0, min: 0, max: 4, instances: [] };
  return {
    reader: new AutoScalingNodeGroups(client),
    cluster: CLUSTER.name,
    expected: [
      {
        ...none,
        nodegroup: 'paddock-cpu-main',
        autoScalingGroupName: groups.main ?? '',
        desired: 1,
        instances: [{ instanceId: expect.stringMatching(/^i-/) as never, lifecycle: 'in-service' }],
      },
      { ...none, nodegroup: 'paddock-cpu-spot', autoScalingGroupName: groups.spot ?? '' },
    ],
  };
});

describe('EKS', () => {
  it('tells where the cluster answers, and keeps it until it is forgotten', async () => {
    const cluster = new AwsEksCluster(CLUSTER.name, {
      eks: new EKSClient(options()),
      sts: new STSClient(options()),
    });
    const endpoint = { server: CLUSTER.endpoint, caData: CLUSTER.certificateAuthorityData };
    const described = () => front.calls().find(({ action }) => action === 'eks:DescribeCluster')?.count;
    expect(await cluster.endpoint()).toEqual(endpoint);
    await cluster.endpoint();
    expect(described()).toBe(1);
    cluster.forget();
    await cluster.endpoint();
    expect(described()).toBe(2);
  });

  it('says which cluster does not exist', async () => {
    const cluster = new AwsEksCluster('nobody', { eks: new EKSClient(options()) });
    await expect(cluster.endpoint()).rejects.toBeInstanceOf(NotFoundError);
    await expect(cluster.endpoint()).rejects.toThrow('describe the cluster nobody');
  });
});

describe('a node group without capacity', () => {
  it('is told by EKS, and its last failed launch by Auto Scaling', async () => {
    const spec = nodegroup({ nodegroupName: 'paddock-cpu-dry', scalingConfig: { minSize: 0, maxSize: 4 } });
    const { autoScalingGroupName } = eks.addNodegroup(spec);
    autoscaling.setCapacity(autoScalingGroupName, { available: 1 });
    const launches = new AutoScalingFailedLaunches(new AutoScalingClient(options()));
    const health = new EksHealth(new EKSClient(options()));
    const group = async () =>
      (await health.nodeGroups(CLUSTER.name)).find(({ name }) => name === 'paddock-cpu-dry');
    expect(await launches.last(autoScalingGroupName)).toBeUndefined();
    expect(await group()).toMatchObject({ issues: [], autoScalingGroups: [autoScalingGroupName] });

    autoscaling.setDesiredCapacity({ AutoScalingGroupName: autoScalingGroupName, DesiredCapacity: 2 });
    await seconds(30);
    const first = await launches.last(autoScalingGroupName);
    expect(first).toMatchObject({ message: expect.stringContaining('InsufficientInstanceCapacity') });
    await seconds(120);
    expect(await group()).toMatchObject({ issues: [{ code: 'AsgInstanceLaunchFailures' }] });
    const last = await launches.last(autoScalingGroupName);
    expect(last?.at).toBeGreaterThan(first?.at ?? 0);
    expect(last?.activityId).not.toBe(first?.activityId);
  });

  it('says which group does not exist', async () => {
    const launches = new AutoScalingFailedLaunches(new AutoScalingClient(options()));
    await expect(launches.last('nobody')).rejects.toThrow('describe the scaling activities of nobody');
  });
});

describe('an endpoint that is down or says no', () => {
  const readers: [string, string, () => Promise<unknown>][] = [
    [
      'sqs',
      'read the counters of the queue',
      () => new SqsQueueCounts(new SQSClient(options())).read(MISSING),
    ],
    ['ssm', 'read the parameter', () => new SsmFleetParameters(PREFIX, new SSMClient(options())).read('cpu')],
    [
      'dynamodb',
      'read the memory',
      () => new DynamoFleetState(TABLE, new DynamoDBClient(options())).readMemory('cpu'),
    ],
    [
      'autoscaling',
      'describe the Auto Scaling groups',
      () => new AutoScalingNodeGroups(new AutoScalingClient(options())).list(CLUSTER.name),
    ],
    [
      'eks',
      'describe the cluster',
      () => new AwsEksCluster(CLUSTER.name, { eks: new EKSClient(options()) }).endpoint(),
    ],
  ];

  it.each(readers)('%s: unavailable, with what was tried', async (service, what, read) => {
    const heal = front.inject({ service: service as 'sqs', kind: 'down' });
    try {
      const error = await read().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UnavailableError);
      expect(error).toMatchObject({ message: expect.stringContaining(what) });
    } finally {
      heal();
    }
  });

  it('a role that may not: refused', async () => {
    const nobody = front.addPrincipal({
      name: 'Nobody',
      roleArn: 'arn:aws:iam::111122223333:role/nobody',
      policies: [],
    });
    const client = new AutoScalingClient(clientFor(front, nobody));
    await expect(new AutoScalingNodeGroups(client).list(CLUSTER.name)).rejects.toBeInstanceOf(RefusedError);
  });
});
