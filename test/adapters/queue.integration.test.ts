import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SqsQueue } from '../../adapters/aws/queue.ts';
import { S3ResultStore } from '../../adapters/aws/results.ts';
import { ConflictError, NotFoundError, RefusedError, UnavailableError } from '../../adapters/errors.ts';
import type { QueuedRequest } from '../../core/protocol/request.ts';
import type { Front } from '../../local/front/front.ts';
import { allow, clientFor, role, startTestFront } from '../local/front/harness.ts';

let front: Front;
let sqs: SQSClient;
let s3: S3Client;
let queue: SqsQueue;
let results: S3ResultStore;

beforeAll(async () => {
  front = await startTestFront();
  sqs = new SQSClient(clientFor(front, front.admin));
  s3 = new S3Client(clientFor(front, front.admin));
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: 'requests' }));
  await s3.send(new CreateBucketCommand({ Bucket: 'results' }));
  queue = new SqsQueue(QueueUrl, sqs);
  results = new S3ResultStore('results', s3);
});
afterAll(async () => {
  sqs.destroy();
  s3.destroy();
  await front.stop();
});

const request: QueuedRequest = {
  ...{ v: 1, id: 'a', fleet: 'cpu', path: '/api/generate', submittedAt: 1 },
  body: { model: 'tiny' },
};
const take = async () => {
  const [message] = await queue.receive({ max: 1, waitSeconds: 1, visibilitySeconds: 30 });
  if (!message) throw new Error('the queue gave nothing');
  return message;
};

describe('the queue', () => {
  it('carries a request; handed back it comes again at once, and is counted', async () => {
    await queue.send(request);
    const first = await take();
    expect(JSON.parse(first.body)).toEqual(request);
    expect(first.receives).toBe(1);
    expect(await queue.receive({ max: 10, waitSeconds: 0, visibilitySeconds: 30 })).toEqual([]);
    await queue.setVisibility(first.receipt, 0);
    const second = await take();
    expect([second.messageId, second.receives]).toEqual([first.messageId, 2]);
    await queue.delete(second.receipt);
    expect(front.queueCounts('requests')).toMatchObject({ visible: 0, notVisible: 0 });
  });

  it('says that a delivery is no longer ours', async () => {
    await expect(queue.setVisibility('nonsense', 0)).rejects.toThrow(ConflictError);
  });

  it('says what is wrong with the queue', async () => {
    const gone = new SqsQueue(`${front.url}/111122223333/nowhere`, sqs);
    await expect(gone.receive({ max: 1, waitSeconds: 0, visibilitySeconds: 1 })).rejects.toThrow(
      NotFoundError,
    );
    const end = front.inject({ service: 'sqs', kind: 'down' });
    await expect(queue.receive({ max: 1, waitSeconds: 0, visibilitySeconds: 1 })).rejects.toThrow(
      UnavailableError,
    );
    end();
    const throttled = front.inject({ service: 'sqs', kind: 'throttle' });
    await expect(queue.send(request)).rejects.toThrow(UnavailableError);
    throttled();
  });
});

describe('the results', () => {
  it('are written once: the first stays', async () => {
    expect(await results.exists('results/cpu/a.json')).toBe(false);
    expect(await results.read('results/cpu/a.json')).toBeUndefined();
    expect(await results.writeOnce('results/cpu/a.json', '"first"')).toBe('written');
    expect(await results.writeOnce('results/cpu/a.json', '"second"')).toBe('exists');
    expect(await results.exists('results/cpu/a.json')).toBe(true);
    expect(await results.read('results/cpu/a.json')).toBe('"first"');
  });

  it('written by many at once, are written by one', async () => {
    const write = (i: number) => results.writeOnce('results/cpu/b.json', String(i));
    const outcomes = await Promise.all(Array.from({ length: 10 }, (_, i) => write(i)));
    expect(outcomes.filter((outcome) => outcome === 'written')).toHaveLength(1);
  });

  it('whose writer was not told that it had written them are its own when it repeats the write', async () => {
    const lost = front.inject({ service: 's3', operation: 'PutObject', kind: 'answer-lost' });
    await expect(results.writeOnce('results/cpu/d.json', '"mine"')).rejects.toThrow(UnavailableError);
    lost();
    expect(await results.writeOnce('results/cpu/d.json', '"another"')).toBe('exists');
    expect(await results.writeOnce('results/cpu/d.json', '"mine"')).toBe('written');

    const first = await results.open('results/cpu/d.json');
    const lostAgain = front.inject({ service: 's3', operation: 'PutObject', kind: 'answer-lost' });
    const change = () => results.replace('results/cpu/d.json', '"changed"', first?.etag ?? '');
    await expect(change()).rejects.toThrow(UnavailableError);
    lostAgain();
    expect(await results.replace('results/cpu/d.json', '"another"', first?.etag ?? '')).toBeUndefined();
    expect(await change()).toBe((await results.open('results/cpu/d.json'))?.etag);
  });

  it('whose writer may not read them count as taken', async () => {
    const principal = front.addPrincipal({
      name: 'write-only',
      roleArn: role('write-only'),
      policies: [allow(['s3:PutObject'], 'arn:aws:s3:::results/*')],
    });
    const store = new S3ResultStore('results', new S3Client(clientFor(front, principal)));
    expect(await store.writeOnce('requests/cpu/e.json', '1')).toBe('written');
    expect(await store.writeOnce('requests/cpu/e.json', '1')).toBe('exists');
    store.close();
  });

  it('need the right to list: without it a missing object looks forbidden', async () => {
    const principal = front.addPrincipal({
      name: 'no-list',
      roleArn: role('no-list'),
      policies: [allow(['s3:GetObject'], 'arn:aws:s3:::results/*')],
    });
    const store = new S3ResultStore('results', new S3Client(clientFor(front, principal)));
    await expect(store.exists('results/cpu/none.json')).rejects.toThrow(RefusedError);
    store.close();
  });

  it('that can not be written or read now are unavailable, not absent', async () => {
    const end = front.inject({ service: 's3', kind: 'down' });
    await expect(results.exists('results/cpu/a.json')).rejects.toThrow(UnavailableError);
    await expect(results.writeOnce('results/cpu/c.json', '1')).rejects.toThrow(UnavailableError);
    end();
  });
});
