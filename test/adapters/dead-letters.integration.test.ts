import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { SqsDeadLetters } from '../../adapters/aws/dead-letters.ts';
import { SqsQueue } from '../../adapters/aws/queue.ts';
import { S3ResultStore } from '../../adapters/aws/results.ts';
import { UnavailableError } from '../../adapters/errors.ts';
import type { Dlq } from '../../cli/dlq/queue.ts';
import { listLetters, purgeLetters, redriveLetters } from '../../cli/dlq/run.ts';
import { statusKey } from '../../core/protocol/names.ts';
import type { RequestStatus } from '../../core/protocol/status.ts';
import { Sweeper } from '../../functions/healthcheck/sweep.ts';
import type { Front } from '../../local/front/front.ts';
import { deadLettersContract } from '../contract/dead-letters.ts';
import { requestOf } from '../functions/healthcheck/world.ts';
import { clientFor, startTestFront } from '../local/front/harness.ts';

let front: Front;
let sqs: SQSClient;
let s3: S3Client;
let queues = 0;

beforeAll(async () => {
  front = await startTestFront();
  sqs = new SQSClient(clientFor(front, front.admin));
  s3 = new S3Client(clientFor(front, front.admin));
  await s3.send(new CreateBucketCommand({ Bucket: 'results' }));
});
afterAll(async () => {
  sqs.destroy();
  s3.destroy();
  await front.stop();
});

async function newQueue(): Promise<string> {
  queues += 1;
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: `letters-${queues}` }));
  return QueueUrl;
}

deadLettersContract('SQS', async () => {
  const QueueUrl = await newQueue();
  return {
    letters: new SqsDeadLetters(QueueUrl, sqs),
    async put(body, reason) {
      if (reason !== undefined) return await new SqsQueue(QueueUrl, sqs).bury(body, reason);
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: body }));
    },
    breakDown: () => front.inject({ service: 'sqs', kind: 'down' }),
  };
});

/** A fleet's two queues, and those who look after them. */
async function world(options: { maxAttempts?: number } = {}) {
  const [deadUrl, queueUrl] = [await newQueue(), await newQueue()];
  const client = new SQSClient(clientFor(front, front.admin, options));
  const fleet = `fleet-${queues}`;
  const letters = new SqsDeadLetters(deadUrl, client);
  const objects = new S3ResultStore('results', new S3Client(clientFor(front, front.admin, options)));
  const queue = new SqsQueue(queueUrl, client);
  const dlq: Dlq = { fleet, letters, count: async () => 1, queue, objects, now: Date.now };
  const quiet = { info() {}, warn() {}, error() {} };
  const sweeper = () =>
    new Sweeper({
      fleets: [{ name: fleet, letters, count: async () => 1 }],
      objects,
      now: Date.now,
      log: quiet,
    });
  const countOf = (url: string) => front.queueCounts(url.split('/').at(-1) ?? '');
  return { fleet, dlq, queue, objects, letters, sweeper, deadUrl, countOf, queueUrl };
}

const put = (QueueUrl: string, body: unknown) =>
  sqs.send(
    new SendMessageCommand({ QueueUrl, MessageBody: typeof body === 'string' ? body : JSON.stringify(body) }),
  );

it('1,000 dead letters are listed, each once, and are all there afterwards', async () => {
  const { dlq, deadUrl, countOf, fleet } = await world();
  for (let i = 0; i < 1000; i += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, n) => put(deadUrl, requestOf(fleet, `r${i + n}`))));
  }
  const rows = await listLetters(dlq, {});
  expect(new Set(rows.map(({ id }) => id)).size).toBe(1000);
  expect(rows).toHaveLength(1000);
  expect(countOf(deadUrl)).toMatchObject({ visible: 1000, notVisible: 0 });
});

it('throttled, a sweep, a redrive and a purge come to their end', async () => {
  const { dlq, deadUrl, queueUrl, countOf, fleet, sweeper } = await world({ maxAttempts: 10 });
  for (const id of ['a', 'b', 'c', 'd']) await put(deadUrl, requestOf(fleet, id));
  const heal = ['sqs', 's3'].map((service) =>
    front.inject({ service: service as 'sqs', kind: 'throttle', rate: 0.3 }),
  );
  try {
    const [report] = await sweeper().sweep(Date.now() + 60_000);
    expect(report).toMatchObject({ looked: 4, ended: 4, failures: [] });
    expect(await redriveLetters(new Set(['a', 'b']), dlq, {})).toEqual({
      ...{ counts: { redriven: 2 }, failures: [], missing: [] },
    });
    expect((await purgeLetters(undefined, dlq, {})).counts).toEqual({ purged: 2 });
  } finally {
    for (const end of heal) end();
  }
  expect(countOf(deadUrl)).toMatchObject({ visible: 0, notVisible: 0 });
  expect(countOf(queueUrl)).toMatchObject({ visible: 2 });
});

it('a redrive that can not send leaves the letter, and the next one completes it', async () => {
  const { dlq, deadUrl, queueUrl, countOf, fleet, objects, sweeper } = await world();
  const status: RequestStatus = {
    ...{ v: 1, id: 'a', status: 'in_progress', owner: 'app', path: '/api/generate', model: 'tiny' },
    ...{ submittedAt: 1, failures: 3 },
  };
  await objects.writeOnce(statusKey(fleet, 'a'), JSON.stringify(status));
  await put(deadUrl, requestOf(fleet, 'a'));
  await sweeper().sweep(Date.now() + 60_000);
  const heal = front.inject({ service: 'sqs', operation: 'SendMessage', kind: 'down' });
  const failed = await redriveLetters(undefined, dlq, {});
  heal();
  expect(failed.failures).toMatchObject([{ error: expect.stringContaining('send to the queue') }]);
  expect(countOf(deadUrl)).toMatchObject({ visible: 1 });
  // Between the two: no sweep ends what is being redriven.
  expect(await sweeper().sweep(Date.now() + 60_000)).toMatchObject([{ ended: 0, redriving: 1 }]);
  expect((await redriveLetters(undefined, dlq, {})).counts).toEqual({ redriven: 1 });
  expect([countOf(deadUrl)?.visible, countOf(queueUrl)?.visible]).toEqual([0, 1]);
  const stored = JSON.parse((await objects.read(statusKey(fleet, 'a'))) ?? '{}');
  expect(stored).toMatchObject({ status: 'queued', failures: 0, owner: 'app' });
});

it('an object is deleted only as it was read', async () => {
  const { objects } = await world();
  await objects.writeOnce('results/x/a.json', '1');
  const read = await objects.open('results/x/a.json');
  const etag = await objects.replace('results/x/a.json', '2', read?.etag ?? '');
  expect(await objects.deleteIf('results/x/a.json', read?.etag ?? '')).toBe(false);
  expect(await objects.read('results/x/a.json')).toBe('2');
  expect(await objects.deleteIf('results/x/a.json', etag ?? '')).toBe(true);
  expect(await objects.deleteIf('results/x/a.json', etag ?? '')).toBe(false);
  const heal = front.inject({ service: 's3', kind: 'down' });
  await expect(objects.deleteIf('results/x/a.json', '"1"')).rejects.toBeInstanceOf(UnavailableError);
  heal();
});
