import { SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { ConflictError, mapAwsError } from '../errors.ts';
import { clientOptions } from './client-options.ts';

export interface SpotFallbackStarter {
  /**
   * Starts the machine `spot-fallback`, once for each name.
   * @returns false when that was done before
   * @throws RefusedError, UnavailableError, NotFoundError (no such machine)
   */
  start(name: string, event: object): Promise<boolean>;
}

export class SfnSpotFallback implements SpotFallbackStarter {
  readonly #machineArn: string;
  readonly #client: SFNClient;

  constructor(machineArn: string, client = new SFNClient(clientOptions())) {
    this.#machineArn = machineArn;
    this.#client = client;
  }

  async start(name: string, event: object): Promise<boolean> {
    const input = JSON.stringify(event);
    try {
      await this.#client.send(new StartExecutionCommand({ stateMachineArn: this.#machineArn, name, input }));
      return true;
    } catch (error) {
      const mapped = mapAwsError(error, `start ${name} of ${this.#machineArn}`);
      if (mapped instanceof ConflictError) return false;
      throw mapped;
    }
  }
}
