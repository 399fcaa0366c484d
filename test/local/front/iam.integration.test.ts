import {
  AutoScalingClient,
  SetDesiredCapacityCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import {
  CreateTableCommand,
  DynamoDBClient,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { DescribeNodegroupCommand, EKSClient, ListFargateProfilesCommand } from '@aws-sdk/client-eks';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CreateQueueCommand, SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Front } from '../../../local/front/front.ts';
import type {
  AwsService,
  ResolvedResource,
  ResourceRef,
  ServiceEmulator,
} from '../../../local/front/types.ts';
import { ACCOUNT, allow, clientFor, REGION, role, startTestFront } from './harness.ts';

const GROUP_ARN = `arn:aws:autoscaling:${REGION}:${ACCOUNT}:autoScalingGroup:1234:autoScalingGroupName/mine`;

const emulator = (service: AwsService, known: Record<string, ResolvedResource> = {}): ServiceEmulator => ({
  service,
  handle: async () => ({}),
  resolveResource: ({ kind, name }: ResourceRef) => known[`${kind}/${name}`],
});

let front: Front;

beforeAll(async () => {
  front = await startTestFront();
  const mine = { arn: GROUP_ARN, tags: { 'eks:cluster-name': 'paddock' } };
  const theirs = { arn: GROUP_ARN.replace('mine', 'theirs'), tags: { 'eks:cluster-name': 'other' } };
  front.register(
    emulator('autoscaling', {
      'autoScalingGroup/mine': mine,
      'autoScalingGroup/theirs': theirs,
      'instance/i-1': mine,
    }),
  );
  const nodegroup = `arn:aws:eks:${REGION}:${ACCOUNT}:nodegroup/paddock/spot/abcd`;
  front.register(emulator('eks', { 'nodegroup/spot': { arn: nodegroup } }));
  front.register(emulator('monitoring'));
});

afterAll(() => front.stop());

let made = 0;
function as(...policies: object[]) {
  made += 1;
  const name = `role-${made}`;
  return clientFor(front, front.addPrincipal({ name, roleArn: role(name), policies }));
}

const DENIED = { message: expect.stringContaining('is not authorized to perform') };

describe('permissions', () => {
  it('hold for the resource that they name', async () => {
    const admin = new SQSClient(clientFor(front, front.admin));
    const [own, other] = await Promise.all(
      ['own', 'other'].map((QueueName) => admin.send(new CreateQueueCommand({ QueueName }))),
    );
    const sqs = new SQSClient(as(allow('sqs:SendMessage', `arn:aws:sqs:${REGION}:${ACCOUNT}:own`)));
    const Entries = [{ Id: '1', MessageBody: 'x' }];
    await sqs.send(new SendMessageBatchCommand({ QueueUrl: own?.QueueUrl, Entries }));
    await expect(
      sqs.send(new SendMessageBatchCommand({ QueueUrl: other?.QueueUrl, Entries })),
    ).rejects.toMatchObject({
      name: 'AccessDenied',
      message: expect.stringContaining(
        `sqs:SendMessage on resource: arn:aws:sqs:${REGION}:${ACCOUNT}:other because no identity-based policy allows`,
      ),
    });
  });

  it('hold by the tags of an Auto Scaling group, also when an instance names it', async () => {
    const condition = { StringEquals: { 'aws:ResourceTag/eks:cluster-name': 'paddock' } };
    const actions = ['autoscaling:SetDesiredCapacity', 'autoscaling:TerminateInstanceInAutoScalingGroup'];
    const client = new AutoScalingClient(as(allow(actions, '*', condition)));
    const set = (AutoScalingGroupName: string) =>
      client.send(new SetDesiredCapacityCommand({ AutoScalingGroupName, DesiredCapacity: 1 }));
    await set('mine');
    await expect(set('theirs')).rejects.toMatchObject(DENIED);
    await expect(set('nowhere')).rejects.toMatchObject(DENIED);
    const terminate = (InstanceId: string) =>
      client.send(
        new TerminateInstanceInAutoScalingGroupCommand({ InstanceId, ShouldDecrementDesiredCapacity: true }),
      );
    await terminate('i-1');
    await expect(terminate('i-2')).rejects.toMatchObject(DENIED);
  });

  it('hold by ARNs whose id only the emulator knows', async () => {
    const pattern = `arn:aws:eks:${REGION}:${ACCOUNT}:nodegroup/paddock/spot/*`;
    const client = new EKSClient(as(allow('eks:DescribeNodegroup', pattern)));
    const describeGroup = (nodegroupName: string) =>
      client.send(new DescribeNodegroupCommand({ clusterName: 'paddock', nodegroupName }));
    await describeGroup('spot');
    await expect(describeGroup('on-demand')).rejects.toMatchObject(DENIED);
  });

  it('hold by request conditions', async () => {
    const condition = { StringEquals: { 'cloudwatch:namespace': 'Paddock' } };
    const client = new CloudWatchClient(as(allow('cloudwatch:PutMetricData', '*', condition)));
    const put = (Namespace: string) => client.send(new PutMetricDataCommand({ Namespace, MetricData: [] }));
    await put('Paddock');
    await expect(put('AWS')).rejects.toMatchObject(DENIED);
  });

  it('an explicit deny wins', async () => {
    const deny = {
      Version: '2012-10-17',
      Statement: { Effect: 'Deny', Action: 'dynamodb:PutItem', Resource: '*' },
    };
    const client = new DynamoDBClient(as(allow('dynamodb:*', '*'), deny));
    await client.send(
      new CreateTableCommand({
        TableName: 'denied',
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
        BillingMode: 'PAY_PER_REQUEST',
      }),
    );
    await expect(
      client.send(new PutItemCommand({ TableName: 'denied', Item: { pk: { S: 'x' } } })),
    ).rejects.toMatchObject({
      message: expect.stringContaining('with an explicit deny in an identity-based policy'),
    });
  });

  it('of one kind of item do not serve for another', async () => {
    const table = `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/items`;
    const admin = new DynamoDBClient(clientFor(front, front.admin));
    await admin.send(
      new CreateTableCommand({
        ...{ TableName: 'items', BillingMode: 'PAY_PER_REQUEST' },
        KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      }),
    );
    const client = new DynamoDBClient(
      as(
        allow(['dynamodb:UpdateItem', 'dynamodb:Scan'], table, {
          'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['rate#*'] },
          Null: { 'dynamodb:LeadingKeys': 'false' },
        }),
      ),
    );
    const update = (pk: string) =>
      client.send(
        new UpdateItemCommand({
          ...{ TableName: 'items', Key: { pk: { S: pk } }, UpdateExpression: 'SET a = :a' },
          ExpressionAttributeValues: { ':a': { N: '1' } },
        }),
      );
    await update('rate#app');
    await expect(update('fleet#cpu')).rejects.toMatchObject({ name: 'AccessDeniedException' });
    // What names no item at all is about all of them.
    await expect(client.send(new ScanCommand({ TableName: 'items' }))).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
  });

  it('of one folder do not serve for another, though decisions are reused', async () => {
    const admin = new S3Client(clientFor(front, front.admin));
    await admin.send(new CreateBucketCommand({ Bucket: 'folders' }));
    const bucket = 'arn:aws:s3:::folders';
    const s3 = new S3Client(
      as(
        allow('s3:PutObject', `${bucket}/a/*`),
        allow('s3:ListBucket', bucket, { StringLike: { 's3:prefix': 'a/*' } }),
      ),
    );
    const put = (Key: string, IfMatch?: string) =>
      s3.send(new PutObjectCommand({ Bucket: 'folders', Key, Body: 'x', ...(IfMatch ? { IfMatch } : {}) }));
    await put('a/1');
    await put('a/2');
    await expect(put('b/1')).rejects.toMatchObject({ name: 'AccessDenied' });
    // To replace what one read, one must be allowed to read it.
    await expect(put('a/1', '"etag"')).rejects.toMatchObject({
      message: expect.stringContaining('s3:GetObject'),
    });
    await s3.send(new ListObjectsV2Command({ Bucket: 'folders', Prefix: 'a/x' }));
    await expect(
      s3.send(new ListObjectsV2Command({ Bucket: 'folders', Prefix: 'b/' })),
    ).rejects.toMatchObject({
      name: 'AccessDenied',
    });
  });

  it('may be replaced, with the same key', () => {
    const first = front.addPrincipal({ name: 'again', roleArn: role('again'), policies: [] });
    const second = front.addPrincipal({ name: 'again', roleArn: role('again'), policies: [allow('*', '*')] });
    expect(second.accessKeyId).toBe(first.accessKeyId);
    expect(front.principalByKey(first.accessKeyId)).toBe(second);
  });
});

describe('what the front can’t judge fails loudly', () => {
  it('an operation without a mapping', async () => {
    const client = new EKSClient(clientFor(front, front.admin));
    await expect(
      client.send(new ListFargateProfilesCommand({ clusterName: 'paddock' })),
    ).rejects.toMatchObject({
      name: 'NotImplemented',
      message: expect.stringContaining('eks:ListFargateProfiles'),
    });
  });

  it('a condition on a key it has no value for', () => {
    const condition = { StringEquals: { 'sqs:NoSuchKey': 'x' } };
    expect(() => as(allow('sqs:SendMessage', '*', condition))).toThrow('sqs:nosuchkey');
    // What other services check is not its business.
    as(allow('iam:PassRole', '*', { StringEquals: { 'iam:PassedToService': 'states.amazonaws.com' } }));
  });

  it('what is not a policy', () => {
    expect(() => as({ Statement: [{ Effect: 'Allow', Action: { Ref: 'Token' }, Resource: '*' }] })).toThrow(
      'Statement',
    );
  });
});

describe('the record of calls', () => {
  it('counts what was asked, allowed or not, objects by their folder', async () => {
    const name = `role-${made + 1}`;
    const s3 = new S3Client(as(allow('s3:PutObject', 'arn:aws:s3:::folders/a/*')));
    for (const n of [1, 2, 3]) {
      await s3.send(new PutObjectCommand({ Bucket: 'folders', Key: `a/${n}`, Body: 'x' }));
    }
    await s3.send(new PutObjectCommand({ Bucket: 'folders', Key: 'c/d', Body: 'x' })).catch(() => {});
    expect(front.calls().filter(({ principal }) => principal === name)).toEqual([
      {
        principal: name,
        action: 's3:PutObject',
        resource: 'arn:aws:s3:::folders/a/*',
        first: { resource: 'arn:aws:s3:::folders/a/1', context: {} },
        allowed: true,
        count: 3,
      },
      {
        principal: name,
        action: 's3:PutObject',
        resource: 'arn:aws:s3:::folders/c/d',
        first: { resource: 'arn:aws:s3:::folders/c/d', context: {} },
        allowed: false,
        count: 1,
      },
    ]);
  });

  it('keeps what conditions ask for, and that a missing object needed the right to list', async () => {
    const name = `role-${made + 1}`;
    const bucket = 'arn:aws:s3:::folders';
    const tagged = { StringEquals: { 'aws:ResourceTag/eks:cluster-name': 'paddock' } };
    const client = as(
      allow(['s3:GetObject', 's3:ListBucket'], [bucket, `${bucket}/*`]),
      allow('autoscaling:SetDesiredCapacity', '*', tagged),
    );
    await expect(
      new S3Client(client).send(new GetObjectCommand({ Bucket: 'folders', Key: 'a/none' })),
    ).rejects.toMatchObject({ name: 'NoSuchKey' });
    await new AutoScalingClient(client).send(
      new SetDesiredCapacityCommand({ AutoScalingGroupName: 'mine', DesiredCapacity: 1 }),
    );
    const calls = front.calls().filter(({ principal }) => principal === name);
    expect(calls.map(({ action, first }) => [action, first])).toEqual([
      ['s3:GetObject', { resource: `${bucket}/a/none`, context: {} }],
      ['s3:ListBucket', { resource: bucket, context: {} }],
      [
        'autoscaling:SetDesiredCapacity',
        { resource: GROUP_ARN, context: { 'aws:ResourceTag/eks:cluster-name': 'paddock' } },
      ],
    ]);
  });
});
