import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { CreateBucketCommand, GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { CreateQueueCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { Principal } from '../front/types.ts';
import type { ResolvedApp } from '../template/load.ts';
import type { QueueView } from '../template/resources.ts';

export interface Endpoint {
  url: string;
  region: string;
}

/** Settings of an SDK client that acts as a principal of the local front. */
export const clientSettings = (
  endpoint: Endpoint,
  { accessKeyId, secretAccessKey }: Pick<Principal, 'accessKeyId' | 'secretAccessKey'>,
) => ({
  endpoint: endpoint.url,
  region: endpoint.region,
  credentials: { accessKeyId, secretAccessKey },
});

/** Makes the template's queues, tables and buckets, as CloudFormation would. */
export async function provisionStorage(
  app: ResolvedApp,
  endpoint: Endpoint,
  admin: Principal,
): Promise<void> {
  const settings = clientSettings(endpoint, admin);
  const sqs = new SQSClient(settings);
  const s3 = new S3Client(settings);
  const dynamodb = new DynamoDBClient(settings);
  try {
    // In order: a dead-letter queue comes before the queue that names it.
    for (const queue of app.queues) {
      await sqs.send(new CreateQueueCommand({ QueueName: queue.name, Attributes: queueAttributes(queue) }));
    }
    await Promise.all([
      ...app.buckets.map(({ name }) => s3.send(new CreateBucketCommand({ Bucket: name }))),
      ...app.tables.map((table) =>
        dynamodb.send(
          new CreateTableCommand({
            TableName: table.name,
            KeySchema: table.keySchema,
            AttributeDefinitions: table.attributeDefinitions,
            BillingMode: 'PAY_PER_REQUEST',
          }),
        ),
      ),
    ]);
  } finally {
    for (const client of [sqs, s3, dynamodb]) client.destroy();
  }
}

const queueAttributes = (queue: QueueView): Record<string, string> => ({
  VisibilityTimeout: String(queue.visibilityTimeoutSeconds),
  DelaySeconds: String(queue.delaySeconds),
  MessageRetentionPeriod: String(queue.retentionSeconds),
  ReceiveMessageWaitTimeSeconds: String(queue.receiveWaitSeconds),
  ...(queue.redrive ? { RedrivePolicy: JSON.stringify(queue.redrive) } : {}),
});

/** What a client of the system does: send requests, read results. */
export class QueueClient {
  readonly #sqs: SQSClient;
  readonly #s3: S3Client;
  readonly #queueUrl: string;
  readonly #bucket: string;

  constructor(endpoint: Endpoint, principal: Principal, queueUrl: string, bucket: string) {
    const settings = clientSettings(endpoint, principal);
    this.#sqs = new SQSClient(settings);
    this.#s3 = new S3Client(settings);
    this.#queueUrl = queueUrl;
    this.#bucket = bucket;
  }

  async send(body: object): Promise<void> {
    await this.#sqs.send(
      new SendMessageCommand({ QueueUrl: this.#queueUrl, MessageBody: JSON.stringify(body) }),
    );
  }

  /** Undefined while there is no result. */
  async result(key: string): Promise<unknown> {
    try {
      const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key }));
      return JSON.parse((await Body?.transformToString()) ?? 'null');
    } catch (error) {
      if ((error as Error).name === 'NoSuchKey') return undefined;
      throw error;
    }
  }

  close(): void {
    this.#sqs.destroy();
    this.#s3.destroy();
  }
}

/** One client per role and service, so that each call is checked against what that role may do. */
export class RoleClients {
  readonly #endpoint: Endpoint;
  readonly #principalOf: (roleArn: string) => Principal;
  readonly #stepFunctions = new Map<string, SFNClient>();
  readonly #lambda = new Map<string, LambdaClient>();

  constructor(endpoint: Endpoint, principalOf: (roleArn: string) => Principal) {
    this.#endpoint = endpoint;
    this.#principalOf = principalOf;
  }

  stepFunctions(roleArn: string): SFNClient {
    return kept(this.#stepFunctions, roleArn, () => new SFNClient(this.#settings(roleArn)));
  }

  lambda(roleArn: string): LambdaClient {
    return kept(this.#lambda, roleArn, () => new LambdaClient(this.#settings(roleArn)));
  }

  close(): void {
    for (const client of [...this.#stepFunctions.values(), ...this.#lambda.values()]) client.destroy();
  }

  #settings(roleArn: string) {
    return clientSettings(this.#endpoint, this.#principalOf(roleArn));
  }
}

function kept<T>(clients: Map<string, T>, roleArn: string, make: () => T): T {
  const client = clients.get(roleArn) ?? make();
  clients.set(roleArn, client);
  return client;
}
