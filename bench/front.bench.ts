/**
 * What the local AWS front costs: the same SDK calls through it and to fauxqs directly, one after the other, and mixed
 * traffic with twenty long polls open. `node bench/front.bench.ts`
 */
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import { Bench } from 'tinybench';
import { startFront } from '../local/front/front.ts';

const REGION = 'eu-central-1';
const ACCOUNT = '111122223333';
const Bucket = 'bench-bucket';

const front = await startFront({ accountId: ACCOUNT, region: REGION });
const direct = buildApp({ logger: false, defaultRegion: REGION });
const directUrl = await direct.listen({ host: '127.0.0.1', port: 0 });

// A role with a policy of its own, so that permissions are really decided.
const principal = front.addPrincipal({
  name: 'worker',
  roleArn: `arn:aws:iam::${ACCOUNT}:role/worker`,
  policies: [
    {
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: 'sqs:*', Resource: `arn:aws:sqs:${REGION}:${ACCOUNT}:*` },
        { Effect: 'Allow', Action: 's3:*', Resource: [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`] },
      ],
    },
  ],
});

interface Side {
  sqs: SQSClient;
  s3: S3Client;
  QueueUrl: string;
}

async function side(endpoint: string): Promise<Side> {
  const options = { endpoint, region: REGION, credentials: principal };
  const sqs = new SQSClient(options);
  const s3 = new S3Client({ ...options, forcePathStyle: true });
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: 'bench' }));
  await s3.send(new CreateBucketCommand({ Bucket }));
  return { sqs, s3, QueueUrl };
}

async function queueCycle({ sqs, QueueUrl }: Side): Promise<void> {
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: 'x'.repeat(500) }));
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl }));
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: Messages[0]?.ReceiptHandle }));
}

let keys = 0;
async function objectCycle({ s3 }: Side, conditions: object = {}): Promise<void> {
  keys += 1;
  const Key = `results/${keys}.json`;
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x'.repeat(2000), ...conditions }));
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  await Body?.transformToByteArray();
}

const [plain, fronted] = await Promise.all([side(directUrl), side(front.url)]);
const bench = new Bench({ time: 3000, warmupTime: 500 });
bench
  .add('SQS send, receive, delete: fauxqs', () => queueCycle(plain))
  .add('SQS send, receive, delete: front', () => queueCycle(fronted))
  .add('S3 put, get: fauxqs', () => objectCycle(plain))
  .add('S3 put, get: front', () => objectCycle(fronted))
  .add('S3 put if absent, get: front', () => objectCycle(fronted, { IfNoneMatch: '*' }));
await bench.run();
console.table(
  bench.tasks.map(({ name, result }) =>
    result.state === 'completed'
      ? {
          name,
          'p50 ms': result.latency.p50.toFixed(2),
          'p99 ms': result.latency.p99.toFixed(2),
          cycles: result.latency.samplesCount,
        }
      : { name, state: result.state },
  ),
);

await mixed();
await Promise.all([front.stop(), direct.close()]);

/** Eight clients without pause, while twenty others wait for messages on a queue of their own. */
async function mixed(): Promise<void> {
  const { sqs } = fronted;
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'polled' }));
  const over = new AbortController();
  const poll = new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 });
  const polls = Array.from({ length: 20 }, () =>
    sqs.send(poll, { abortSignal: over.signal }).catch(() => {}),
  );
  const latencies: number[] = [];
  let requests = 0;
  const unsubscribe = front.onRequest(({ durationMs }) => {
    requests += 1;
    latencies.push(durationMs);
  });
  const seconds = 5;
  const end = performance.now() + seconds * 1000;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      await queueCycle(fronted);
      await objectCycle(fronted, { IfNoneMatch: '*' });
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  unsubscribe();
  over.abort();
  await Promise.all(polls);
  latencies.sort((a, b) => a - b);
  const quantile = (q: number): string => (latencies[Math.floor(latencies.length * q)] ?? 0).toFixed(2);
  console.log(
    `mixed traffic beside 20 long polls: ${Math.round(requests / seconds)} requests/s, ` +
      `in the front p50 ${quantile(0.5)} ms, p99 ${quantile(0.99)} ms`,
  );
}
