import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
} from '@aws-sdk/lib-dynamodb';
import type { Plan, Seconds } from '../../core/scaling/types.ts';
import { ConflictError, mapAwsError } from '../errors.ts';
import { clientOptions, commandOptions } from './client-options.ts';

/** Which loop ticks, and until when nobody else may. */
export interface LoopLease {
  /** Id of the execution. */
  holder: string;
  until: Seconds;
}

/** What is remembered of a fleet between ticks. */
export interface StoredMemory {
  /** What the next write has to expect; counts up. Anything at all when the item is broken. */
  version: unknown;
  /** JSON text. */
  memory: unknown;
  /** Nothing shrinks before this time, epoch seconds: an earlier memory was lost. */
  holdUntil?: Seconds;
}

export interface NextMemory {
  version: number;
  memory: string;
  /** Names this write: an SDK that repeats a write whose answer was lost is not its own competitor. */
  writer: string;
  holdUntil?: Seconds;
}

/** What became of one command of a plan. */
export type CommandResult =
  | { status: 'done' }
  | { status: 'failed'; error: string }
  /** What it was about is gone or has changed since it was read: the next tick decides anew. */
  | { status: 'overtaken'; reason: string }
  /** Handed to the state machine, which makes the call and shows its answer. */
  | { status: 'returned' }
  /** Not done on purpose; the reason says why. */
  | { status: 'withheld'; reason: string };

/** One tick, as `paddock explain` shows it. */
export interface PlanRecord {
  plan: Plan;
  trigger: string;
  execution: string;
  durationMs: number;
  /** One for each of the plan's commands, in the plan's order. */
  results: CommandResult[];
  /** Readings and other steps that failed, each naming the call and its answer. */
  failures: string[];
}

/** Lease, memory and plans of the fleets. All methods throw UnavailableError and RefusedError. */
export interface FleetState {
  /**
   * Takes a lease that is free, expired, the holder's own or its predecessor's. The answer is the lease as it now stands.
   * @param after the predecessor, whose lease is taken over
   */
  takeLease(
    fleet: string,
    wanted: LoopLease,
    now: Seconds,
    after?: string,
  ): Promise<{ taken: boolean; lease?: LoopLease }>;
  /** Frees the lease if it is the holder's; someone else's stays. */
  releaseLease(fleet: string, holder: string): Promise<void>;
  readMemory(fleet: string): Promise<StoredMemory | undefined>;
  /**
   * @param expected the version that was read; undefined when there was no memory
   * @throws ConflictError when someone else wrote in between: nothing is written
   */
  writeMemory(fleet: string, expected: unknown, next: NextMemory): Promise<void>;
  /** Keeps a memory that could not be understood, for whoever looks into it, for 14 days. */
  keepBroken(fleet: string, at: Seconds, broken: StoredMemory): Promise<void>;
  /** Kept for 14 days. */
  storePlan(fleet: string, record: PlanRecord): Promise<void>;
  /** Newest first. */
  recentPlans(fleet: string, limit: number): Promise<PlanRecord[]>;
  /** The stored ticks from a time on, oldest first, and the one before them. Throws RefusedError, UnavailableError. */
  plansSince(fleet: string, from: Seconds): Promise<PlanRecord[]>;
}

const KEEP_SECONDS = 14 * 86_400;

const pk = (fleet: string): string => `fleet#${fleet}`;
const iso = (at: Seconds): string => new Date(at * 1000).toISOString();

export class DynamoFleetState implements FleetState {
  readonly #table: string;
  readonly #documents: DynamoDBDocumentClient;

