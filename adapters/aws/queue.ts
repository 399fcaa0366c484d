import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { QueuedRequest } from '../../core/protocol/request.ts';
import { ConflictError, mapAwsError } from '../errors.ts';

export interface QueueMessage {
  body: string;
  /** Names this delivery; a later delivery of the same message has another. */
  receipt: string;
  messageId: string;
  /** Deliveries so far, this one included; hand-backs count too. */
  receives: number;
}

export interface ReceiveOptions {
  /** 1 to 10. */
  max: number;
  /** Long poll, 0 to 20 seconds. */
  waitSeconds: number;
  visibilitySeconds: number;
}

/** The consumer's side of a queue. Throws UnavailableError, RefusedError, NotFoundError (no such queue). */
export interface WorkQueue {
  receive(options: ReceiveOptions): Promise<QueueMessage[]>;
  /**
   * Hides the message for so many seconds from now; 0 hands it back.
   * Throws ConflictError when the delivery is no longer ours.
   */
  setVisibility(receipt: string, seconds: number): Promise<void>;
  delete(receipt: string): Promise<void>;
}

/** The producer's side. */
export interface RequestQueue {
  /** @param group who it is for: SQS keeps one group's backlog from delaying the others (fair queues) */
  send(request: QueuedRequest, group?: string): Promise<{ messageId: string }>;
}

/** Where messages go that can not be answered. */
export interface DeadLetterQueue {
  /** @param body the message as it was received */
  bury(body: string, reason: string): Promise<void>;
}

/** Of a message attribute that says why; SQS counts it with the body. */
const REASON_CHARACTERS = 500;

const NOT_OURS = new Set(['MessageNotInflight', 'ReceiptHandleIsInvalid', 'InvalidParameterValue']);

export class SqsQueue implements WorkQueue, RequestQueue, DeadLetterQueue {
  readonly #client: SQSClient;
  readonly #queueUrl: string;

  /** @param queueUrl the client's endpoint comes from the SDK's own configuration, not from this URL */
  constructor(queueUrl: string, client = new SQSClient({ requestHandler: TIMEOUTS })) {
    this.#queueUrl = queueUrl;
    this.#client = client;
  }

  async receive({ max, waitSeconds, visibilitySeconds }: ReceiveOptions): Promise<QueueMessage[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#queueUrl,
      MaxNumberOfMessages: max,
      WaitTimeSeconds: waitSeconds,
      VisibilityTimeout: visibilitySeconds,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    });
    try {
      const { Messages = [] } = await this.#client.send(command);
      return Messages.map((m) => ({
        body: m.Body ?? '',
        receipt: m.ReceiptHandle ?? '',
        messageId: m.MessageId ?? '',
        receives: Number(m.Attributes?.ApproximateReceiveCount ?? 1),
      }));
    } catch (error) {
      throw mapAwsError(error, 'receive from the queue');
    }
  }

  async setVisibility(receipt: string, seconds: number): Promise<void> {
    const command = new ChangeMessageVisibilityCommand({
      QueueUrl: this.#queueUrl,
      ReceiptHandle: receipt,
      VisibilityTimeout: seconds,
    });
    try {
      await this.#client.send(command);
    } catch (error) {
      throw mapDeliveryError(error, 'change the visibility of a message');
    }
  }

  async delete(receipt: string): Promise<void> {
    try {
      await this.#client.send(new DeleteMessageCommand({ QueueUrl: this.#queueUrl, ReceiptHandle: receipt }));
    } catch (error) {
      throw mapDeliveryError(error, 'delete a message');
    }
  }

  async send(request: QueuedRequest, group?: string): Promise<{ messageId: string }> {
    const MessageBody = escaped(JSON.stringify(request));
    try {
      const { MessageId = '' } = await this.#client.send(
        new SendMessageCommand({
          QueueUrl: this.#queueUrl,
          MessageBody,
          ...(group === undefined ? {} : { MessageGroupId: group }),
        }),
      );
      return { messageId: MessageId };
    } catch (error) {
      throw mapAwsError(error, 'send to the queue');
    }
  }

  async bury(body: string, reason: string): Promise<void> {
    const StringValue = reason.slice(0, REASON_CHARACTERS) || 'unknown';
    try {
      await this.#client.send(
        new SendMessageCommand({
          QueueUrl: this.#queueUrl,
          MessageBody: body,
          MessageAttributes: { reason: { DataType: 'String', StringValue } },
        }),
      );
    } catch (error) {
      throw mapAwsError(error, 'send to the dead-letter queue');
    }
  }

  close(): void {
    this.#client.destroy();
  }
}

/** SQS refuses two characters that JSON has no need to escape. */
const escaped = (json: string): string =>
  json.replace(/[\uFFFE\uFFFF]/g, (c) => `\\u${c.charCodeAt(0).toString(16)}`);

/** The longest long poll is 20 s: an answer that takes longer than this is not coming. */
const TIMEOUTS = { connectionTimeout: 3000, requestTimeout: 30_000 };

function mapDeliveryError(error: unknown, what: string): Error {
  const mapped = mapAwsError(error, what);
  const code = mapped.code.split('.').at(-1) ?? '';
  return NOT_OURS.has(code) ? new ConflictError(mapped.message, mapped.code, error) : mapped;
}
