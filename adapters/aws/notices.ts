import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, PutCommand, paginateQuery } from '@aws-sdk/lib-dynamodb';
import type { Seconds } from '../../core/scaling/types.ts';
import { type Notice, noticeKey, noticeSchema } from '../../core/spot/notices.ts';
import { ConflictError, mapAwsError } from '../errors.ts';
import { clientOptions } from './client-options.ts';

/** Notices about the fleets' capacity, in the table beside their memories. All methods throw UnavailableError and RefusedError. */
export interface Notices {
  /** Keeps it for an hour at least. False when the same one was there: the first stays. */
  add(fleet: string, notice: Notice): Promise<boolean>;
  /** Those of events not older than `since`, in no order. What can't be understood is left out. */
  list(fleet: string, since: Seconds): Promise<Notice[]>;
}

const KEEP_SECONDS = 3600;

/** By time, so that a query reads the latest alone: DynamoDB may take days to remove what has expired. */
const sortKey = (at: Seconds, rest = ''): string => `notice#${new Date(at * 1000).toISOString()}${rest}`;
/** After every time. */
const LAST = 'notice#~';

export class DynamoNotices implements Notices {
  readonly #table: string;
  readonly #documents: DynamoDBDocumentClient;

  constructor(table: string, client: DynamoDBClient = new DynamoDBClient(clientOptions())) {
    this.#table = table;
    this.#documents = DynamoDBDocumentClient.from(client);
  }

  async add(fleet: string, notice: Notice): Promise<boolean> {
    const what = `keep the notice ${noticeKey(notice)} of the fleet ${fleet} in the table ${this.#table}`;
    try {
      await this.#documents.send(
        new PutCommand({
          TableName: this.#table,
          Item: {
            pk: `fleet#${fleet}`,
            sk: sortKey(notice.at, `#${noticeKey(notice)}`),
            ...notice,
            expiresAt: Math.ceil(notice.at) + KEEP_SECONDS,
          },
          ConditionExpression: 'attribute_not_exists(pk)',
        }),
      );
      return true;
    } catch (error) {
      const mapped = mapAwsError(error, what);
      if (mapped instanceof ConflictError) return false;
      throw mapped;
    }
  }

  async list(fleet: string, since: Seconds): Promise<Notice[]> {
    const found: Notice[] = [];
    try {
      const pages = paginateQuery(
        { client: this.#documents },
        {
          TableName: this.#table,
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :first AND :last',
          ExpressionAttributeValues: { ':pk': `fleet#${fleet}`, ':first': sortKey(since), ':last': LAST },
          ConsistentRead: true,
        },
      );
      for await (const { Items = [] } of pages) {
        for (const item of Items) {
          const { success, data } = noticeSchema.safeParse(item);
          if (success) found.push(data);
        }
      }
    } catch (error) {
      throw mapAwsError(error, `read the notices of the fleet ${fleet} in the table ${this.#table}`);
    }
    return found;
  }
}
