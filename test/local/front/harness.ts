import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type Front, type FrontOptions, startFront } from '../../../local/front/front.ts';
import type { Principal } from '../../../local/front/types.ts';
import { PATIENCE_SECONDS } from '../../patience.ts';

export const ACCOUNT = '111122223333';
export const REGION = 'eu-central-1';

export const startTestFront = (options: Partial<FrontOptions> = {}): Promise<Front> =>
  startFront({ accountId: ACCOUNT, region: REGION, ...options });

export interface ClientOptions {
  maxAttempts?: number;
  secretAccessKey?: string;
}

/** Options of any SDK client that speaks to the front as `principal`. */
export const clientFor = (front: Front, principal: Principal, options: ClientOptions = {}) => ({
  endpoint: front.url,
  region: REGION,
  maxAttempts: options.maxAttempts ?? 1,
  credentials: {
    accessKeyId: principal.accessKeyId,
    secretAccessKey: options.secretAccessKey ?? principal.secretAccessKey,
  },
});

/** Creates a table like the fleets' own: keyed by `pk` and `sk`, paid per request. */
export async function createTable(front: Front, TableName: string): Promise<void> {
  const client = new DynamoDBClient(clientFor(front, front.admin));
  await client.send(
    new CreateTableCommand({
      TableName,
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
    }),
  );
  client.destroy();
}

export const allow = (Action: string | string[], Resource: string | string[], Condition?: object) => ({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action, Resource, ...(Condition ? { Condition } : {}) }],
});

export const role = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/${name}`;

/** Waits until `check` holds, looking at it often; fails after `seconds`. */
export async function until(
  check: () => boolean | Promise<boolean>,
  seconds = PATIENCE_SECONDS,
): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`still not so after ${seconds} s: ${check}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
