import {
  ChangeMessageVisibilityCommand,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Front } from '../../../local/front/front.ts';
import { ACCOUNT, clientFor, REGION, startTestFront, until } from './harness.ts';

let front: Front;
let sqs: SQSClient;

beforeAll(async () => {
  front = await startTestFront();
  sqs = new SQSClient(clientFor(front, front.admin));
});

afterAll(async () => {
  sqs.destroy();
  await front.stop();
});

let made = 0;
async function newQueue(
  Attributes: Record<string, string> = {},
): Promise<{ name: string; QueueUrl: string }> {
  made += 1;
  const name = `queue-${made}`;
  const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes }));
  return { name, QueueUrl };
}

const send = (QueueUrl: string, MessageBody: string) =>
  sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }));

async function receive(QueueUrl: string, options: object = {}): Promise<Message[]> {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, ...options }));
  return Messages;
}

/** As listeners are told of them. */
const told = (messages: Message[]) =>
  messages.map(({ Body, ReceiptHandle }) => ({ body: Body, receipt: ReceiptHandle }));

const handleOf = (messages: Message[]): string => messages[0]?.ReceiptHandle ?? '';

describe('SQS behind the front', () => {
  it('names queues by the front, with this account and region', async () => {
    const { name, QueueUrl } = await newQueue();
    expect(QueueUrl).toBe(`${front.url}/${ACCOUNT}/${name}`);
    expect((await sqs.send(new GetQueueUrlCommand({ QueueName: name }))).QueueUrl).toBe(QueueUrl);
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
    );
    expect(Attributes?.QueueArn).toBe(`arn:aws:sqs:${REGION}:${ACCOUNT}:${name}`);
  });

  it('delivers a message once, with its attributes, until it is deleted', async () => {
    const { name, QueueUrl } = await newQueue();
    await sqs.send(
      new SendMessageCommand({
        QueueUrl,
        MessageBody: 'häagen 🍦',
        MessageAttributes: { kind: { DataType: 'String', StringValue: 'ice' } },
      }),
    );
    const [message] = await receive(QueueUrl, {
      MessageAttributeNames: ['All'],
      MessageSystemAttributeNames: ['All'],
    });
    expect(message?.Body).toBe('häagen 🍦');
    expect(message?.MessageAttributes?.kind?.StringValue).toBe('ice');
    expect(message?.Attributes?.ApproximateReceiveCount).toBe('1');
    expect(await receive(QueueUrl)).toEqual([]);
    expect(front.queueCounts(name)).toEqual({ visible: 0, notVisible: 1, delayed: 0 });
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message?.ReceiptHandle }));
    expect(front.queueCounts(name)).toEqual({ visible: 0, notVisible: 0, delayed: 0 });
  });

  it('sends and deletes batches', async () => {
    const { name, QueueUrl } = await newQueue();
    const Entries = [1, 2, 3].map((id) => ({ Id: `${id}`, MessageBody: `body ${id}` }));
    const sent = await sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    expect(sent.Successful).toHaveLength(3);
    const messages = await receive(QueueUrl, { MaxNumberOfMessages: 10 });
    const handles = messages.map(({ ReceiptHandle }, id) => ({ Id: `${id}`, ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries: handles }));
    expect(front.queueCounts(name)).toEqual({ visible: 0, notVisible: 0, delayed: 0 });
  });

  it('gives a message back at visibility 0', async () => {
    const { QueueUrl } = await newQueue();
    await send(QueueUrl, 'again');
    const ReceiptHandle = handleOf(await receive(QueueUrl));
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    const [message] = await receive(QueueUrl, { MessageSystemAttributeNames: ['ApproximateReceiveCount'] });
    expect(message?.Attributes?.ApproximateReceiveCount).toBe('2');
  });

  it('counts a message as waiting again when its visibility ends and nobody receives', async () => {
    const { name, QueueUrl } = await newQueue({ VisibilityTimeout: '3' });
    await send(QueueUrl, 'lost worker');
    await receive(QueueUrl);
    const waiting = async () => {
      const AttributeNames = ['ApproximateNumberOfMessages' as const];
      const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
      return Attributes?.ApproximateNumberOfMessages === '1';
    };
    expect(await waiting()).toBe(false);
    await until(waiting);
    expect(front.queueCounts(name)).toEqual({ visible: 1, notVisible: 0, delayed: 0 });
  });

  it('moves what was received too often to the dead-letter queue', async () => {
    const dead = await newQueue();
    const RedrivePolicy = JSON.stringify({
      deadLetterTargetArn: `arn:aws:sqs:${REGION}:${ACCOUNT}:${dead.name}`,
      maxReceiveCount: 1,
    });
    const { QueueUrl } = await newQueue({ RedrivePolicy });
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
    );
    expect(Attributes?.RedrivePolicy).toBe(RedrivePolicy);
    await send(QueueUrl, 'poison');
    const ReceiptHandle = handleOf(await receive(QueueUrl));
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    expect(await receive(QueueUrl)).toEqual([]);
    expect((await receive(dead.QueueUrl)).map(({ Body }) => Body)).toEqual(['poison']);
  });

  it('says so when a queue does not exist', async () => {
    const QueueUrl = `${front.url}/${ACCOUNT}/nowhere`;
    await expect(send(QueueUrl, 'x')).rejects.toMatchObject({ name: 'QueueDoesNotExist' });
  });
});

