import { CloudWatchClient, GetMetricStatisticsCommand } from '@aws-sdk/client-cloudwatch';
import { mapAwsError } from '../errors.ts';
import { clientOptions } from './client-options.ts';

export interface QueueAgeReader {
  /**
   * Seconds that the oldest message has been in the queue, as of a minute or more ago; undefined: SQS has published
   * no figure lately. Throws RefusedError, UnavailableError.
   */
  oldestSeconds(queueUrl: string): Promise<number | undefined>;
}

/** SQS publishes each minute, and up to some minutes late. */
const LOOK_BACK_MS = 5 * 60_000;

/** From CloudWatch: SQS itself tells no age. */
export class CloudWatchQueueAge implements QueueAgeReader {
  readonly #client: CloudWatchClient;
  readonly #now: () => number;

  /** @param now epoch milliseconds */
  constructor(client: CloudWatchClient = new CloudWatchClient(clientOptions()), now = Date.now) {
    this.#client = client;
    this.#now = now;
  }

  async oldestSeconds(queueUrl: string): Promise<number | undefined> {
    const queueName = new URL(queueUrl).pathname.split('/').at(-1) ?? '';
    const now = this.#now();
    try {
      const { Datapoints = [] } = await this.#client.send(
        new GetMetricStatisticsCommand({
          Namespace: 'AWS/SQS',
          MetricName: 'ApproximateAgeOfOldestMessage',
          Dimensions: [{ Name: 'QueueName', Value: queueName }],
          StartTime: new Date(now - LOOK_BACK_MS),
          EndTime: new Date(now),
          Period: 60,
          Statistics: ['Maximum'],
        }),
      );
      // Datapoints come in any order.
      const newest = Datapoints.toSorted((a, b) => Number(b.Timestamp) - Number(a.Timestamp))[0];
      return newest?.Maximum;
    } catch (error) {
      throw mapAwsError(error, `read the age of the oldest message in the queue ${queueName}`);
    }
  }
}
