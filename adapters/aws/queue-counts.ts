import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { QueueCounts } from '../../core/scaling/types.ts';
import { mapAwsError, UnavailableError } from '../errors.ts';
import { clientOptions, commandOptions } from './client-options.ts';

export interface QueueCountsReader {
  /** Throws NotFoundError (no such queue), RefusedError, UnavailableError. */
  read(queueUrl: string): Promise<QueueCounts>;
}

export class SqsQueueCounts implements QueueCountsReader {
  readonly #client: SQSClient;

  constructor(client: SQSClient = new SQSClient(clientOptions())) {
    this.#client = client;
  }

  /** For a command: it waits longer than a tick does. */
  static forCommand(): SqsQueueCounts {
    return new SqsQueueCounts(new SQSClient(commandOptions()));
  }

  async read(queueUrl: string): Promise<QueueCounts> {
    const what = `read the counters of the queue ${queueUrl}`;
    const { Attributes = {} } = await this.#client
      .send(
        new GetQueueAttributesCommand({
          QueueUrl: queueUrl,
          AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
        }),
      )
      .catch((error: unknown) => {
        throw mapAwsError(error, what);
      });
    return {
      backlog: count(Attributes.ApproximateNumberOfMessages, what),
      inFlight: count(Attributes.ApproximateNumberOfMessagesNotVisible, what),
    };
  }
}

/** A counter that is missing was not read: it is not zero. */
function count(text: string | undefined, what: string): number {
  const value = Number(text);
  if (text === undefined || text === '' || !Number.isInteger(value) || value < 0) {
    throw new UnavailableError(`${what}: the answer holds no count (${text})`, 'NoCount');
  }
  return value;
}