describe('long polls', () => {
  it('wake for a message, and the other pollers keep waiting', async () => {
    const { name, QueueUrl } = await newQueue();
    const polls = Array.from({ length: 20 }, () => receive(QueueUrl, { WaitTimeSeconds: 20 }));
    let ended = 0;
    for (const poll of polls) void poll.then(() => ended++);
    const bodies: (string | undefined)[] = [];
    for (let n = 1; n <= 20; n++) {
      await send(QueueUrl, `${n}`);
      await until(() => ended === n);
    }
    for (const messages of await Promise.all(polls)) bodies.push(...messages.map(({ Body }) => Body));
    expect(bodies.sort()).toEqual(Array.from({ length: 20 }, (_, n) => `${n + 1}`).sort());
    expect(front.queueCounts(name)).toMatchObject({ visible: 0, notVisible: 20 });
  });

  it('end empty-handed when their time is over', async () => {
    const { QueueUrl } = await newQueue();
    const started = performance.now();
    expect(await receive(QueueUrl, { WaitTimeSeconds: 1 })).toEqual([]);
    expect(performance.now() - started).toBeGreaterThanOrEqual(990);
  });

  it('leave the message to others when their client is gone', async () => {
    const { QueueUrl } = await newQueue();
    const gone = new AbortController();
    const poll = sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 20 }), {
      abortSignal: gone.signal,
    });
    const cancelled = expect(poll).rejects.toMatchObject({ name: 'AbortError' });
    // By the time these are answered the poll, sent before them, is open.
    for (let n = 0; n < 3; n++)
      await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
    const pollIsOver = new Promise<void>((resolve) => {
      const unsubscribe = front.onRequest(({ operation, status }) => {
        if (operation !== 'ReceiveMessage') return;
        unsubscribe();
        expect(status).toBe(200);
        resolve();
      });
    });
    gone.abort();
    await cancelled;
    await send(QueueUrl, 'for someone alive');
    await pollIsOver;
    const [message] = await receive(QueueUrl, {
      WaitTimeSeconds: 20,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    });
    expect(message?.Body).toBe('for someone alive');
    expect(message?.Attributes?.ApproximateReceiveCount).toBe('1');
  });
});

