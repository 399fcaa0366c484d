import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { mapAwsError } from '../errors.ts';

/** One message of a dead-letter queue. */
export interface DeadLetter {
  messageId: string;
  /** Names this delivery. */
  receipt: string;
  body: string;
  /** When it was sent to the queue that it comes from, or here by a worker; epoch milliseconds. */
  sentAt: number;
  /** Deliveries, this one included: looking at it counts. */
  receives: number;
  /** What a worker said that put it here; undefined when SQS moved it. */
  reason: string | undefined;
}

/** A dead-letter queue for those who look through it. Throws UnavailableError, RefusedError, NotFoundError. */
export interface DeadLetters {
  /** Ten messages at most, hidden from everybody else for so long; none when none is left to be seen. */
  receive(visibilitySeconds: number): Promise<DeadLetter[]>;
  /** Lets others see them at once. A delivery that is over is passed over. */
  release(receipts: readonly string[]): Promise<void>;
  delete(receipt: string): Promise<void>;
}

/** SQS takes and hands out ten at most. */
const BATCH = 10;
/** A long poll asks all of SQS's servers: an empty answer means that nothing is there. */
const WAIT_SECONDS = 1;

export class SqsDeadLetters implements DeadLetters {
  readonly #queueUrl: string;
  readonly #client: SQSClient;

  constructor(queueUrl: string, client: SQSClient) {
    this.#queueUrl = queueUrl;
    this.#client = client;
  }

  async receive(visibilitySeconds: number): Promise<DeadLetter[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#queueUrl,
      MaxNumberOfMessages: BATCH,
      WaitTimeSeconds: WAIT_SECONDS,
      VisibilityTimeout: visibilitySeconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'],
      MessageAttributeNames: ['reason'],
    });
    try {
      const { Messages = [] } = await this.#client.send(command);
      return Messages.map(deadLetter);
    } catch (error) {
      throw mapAwsError(error, `receive from the dead-letter queue ${this.#queueUrl}`);
    }
  }

  async release(receipts: readonly string[]): Promise<void> {
    for (let from = 0; from < receipts.length; from += BATCH) {
      const Entries = receipts.slice(from, from + BATCH).map((ReceiptHandle, index) => ({
        Id: String(index),
        ReceiptHandle,
        VisibilityTimeout: 0,
      }));
      try {
        await this.#client.send(
          new ChangeMessageVisibilityBatchCommand({ QueueUrl: this.#queueUrl, Entries }),
        );
      } catch (error) {
        throw mapAwsError(error, `release messages of the dead-letter queue ${this.#queueUrl}`);
      }
    }
  }

  async delete(receipt: string): Promise<void> {
    try {
      await this.#client.send(new DeleteMessageCommand({ QueueUrl: this.#queueUrl, ReceiptHandle: receipt }));
    } catch (error) {
      throw mapAwsError(error, `delete from the dead-letter queue ${this.#queueUrl}`);
    }
  }
}

const deadLetter = ({
  MessageId,
  ReceiptHandle,
  Body,
  Attributes,
  MessageAttributes,
}: Message): DeadLetter => ({
  messageId: MessageId ?? '',
  receipt: ReceiptHandle ?? '',
  body: Body ?? '',
  sentAt: Number(Attributes?.SentTimestamp ?? 0),
  receives: Number(Attributes?.ApproximateReceiveCount ?? 1),
  reason: MessageAttributes?.reason?.StringValue,
});

/**
 * Looks through a dead-letter queue: gives every message once, in batches, each hidden while it is looked at. Ends when
 * nothing is left that was not seen. SQS has no way to look without receiving: whoever uses this releases what it keeps.
 */
export async function* lookThrough(
  letters: DeadLetters,
  visibilitySeconds: number,
): AsyncGenerator<DeadLetter[], void, void> {
  const seen = new Set<string>();
  for (;;) {
    const batch = await letters.receive(visibilitySeconds);
    const fresh = batch.filter(({ messageId }) => !seen.has(messageId));
    // A message that comes twice was delivered twice, or its time is up: then this has gone round once.
    if (fresh.length === 0) {
      await letters.release(batch.map(({ receipt }) => receipt));
      return;
    }
    for (const { messageId } of fresh) seen.add(messageId);
    yield fresh;
  }
}
