import { DescribeExecutionCommand, SFNClient } from '@aws-sdk/client-sfn';
import { mapAwsError, NotFoundError } from '../errors.ts';
import { clientOptions } from './client-options.ts';

export interface Executions {
  /** False for one that has ended, and for one that is not known any more. Throws UnavailableError, RefusedError. */
  isRunning(arn: string): Promise<boolean>;
}

export class SfnExecutions implements Executions {
  readonly #client: SFNClient;

  constructor(client = new SFNClient(clientOptions())) {
    this.#client = client;
  }

  async isRunning(arn: string): Promise<boolean> {
    try {
      const { status } = await this.#client.send(new DescribeExecutionCommand({ executionArn: arn }));
      return status === 'RUNNING' || status === 'PENDING_REDRIVE';
    } catch (error) {
      const mapped = mapAwsError(error, `describe the execution ${arn}`);
      if (mapped instanceof NotFoundError) return false;
      throw mapped;
    }
  }
}