  constructor(table: string, client: DynamoDBClient = new DynamoDBClient(clientOptions())) {
    this.#table = table;
    this.#documents = DynamoDBDocumentClient.from(client, {
      marshallOptions: { removeUndefinedValues: true },
    });
  }

  /** For a command: it waits longer than a tick does. */
  static forCommand(table: string): DynamoFleetState {
    return new DynamoFleetState(table, new DynamoDBClient(commandOptions()));
  }

  async takeLease(
    fleet: string,
    wanted: LoopLease,
    now: Seconds,
    after = wanted.holder,
  ): Promise<{ taken: boolean; lease?: LoopLease }> {
    const what = `take the lease of the fleet ${fleet} in the table ${this.#table}`;
    try {
      await this.#documents.send(
        new PutCommand({
          TableName: this.#table,
          Item: { pk: pk(fleet), sk: 'lease', ...wanted },
          ConditionExpression: 'attribute_not_exists(pk) OR holder IN (:holder, :after) OR #until <= :now',
          ExpressionAttributeNames: { '#until': 'until' },
          ExpressionAttributeValues: { ':holder': wanted.holder, ':after': after, ':now': now },
        }),
      );
      return { taken: true, lease: wanted };
    } catch (error) {
      const mapped = mapAwsError(error, what);
      if (!(mapped instanceof ConflictError)) throw mapped;
    }
    const item = await this.#get(fleet, 'lease', what);
    if (!item) return { taken: false };
    return { taken: false, lease: { holder: String(item.holder), until: Number(item.until) } };
  }

  async releaseLease(fleet: string, holder: string): Promise<void> {
    try {
      await this.#documents.send(
        new DeleteCommand({
          TableName: this.#table,
          Key: { pk: pk(fleet), sk: 'lease' },
          ConditionExpression: 'holder = :holder',
          ExpressionAttributeValues: { ':holder': holder },
        }),
      );
    } catch (error) {
      const mapped = mapAwsError(
        error,
        `release the lease of the fleet ${fleet} in the table ${this.#table}`,
      );
      if (!(mapped instanceof ConflictError)) throw mapped;
    }
  }

  async readMemory(fleet: string): Promise<StoredMemory | undefined> {
    const what = `read the memory of the fleet ${fleet} in the table ${this.#table}`;
    const item = await this.#get(fleet, 'memory', what);
    if (!item) return undefined;
    const { version, memory, holdUntil } = item;
    return { version, memory, ...(typeof holdUntil === 'number' ? { holdUntil } : {}) };
  }

  async writeMemory(fleet: string, expected: unknown, next: NextMemory): Promise<void> {
    const condition =
      expected === undefined
        ? { ConditionExpression: 'attribute_not_exists(version)' }
        : {
            ConditionExpression: 'version = :expected',
            ExpressionAttributeValues: { ':expected': expected },
          };
    const what = `write the memory of the fleet ${fleet} to the table ${this.#table}`;
    try {
      await this.#put({ pk: pk(fleet), sk: 'memory', ...next }, what, condition);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      const item = await this.#get(fleet, 'memory', what);
      if (item?.writer !== next.writer) throw error;
    }
  }

  async keepBroken(fleet: string, at: Seconds, broken: StoredMemory): Promise<void> {
    const expiresAt = Math.floor(at) + KEEP_SECONDS;
    await this.#put(
      { pk: pk(fleet), sk: `broken-memory#${iso(at)}`, ...broken, expiresAt },
      `keep the broken memory of the fleet ${fleet} in the table ${this.#table}`,
    );
  }

  async storePlan(fleet: string, record: PlanRecord): Promise<void> {
    const { at } = record.plan;
    await this.#put(
      { pk: pk(fleet), sk: `plan#${iso(at)}`, ...record, expiresAt: Math.floor(at) + KEEP_SECONDS },
      `store the plan of the fleet ${fleet} in the table ${this.#table}`,
    );
  }

  async recentPlans(fleet: string, limit: number): Promise<PlanRecord[]> {
    return (await this.#plans(fleet, (found) => found.length >= limit, limit)).slice(0, limit);
  }

  async plansSince(fleet: string, from: Seconds): Promise<PlanRecord[]> {
    const found = await this.#plans(fleet, (records) => (records.at(-1)?.plan.at ?? from) < from);
    const before = found.findIndex(({ plan }) => plan.at < from);
    return found.slice(0, before < 0 ? found.length : before + 1).toReversed();
  }

  /** Newest first, page by page until `isEnough`. */
  async #plans(
    fleet: string,
    isEnough: (found: PlanRecord[]) => boolean,
    pageSize?: number,
  ): Promise<PlanRecord[]> {
    const found: PlanRecord[] = [];
    try {
      // One answer holds 1 MB at most: some two hundred plans.
      const pages = paginateQuery(
        { client: this.#documents, ...(pageSize === undefined ? {} : { pageSize }) },
        {
          TableName: this.#table,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :plan)',
          ExpressionAttributeValues: { ':pk': pk(fleet), ':plan': 'plan#' },
          ScanIndexForward: false,
        },
      );
      for await (const { Items = [] } of pages) {
        for (const { plan, trigger, execution, durationMs, results, failures } of Items) {
          found.push({ plan, trigger, execution, durationMs, results, failures });
        }
        if (isEnough(found)) break;
      }
    } catch (error) {
      throw mapAwsError(error, `read the plans of the fleet ${fleet} in the table ${this.#table}`);
    }
    return found;
  }

  async #get(fleet: string, sk: string, what: string): Promise<Record<string, unknown> | undefined> {
    const { Item } = await this.#documents
      .send(new GetCommand({ TableName: this.#table, Key: { pk: pk(fleet), sk }, ConsistentRead: true }))
      .catch((error: unknown) => {
        throw mapAwsError(error, what);
      });
    return Item;
  }

  async #put(Item: Record<string, unknown>, what: string, condition: object = {}): Promise<void> {
    try {
      await this.#documents.send(new PutCommand({ TableName: this.#table, Item, ...condition }));
    } catch (error) {
      throw mapAwsError(error, what);
    }
  }
}
