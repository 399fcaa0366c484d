import { GetParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { mapAwsError } from '../errors.ts';
import { clientOptions } from './client-options.ts';

export interface ParameterReader {
  /** Throws NotFoundError, RefusedError, UnavailableError. */
  read(name: string): Promise<string>;
}

/** Plain SSM parameters, read anew each time: what an upgrade writes counts at once. */
export class SsmParameters implements ParameterReader {
  readonly #client: SSMClient;

  constructor(client = new SSMClient(clientOptions())) {
    this.#client = client;
  }

  async read(name: string): Promise<string> {
    try {
      const { Parameter } = await this.#client.send(new GetParameterCommand({ Name: name }));
      return Parameter?.Value ?? '';
    } catch (error) {
      throw mapAwsError(error, `read the parameter ${name}`);
    }
  }
}