describe('duplicates', () => {
  it('delivers a message a second time while the first receiver works on it', async () => {
    const { QueueUrl } = await newQueue();
    const undo = front.inject({ service: 'sqs', kind: 'duplicate' });
    await send(QueueUrl, 'twice');
    const first = await receive(QueueUrl);
    undo();
    const second = await receive(QueueUrl);
    expect(second[0]?.MessageId).toBe(first[0]?.MessageId);
    expect(handleOf(second)).not.toBe(handleOf(first));
    const ReceiptHandle = handleOf(first);
    await sqs.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 30 }));
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    expect(await receive(QueueUrl)).toEqual([]);
  });
});

describe('messages out of order', () => {
  it('are kept back until later ones have overtaken them, and listeners are told how many', async () => {
    const { QueueUrl } = await newQueue();
    for (const body of ['a', 'b', 'c', 'd']) await send(QueueUrl, body);
    const deliveries: unknown[] = [];
    const unlisten = front.onRequest(({ delivery }) => delivery && deliveries.push(delivery));
    const undo = front.inject({ service: 'sqs', kind: 'reorder' });
    const newest = await receive(QueueUrl, { MaxNumberOfMessages: 2 });
    undo();
    const rest = await receive(QueueUrl, {
      ...{ MaxNumberOfMessages: 10, WaitTimeSeconds: 20 },
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    });
    unlisten();
    expect([newest, rest].map((messages) => messages.map(({ Body }) => Body))).toEqual([
      ['c', 'd'],
      ['a', 'b'],
    ]);
    expect(rest.map(({ Attributes }) => Attributes?.ApproximateReceiveCount)).toEqual(['1', '1']);
    expect(deliveries).toEqual([
      { messages: told(newest), twice: 0, outOfOrder: 2 },
      { messages: told(rest), twice: 0, outOfOrder: 0 },
    ]);
  });

  it('need no queue: a poll that waits lets the message pass that wakes it', async () => {
    const { QueueUrl } = await newQueue();
    const undo = front.inject({ service: 'sqs', kind: 'reorder' });
    const first = receive(QueueUrl, { WaitTimeSeconds: 20 });
    await send(QueueUrl, 'old');
    await send(QueueUrl, 'young');
    const bodies = [...(await first), ...(await receive(QueueUrl, { WaitTimeSeconds: 20 }))];
    undo();
    expect(bodies.map(({ Body }) => Body)).toEqual(['young', 'old']);
  });
});

it('carries a request out whose answer is lost: the sender does not know it', async () => {
  const { QueueUrl } = await newQueue();
  const seen: unknown[] = [];
  const unlisten = front.onRequest(({ status, carriedOut, fault }) =>
    seen.push({ status, carriedOut, fault }),
  );
  const undo = front.inject({ service: 'sqs', operation: 'SendMessage', kind: 'answer-lost' });
  await expect(send(QueueUrl, 'is there')).rejects.toMatchObject({ $metadata: { httpStatusCode: 500 } });
  undo();
  unlisten();
  expect(seen).toEqual([{ status: 500, carriedOut: 200, fault: 'answer-lost' }]);
  expect((await receive(QueueUrl)).map(({ Body }) => Body)).toEqual(['is there']);
});

describe('counters that lag', () => {
  afterEach(() => front.setCounterLag(0));

  it('show how the queue was, while the exact ones show how it is', async () => {
    const { name, QueueUrl } = await newQueue();
    await send(QueueUrl, 'before');
    front.setCounterLag(3);
    await send(QueueUrl, 'after');
    const shown = async () => {
      const { Attributes } = await sqs.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
      );
      return Attributes?.ApproximateNumberOfMessages;
    };
    expect(await shown()).toBe('1');
    expect(front.laggedQueueCounts(name)).toMatchObject({ visible: 1 });
    expect(front.queueCounts(name)).toMatchObject({ visible: 2 });
    await until(async () => (await shown()) === '2');
    await sqs.send(new PurgeQueueCommand({ QueueUrl }));
    expect(await shown()).toBe('2');
    front.setCounterLag(0);
    expect(await shown()).toBe('0');
  });
});
