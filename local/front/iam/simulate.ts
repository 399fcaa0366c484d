import { runSimulation } from '@cloud-copilot/iam-simulate';
import { AwsError } from '../types.ts';
import type { Check } from './mapping.ts';

export type Decision = 'Allowed' | 'ExplicitlyDenied' | 'ImplicitlyDenied';

/**
 * What IAM decides about one check of a role with these identity-based policies.
 *
 * @param check its context must be complete: nothing is added
 * @throws AwsError NotImplemented when the simulator can't evaluate it
 */
export async function simulate(
  { name, roleArn }: { name: string; roleArn: string },
  policies: readonly unknown[],
  check: Check,
  accountId: string,
): Promise<Decision> {
  const result = await runSimulation(
    {
      request: {
        principal: roleArn,
        action: check.action,
        resource: { resource: check.resource, accountId },
        contextVariables: check.context ?? {},
      },
      identityPolicies: policies.map((policy, index) => ({ name: `${name}-${index}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  if (result.resultType === 'error') {
    throw new AwsError(
      'NotImplemented',
      `the local AWS front can't evaluate ${check.action} on ${check.resource} for ${name}: ` +
        JSON.stringify(result.errors),
      501,
    );
  }
  return result.overallResult;
}
