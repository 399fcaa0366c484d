import { Stack } from 'aws-cdk-lib';
import { PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { DeploymentCalls } from './deployment-calls.ts';
import { PatternStatement } from './findings.ts';

/** SSM parameters that tell of each node group whether it exists. */
export const nodegroupMarkPrefix = (clusterName: string): string => `/paddock/${clusterName}/node-groups/`;

/** Values of a node group's mark. */
export const MARK = { missing: 'missing', exists: 'exists' } as const;

export const parameterArn = (scope: Construct, name: string): string =>
  // Names of parameters start with a slash, which their ARNs share.
  Stack.of(scope).formatArn({ service: 'ssm', resource: `parameter${name}` });

export interface InitialValue {
  readonly name: string;
  readonly value: string;
  /** False keeps the parameter when the configuration no longer asks for it. */
  readonly deleted: boolean;
}

export interface InitialValuesProps {
  readonly values: readonly InitialValue[];
  /** What all the names start with. */
  readonly prefix: string;
  readonly logRetentionDays: number;
}

/**
 * SSM parameters that a deployment makes if they are missing, and never writes again: what they hold belongs to what
 * changes it later (an upgrade, a node group's creation), whatever the configuration says by then.
 */
export class InitialValues extends Construct {
  constructor(scope: Construct, id: string, { values, prefix, logRetentionDays }: InitialValuesProps) {
    super(scope, id);
    const calls = new DeploymentCalls(this, 'Calls', {
      description: 'Paddock: makes SSM parameters that are missing',
      statements: [
        new PatternStatement({
          actions: ['ssm:PutParameter', 'ssm:DeleteParameter'],
          resources: [parameterArn(this, `${prefix}*`)],
          reason:
            'Not each by its name: a policy that changes with the pools would be seconds old when it is used.',
        }),
      ],
      logRetentionDays,
    });
    for (const { name, value, deleted } of values)
      calls.call(this, name.slice(prefix.length).replaceAll('/', '-'), 'InitialValue', {
        onCreate: {
          service: 'SSM',
          action: 'putParameter',
          parameters: { Name: name, Value: value, Type: 'String', Overwrite: false },
          ignoreErrorCodesMatching: 'ParameterAlreadyExists',
          physicalResourceId: PhysicalResourceId.of(name),
        },
        ...(deleted && {
          onDelete: {
            service: 'SSM',
            action: 'deleteParameter',
            parameters: { Name: name },
            ignoreErrorCodesMatching: 'ParameterNotFound',
          },
        }),
      });
  }
}
