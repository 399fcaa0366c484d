import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import type { Seconds } from '../../core/scaling/types.ts';
import { mapAwsError } from '../errors.ts';
import { clientOptions } from './client-options.ts';

/** What waking a fleet needs. All methods throw UnavailableError and RefusedError. */
export interface Alarm {
  /** Until when the fleet's loop holds its lease; 0 when no loop runs. */
  awakeUntil(fleet: string): Promise<Seconds>;
  /** Starts the scale machine. */
  ring(fleet: string): Promise<void>;
}

/** Reads the scaler's lease, and starts its state machine. */
export class ScaleAlarm implements Alarm {
  readonly #table: string;
  readonly #machineArn: string;
  readonly #dynamodb: DynamoDBClient;
  readonly #sfn: SFNClient;

  constructor(
    table: string,
    machineArn: string,
    dynamodb = new DynamoDBClient(clientOptions()),
    sfn = new SFNClient(clientOptions()),
  ) {
    this.#table = table;
    this.#machineArn = machineArn;
    this.#dynamodb = dynamodb;
    this.#sfn = sfn;
  }

  async awakeUntil(fleet: string): Promise<Seconds> {
    const Key = { pk: { S: `fleet#${fleet}` }, sk: { S: 'lease' } };
    try {
      const { Item } = await this.#dynamodb.send(
        // Consistent: a loop that has just ended must not be taken for one that will see the message.
        new GetItemCommand({ TableName: this.#table, Key, ConsistentRead: true }),
      );
      return Number(Item?.until?.N ?? 0);
    } catch (error) {
      throw mapAwsError(error, `read the lease of the fleet ${fleet}`);
    }
  }

  async ring(fleet: string): Promise<void> {
    try {
      await this.#sfn.send(
        new StartExecutionCommand({
          stateMachineArn: this.#machineArn,
          input: JSON.stringify({ fleet, trigger: 'gateway' }),
        }),
      );
    } catch (error) {
      throw mapAwsError(error, `start the scale machine for the fleet ${fleet}`);
    }
  }
}
