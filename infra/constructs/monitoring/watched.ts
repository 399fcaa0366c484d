import { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { Table } from 'aws-cdk-lib/aws-dynamodb';
import { CfnNatGateway } from 'aws-cdk-lib/aws-ec2';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import type { IConstruct } from 'constructs';
import { Machine } from '../machine.ts';
import { PaddockFunction } from '../paddock-function.ts';

/** What the system consists of, besides its fleets. */
export interface Watched {
  readonly functions: readonly { readonly name: string; readonly handler: IFunction }[];
  readonly machines: readonly {
    readonly name: string;
    readonly isExpress: boolean;
    readonly stateMachine: IStateMachine;
    readonly logGroup: ILogGroup;
    readonly refusals: readonly string[];
  }[];
  readonly table: Table;
  /** The gateway's, when there is one. */
  readonly apis: readonly HttpApi[];
  readonly natGateways: readonly string[];
}

/**
 * Finds it in the other stacks: whoever adds a function or a state machine there has it watched.
 *
 * @throws Error when there is not exactly one table
 */
export function watchedIn(clusterStack: IConstruct, controlPlane: IConstruct): Watched {
  const all = controlPlane.node.findAll();
  const tables = all.filter((one) => one instanceof Table);
  const [table] = tables;
  if (!table || tables.length > 1) throw new Error(`Expected one table to watch, found ${tables.length}.`);
  return {
    functions: all.filter((one) => one instanceof PaddockFunction),
    machines: all.filter((one) => one instanceof Machine),
    table,
    apis: all.filter((one) => one instanceof HttpApi),
    natGateways: clusterStack.node
      .findAll()
      .filter((one) => one instanceof CfnNatGateway)
      .map(({ ref }) => ref),
  };
}
