import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import type { Seconds } from '../../core/scaling/types.ts';
import type { UpgradeRequest } from '../../core/upgrade/request.ts';
import { ConflictError, mapAwsError, NotFoundError } from '../errors.ts';
import { clientOptions, commandOptions } from './client-options.ts';

/** The cluster's one upgrade: who works on it, and how far it is. */
export interface RunningUpgrade {
  /** Id of the execution. */
  holder: string;
  request: UpgradeRequest;
  summary: string;
  from: string;
  to: string;
  startedAt: Seconds;
  updatedAt: Seconds;
  /** The step that is at work (`canary`, `roll` …); `stopped` once it was left half-way. */
  phase: string;
  /** What happens at the moment, one sentence. */
  say: string;
  /** Steps done, of all. */
  done: number;
  total: number;
  /** A person asked to go back. */
  abort?: boolean;
}

/** What became of an upgrade. */
export interface EndedUpgrade extends Omit<RunningUpgrade, 'abort' | 'updatedAt'> {
  endedAt: Seconds;
  outcome: 'upgraded' | 'rolled-back' | 'stopped';
}

/** All methods throw UnavailableError and RefusedError. */
export interface UpgradeState {
  running(): Promise<RunningUpgrade | undefined>;
  /**
   * Takes the lock if it is free, the holder's own, or that of an execution that has ended.
   * @param ended id of the execution that was seen to have ended
   * @throws ConflictError when another holds it
   */
  take(upgrade: RunningUpgrade, ended?: string): Promise<void>;
  /**
   * Says how far it is; the answer is whether a person asked to go back.
   * @throws ConflictError when the lock is not the holder's (any more)
   */
  note(
    holder: string,
    progress: Pick<RunningUpgrade, 'phase' | 'say' | 'done' | 'updatedAt'>,
  ): Promise<boolean>;
  /** Asks the running upgrade to go back. Throws NotFoundError when there is none. */
  askToGoBack(): Promise<void>;
  /** Writes the history and frees the lock, if it is the holder's; fine to repeat. */
  end(upgrade: EndedUpgrade): Promise<void>;
  /** Newest first. */
  history(limit: number): Promise<EndedUpgrade[]>;
}

const KEEP_SECONDS = 400 * 86_400;
const SK = 'upgrade';

export class DynamoUpgradeState implements UpgradeState {
  readonly #table: string;
  readonly #pk: string;
  readonly #documents: DynamoDBDocumentClient;

  constructor(table: string, clusterName: string, client = new DynamoDBClient(clientOptions())) {
    this.#table = table;
    this.#pk = `cluster#${clusterName}`;
    this.#documents = DynamoDBDocumentClient.from(client, {
      marshallOptions: { removeUndefinedValues: true },
    });
  }

  /** For a command: it waits longer than a tick does. */
  static forCommand(table: string, clusterName: string): DynamoUpgradeState {
    return new DynamoUpgradeState(table, clusterName, new DynamoDBClient(commandOptions()));
  }

  async running(): Promise<RunningUpgrade | undefined> {
    const { Item } = await this.#send(
      'read the lock of upgrades',
      new GetCommand({ TableName: this.#table, Key: { pk: this.#pk, sk: SK }, ConsistentRead: true }),
    );
    if (!Item) return undefined;
    const { pk: _, sk: __, ...running } = Item;
    return running as RunningUpgrade;
  }

  async take(upgrade: RunningUpgrade, ended = upgrade.holder): Promise<void> {
    await this.#send(
      'take the lock of upgrades',
      new PutCommand({
        TableName: this.#table,
        Item: { pk: this.#pk, sk: SK, ...upgrade },
        ConditionExpression: 'attribute_not_exists(pk) OR holder IN (:holder, :ended)',
        ExpressionAttributeValues: { ':holder': upgrade.holder, ':ended': ended },
      }),
    );
  }

  async note(
    holder: string,
    { phase, say, done, updatedAt }: Pick<RunningUpgrade, 'phase' | 'say' | 'done' | 'updatedAt'>,
  ): Promise<boolean> {
    const { Attributes } = await this.#send(
      'say how far the upgrade is',
      new UpdateCommand({
        TableName: this.#table,
        Key: { pk: this.#pk, sk: SK },
        UpdateExpression: 'SET phase = :phase, say = :say, done = :done, updatedAt = :at',
        ConditionExpression: 'holder = :holder',
        ExpressionAttributeValues: {
          ':phase': phase,
          ':say': say,
          ':done': done,
          ':at': updatedAt,
          ':holder': holder,
        },
        ReturnValues: 'ALL_NEW',
      }),
    );
    return Attributes?.abort === true;
  }

  async askToGoBack(): Promise<void> {
    try {
      await this.#send(
        'ask the upgrade to go back',
        new UpdateCommand({
          TableName: this.#table,
          Key: { pk: this.#pk, sk: SK },
          UpdateExpression: 'SET #abort = :true',
          ConditionExpression: 'attribute_exists(pk)',
          ExpressionAttributeNames: { '#abort': 'abort' },
          ExpressionAttributeValues: { ':true': true },
        }),
      );
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      throw new NotFoundError('no upgrade runs', 'NotFound', error);
    }
  }

  async end(upgrade: EndedUpgrade): Promise<void> {
    // By its start: a repeated end of the same execution writes the same item.
    const sk = `${SK}#${new Date(upgrade.startedAt * 1000).toISOString()}`;
    const expiresAt = Math.floor(upgrade.endedAt) + KEEP_SECONDS;
    await this.#send(
      'write the history of upgrades',
      new PutCommand({ TableName: this.#table, Item: { pk: this.#pk, sk, ...upgrade, expiresAt } }),
    );
    try {
      await this.#send(
        'free the lock of upgrades',
        new DeleteCommand({
          TableName: this.#table,
          Key: { pk: this.#pk, sk: SK },
          ConditionExpression: 'attribute_not_exists(pk) OR holder = :holder',
          ExpressionAttributeValues: { ':holder': upgrade.holder },
        }),
      );
    } catch (error) {
      // Another has taken it over: it is not ours to free.
      if (!(error instanceof ConflictError)) throw error;
    }
  }

  async history(limit: number): Promise<EndedUpgrade[]> {
    const { Items = [] } = await this.#send(
      'read the history of upgrades',
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :sk)',
        ExpressionAttributeValues: { ':pk': this.#pk, ':sk': `${SK}#` },
        ScanIndexForward: false,
        Limit: limit,
      }),
    );
    return (Items as Record<string, unknown>[]).map(
      ({ pk: _, sk: __, expiresAt: ___, ...ended }) => ended as unknown as EndedUpgrade,
    );
  }

  // biome-ignore lint/suspicious/noExplicitAny: the document client's own overloads say what each command answers
  async #send(what: string, command: any): Promise<any> {
    try {
      return await this.#documents.send(command);
    } catch (error) {
      throw mapAwsError(error, `${what} in the table ${this.#table}`);
    }
  }
}
