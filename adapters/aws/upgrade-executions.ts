import {
  DescribeExecutionCommand,
  paginateListStateMachines,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { UpgradeRequest } from '../../core/upgrade/request.ts';
import { mapAwsError, NotFoundError } from '../errors.ts';
import { commandOptions } from './client-options.ts';

export interface UpgradeExecution {
  arn: string;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  /** JSON, of one that succeeded. */
  output?: unknown;
  error?: string | undefined;
  cause?: string | undefined;
}

/** Starts and follows executions of the machine `upgrade`. All methods throw UnavailableError and RefusedError. */
export interface UpgradeExecutions {
  /** Throws NotFoundError when the cluster has no such machine. */
  start(request: UpgradeRequest, at: Date): Promise<string>;
  describe(arn: string): Promise<UpgradeExecution>;
}

export class SfnUpgradeExecutions implements UpgradeExecutions {
  readonly #name: string;
  readonly #client: SFNClient;

  constructor(clusterName: string, client = new SFNClient(commandOptions())) {
    this.#name = `${clusterName}-upgrade`;
    this.#client = client;
  }

  async start(request: UpgradeRequest, at: Date): Promise<string> {
    const { target, to } = request;
    // What an execution's name may hold; the time tells one try from the next.
    const wish = `${target}-${to}`.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, 55);
    const name = `${wish}-${at.toISOString().replaceAll(/[:.]/g, '-')}`;
    const stateMachineArn = await this.#machine();
    try {
      const { executionArn } = await this.#client.send(
        new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(request) }),
      );
      return executionArn ?? '';
    } catch (error) {
      throw mapAwsError(error, `start ${name} of ${this.#name}`);
    }
  }

  async describe(arn: string): Promise<UpgradeExecution> {
    try {
      const answer = await this.#client.send(new DescribeExecutionCommand({ executionArn: arn }));
      const { status = 'RUNNING', output, error, cause } = answer;
      return {
        arn,
        status: status === 'PENDING_REDRIVE' ? 'RUNNING' : status,
        ...(output !== undefined && { output: JSON.parse(output) }),
        ...{ error, cause },
      };
    } catch (error) {
      throw mapAwsError(error, `describe the execution ${arn}`);
    }
  }

  async #machine(): Promise<string> {
    try {
      for await (const page of paginateListStateMachines({ client: this.#client }, {}))
        for (const { name, stateMachineArn } of page.stateMachines ?? [])
          if (name === this.#name && stateMachineArn) return stateMachineArn;
    } catch (error) {
      throw mapAwsError(error, 'list the state machines');
    }
    throw new NotFoundError(
      `there is no state machine ${this.#name}: deploy the stack PaddockControlPlane, or state --cluster`,
      'StateMachineDoesNotExist',
    );
  }
}
