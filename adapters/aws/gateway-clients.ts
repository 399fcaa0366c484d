import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { clientOptions } from './client-options.ts';
import { SqsQueue } from './queue.ts';
import { DynamoRateBuckets } from './rate-buckets.ts';
import { S3ResultStore } from './results.ts';
import { ScaleAlarm } from './wake.ts';

/** API Gateway gives a function 30 s; three attempts of this length, twice in a row, fit. */
const options = () => ({ ...clientOptions(3000), maxAttempts: 3 });

/** What the gateway function calls, with one client per service. */
export function gatewayClients({
  bucket,
  table,
  machine,
}: {
  bucket: string;
  table: string;
  machine: string;
}) {
  const sqs = new SQSClient(options());
  const dynamodb = new DynamoDBClient(clientOptions());
  return {
    objects: new S3ResultStore(bucket, new S3Client(options())),
    queue: (queueUrl: string) => new SqsQueue(queueUrl, sqs),
    alarm: new ScaleAlarm(table, machine, dynamodb),
    buckets: new DynamoRateBuckets(table, dynamodb),
  };
}
