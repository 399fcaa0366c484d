import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientOptions } from './client-options.ts';
import { SqsDeadLetters } from './dead-letters.ts';
import { SqsQueue } from './queue.ts';
import { SqsQueueCounts } from './queue-counts.ts';
import { S3ResultStore } from './results.ts';

/** Nobody waits by the second: rather wait a throttle out than leave a letter for the next time. */
const options = () => ({ ...clientOptions(5000), maxAttempts: 5 });

/** What looks after dead letters calls, with one client per service. */
export function deadLetterClients(bucket: string) {
  const sqs = new SQSClient(options());
  const counts = new SqsQueueCounts(sqs);
  return {
    objects: new S3ResultStore(bucket, new S3Client(options())),
    lettersOf: (queueUrl: string) => new SqsDeadLetters(queueUrl, sqs),
    queueOf: (queueUrl: string) => new SqsQueue(queueUrl, sqs),
    /** Messages of a queue, about; hidden ones too. */
    count: async (queueUrl: string): Promise<number> => {
      const { backlog, inFlight } = await counts.read(queueUrl);
      return backlog + inFlight;
    },
  };
}
