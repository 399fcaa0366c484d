import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { EKSClient, ListClustersCommand } from '@aws-sdk/client-eks';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import type { Front, RequestEvent } from '../../../local/front/front.ts';
import { ACCOUNT, allow, clientFor, role, startTestFront } from './harness.ts';

let front: Front;

beforeAll(async () => {
  front = await startTestFront();
});

afterAll(() => front.stop());

type Options = ReturnType<typeof clientFor> & { systemClockOffset?: number };

const CALLS: Record<string, (options: Options) => Promise<unknown>> = {
  sqs: (options) => new SQSClient(options).send(new ListQueuesCommand({})),
  s3: (options) => new S3Client(options).send(new ListBucketsCommand({})),
  dynamodb: (options) => new DynamoDBClient(options).send(new ListTablesCommand({})),
  eks: (options) => new EKSClient(options).send(new ListClustersCommand({})),
  autoscaling: (options) => new AutoScalingClient(options).send(new DescribeAutoScalingGroupsCommand({})),
};

const WRONG: [service: string, key: string, signature: string, denied: string, throttled: string][] = [
  ['sqs', 'InvalidClientTokenId', 'SignatureDoesNotMatch', 'AccessDenied', 'RequestThrottled'],
  ['s3', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'AccessDenied', 'SlowDown'],
  [
    'dynamodb',
    'UnrecognizedClientException',
    'InvalidSignatureException',
    'AccessDeniedException',
    'ThrottlingException',
  ],
  [
    'eks',
    'UnrecognizedClientException',
    'InvalidSignatureException',
    'AccessDeniedException',
    'ThrottlingException',
  ],
  ['autoscaling', 'InvalidClientTokenId', 'SignatureDoesNotMatch', 'AccessDenied', 'Throttling'],
];

describe.each(WRONG)('%s refuses as AWS does', (service, key, signature, denied, throttled) => {
  const call = (options: Options): Promise<unknown> => CALLS[service]?.(options) ?? Promise.reject(service);

  it('a key it does not know', async () => {
    const stranger = { ...front.admin, accessKeyId: 'AKIAUNKNOWNUNKNOWN00' };
    await expect(call(clientFor(front, stranger))).rejects.toMatchObject({ name: key });
  });

  it('a secret that is not the key’s', async () => {
    const options = clientFor(front, front.admin, { secretAccessKey: 'wrong' });
    await expect(call(options)).rejects.toMatchObject({ name: signature });
  });

  it('another region', async () => {
    await expect(call({ ...clientFor(front, front.admin), region: 'us-east-1' })).rejects.toMatchObject({
      name: signature,
    });
  });

  it('a caller without the permission, naming action and resource', async () => {
    const roleArn = role('nobody');
    const nobody = front.addPrincipal({ name: 'nobody', roleArn, policies: [allow('sts:*', '*')] });
    await expect(call(clientFor(front, nobody))).rejects.toMatchObject({
      name: denied,
      message: expect.stringMatching(
        /assumed-role\/nobody\/nobody is not authorized to perform: \w+:\w+ on resource: \*/,
      ),
    });
  });

  it('when throttled, and answers again afterwards', async () => {
    const undo = front.inject({ service: service as 'sqs', kind: 'throttle' });
    await expect(call(clientFor(front, front.admin))).rejects.toMatchObject({ name: throttled });
    undo();
    expect(front.faults()).toEqual([]);
    if (service === 'sqs') await call(clientFor(front, front.admin));
  });

  it('by breaking the connection when down', async () => {
    const undo = front.inject({ service: service as 'sqs', kind: 'down' });
    await expect(call(clientFor(front, front.admin))).rejects.toMatchObject({
      message: expect.stringContaining('socket hang up'),
    });
    undo();
  });
});

describe('clocks', () => {
  it('may differ by less than 15 minutes', async () => {
    const call = (minutes: number) =>
      CALLS.dynamodb?.({ ...clientFor(front, front.admin), systemClockOffset: minutes * 60_000 });
    await call(-14);
    await call(14);
    await expect(call(-16)).rejects.toMatchObject({
      name: 'InvalidSignatureException',
      message: expect.stringContaining('Signature expired'),
    });
    await expect(call(16)).rejects.toMatchObject({ message: expect.stringContaining('not yet current') });
  });
});

describe('faults', () => {
  it('hit the share of requests that they state, the same ones for the same seed', async () => {
    const run = async () => {
      const own = await startTestFront({ seed: 7 });
      own.inject({ service: 'sqs', operation: 'ListQueues', kind: 'error', rate: 0.5 });
      const sqs = new SQSClient(clientFor(own, own.admin));
      const outcomes: string[] = [];
      for (let n = 0; n < 20; n++) {
        outcomes.push(
          await sqs.send(new ListQueuesCommand({})).then(
            () => 'ok',
            ({ name }) => name,
          ),
        );
      }
      sqs.destroy();
      await own.stop();
      return outcomes;
    };
    const outcomes = await run();
    expect(new Set(outcomes)).toEqual(new Set(['ok', 'InternalFailure']));
    expect(await run()).toEqual(outcomes);
  });

  it('that make no sense are refused', () => {
    expect(() => front.inject({ service: 's3', kind: 'duplicate' })).toThrow('ReceiveMessage');
    expect(() => front.inject({ service: 's3', kind: 'delay' })).toThrow('delayMs');
    expect(() => front.inject({ service: 's3', kind: 'error', rate: 2 })).toThrow('between 0 and 1');
  });

  it('reach a client through its retries', async () => {
    const seen: RequestEvent[] = [];
    const unsubscribe = front.onRequest((event) => seen.push(event));
    const undo = front.inject({ service: 'dynamodb', kind: 'throttle' });
    const retrying = CALLS.dynamodb?.(clientFor(front, front.admin, { maxAttempts: 5 }));
    while (seen.length === 0) await new Promise((resolve) => setImmediate(resolve));
    undo();
    await retrying;
    unsubscribe();
    expect(seen[0]).toMatchObject({
      service: 'dynamodb',
      operation: 'ListTables',
      principal: 'admin',
      status: 400,
      errorCode: 'ThrottlingException',
    });
    expect(seen.at(-1)).toMatchObject({ status: 200 });
  });
});

describe('STS', () => {
  it('tells anyone who they are', async () => {
    const roleArn = role('scaler');
    const scaler = front.addPrincipal({ name: 'ScalerRole', roleArn, policies: [] });
    const identity = await new STSClient(clientFor(front, scaler)).send(new GetCallerIdentityCommand({}));
    expect(identity).toMatchObject({
      Account: ACCOUNT,
      Arn: `arn:aws:sts::${ACCOUNT}:assumed-role/scaler/ScalerRole`,
    });
  });
});
