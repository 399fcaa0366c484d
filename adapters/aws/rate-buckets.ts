import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  GetItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { RATE_KEY_PREFIX } from '../../core/protocol/names.ts';
import { decideRate, intervalOf, type Micros, type RateLimit, toleranceOf } from '../../core/rate-limit.ts';
import { mapAwsError, UnavailableError } from '../errors.ts';
import { clientOptions } from './client-options.ts';

/** Counts of requests, common to all processes. */
export interface RateBuckets {
  /**
   * Takes one request's share for its holder, if there is one.
   * @returns undefined when it is taken; else from when on there may be one again
   * @throws UnavailableError, RefusedError
   */
  take(holder: string, limit: RateLimit, now: Micros): Promise<Micros | undefined>;
}

/** Others may take in between; more rounds than that mean that they take all there is. */
const ROUNDS = 3;
const KEEP_SECONDS = 3600;

/** One item for each holder, changed by conditions alone: nothing is read before a write, and no update is lost. */
export class DynamoRateBuckets implements RateBuckets {
  readonly #table: string;
  readonly #client: DynamoDBClient;
  /** As last written from here: tells which condition holds more likely. */
  readonly #usedUntil = new Map<string, Micros>();

  constructor(table: string, client = new DynamoDBClient(clientOptions())) {
    this.#table = table;
    this.#client = client;
  }

  async take(holder: string, limit: RateLimit, now: Micros): Promise<Micros | undefined> {
    const isBusy = (this.#usedUntil.get(holder) ?? 0) >= now;
    const cases = isBusy ? (['busy', 'idle'] as const) : (['idle', 'busy'] as const);
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const one of cases) if (await this.#try(one, holder, limit, now)) return undefined;
        const decision = decideRate(await this.#read(holder), now, limit);
        if (!decision.allowed) return decision.retryAt;
      }
    } catch (error) {
      throw mapAwsError(error, `count a request of ${holder} in the table ${this.#table}`);
    }
    throw new UnavailableError(`others count requests of ${holder} at the same time`, 'Contention');
  }

  /** `idle`: the bucket is full, so its time begins now. `busy`: this share comes after the others'. */
  async #try(one: 'idle' | 'busy', holder: string, limit: RateLimit, now: Micros): Promise<boolean> {
    const interval = intervalOf(limit);
    const values: Record<string, number> =
      one === 'idle'
        ? { ':now': now, ':next': now + interval }
        : { ':now': now, ':last': now + toleranceOf(limit), ':interval': interval };
    values[':expires'] = Math.ceil((now + toleranceOf(limit)) / 1_000_000) + KEEP_SECONDS;
    const command = new UpdateItemCommand({
      TableName: this.#table,
      Key: this.#key(holder),
      UpdateExpression:
        one === 'idle'
          ? 'SET usedUntil = :next, expiresAt = :expires'
          : 'SET usedUntil = usedUntil + :interval, expiresAt = :expires',
      ConditionExpression:
        one === 'idle'
          ? 'attribute_not_exists(usedUntil) OR usedUntil < :now'
          : 'usedUntil >= :now AND usedUntil <= :last',
      ExpressionAttributeValues: Object.fromEntries(
        Object.entries(values).map(([name, value]) => [name, { N: String(value) }]),
      ),
      ReturnValues: 'UPDATED_NEW',
    });
    try {
      const { Attributes } = await this.#client.send(command);
      this.#usedUntil.set(holder, Number(Attributes?.usedUntil?.N ?? 0));
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }

  async #read(holder: string): Promise<Micros | undefined> {
    const { Item } = await this.#client.send(
      new GetItemCommand({ TableName: this.#table, Key: this.#key(holder), ConsistentRead: true }),
    );
    return Item?.usedUntil?.N === undefined ? undefined : Number(Item.usedUntil.N);
  }

  #key = (holder: string) => ({ pk: { S: `${RATE_KEY_PREFIX}${holder}` }, sk: { S: 'bucket' } });
}
