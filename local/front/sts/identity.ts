import { createHash } from 'node:crypto';
import { callerArn } from '../auth/principals.ts';
import { AwsError, type AwsRequest, type ServiceEmulator } from '../types.ts';

/** STS as far as Paddock needs it: who am I. */
export class Identity implements ServiceEmulator {
  readonly service = 'sts';
  readonly #accountId: string;

  constructor(accountId: string) {
    this.#accountId = accountId;
  }

  async handle({ operation, principal }: AwsRequest): Promise<unknown> {
    if (operation !== 'GetCallerIdentity') {
      throw new AwsError(
        'InvalidAction',
        `sts:${operation} is not emulated locally; there is GetCallerIdentity`,
      );
    }
    const id = createHash('sha256').update(principal.roleArn).digest('hex').toUpperCase().slice(0, 17);
    return { Account: this.#accountId, Arn: callerArn(principal), UserId: `AROA${id}:${principal.name}` };
  }
}
