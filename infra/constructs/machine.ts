import { readFileSync } from 'node:fs';
import { Aws, RemovalPolicy } from 'aws-cdk-lib';
import { type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine, StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { repositoryPath } from '../paths.ts';
import { acceptFindings, grant, LOGS_OF_AWS_KEY } from './findings.ts';

export interface MachineProps {
  /** `state-machines/<name>.asl.json`; also the last part of the state machine's name. */
  readonly name: string;
  readonly clusterName: string;
  readonly type: StateMachineType;
  readonly logRetentionDays: number;
  /** Values for the `${…}` of the definition. */
  readonly substitutions: Record<string, string>;
  /** Exactly what the definition calls, its logs aside. */
  readonly statements: PolicyStatement[];
  /** Errors in which an execution ends that did its part, and tells its caller no: nobody is woken for them. */
  readonly refusals?: readonly string[];
}

/** ARN by name, so that a machine's own role, and what it is told, can refer to it without a cycle. */
export const machineArn = (clusterName: string, name: string): string =>
  `arn:${Aws.PARTITION}:states:${Aws.REGION}:${Aws.ACCOUNT_ID}:stateMachine:${clusterName}-${name}`;

/** A state machine of `state-machines/`, with a role of its own and every execution's data in its log. */
export class Machine extends Construct {
  /** `state-machines/<name>.asl.json`. */
  readonly name: string;
  readonly isExpress: boolean;
  readonly stateMachine: StateMachine;
  readonly logGroup: LogGroup;
  /** Errors that are an answer, and no failure. */
  readonly refusals: readonly string[];

  constructor(scope: Construct, id: string, props: MachineProps) {
    super(scope, id);
    this.name = props.name;
    this.isExpress = props.type === StateMachineType.EXPRESS;
    this.refusals = props.refusals ?? [];
    const stateMachineName = `${props.clusterName}-${props.name}`;
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('states.amazonaws.com'),
      description: `${props.clusterName}: state machine ${props.name}`,
    });
    for (const statement of props.statements) grant(role, statement);
    this.logGroup = new LogGroup(this, 'Logs', {
      // The prefix keeps the account's one log resource policy from growing past its limit.
      logGroupName: `/aws/vendedlogs/states/${stateMachineName}`,
      retention: props.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    acceptFindings(this.logGroup, { CKV_AWS_158: LOGS_OF_AWS_KEY });
    this.stateMachine = new StateMachine(this, 'Machine', {
      stateMachineName,
      stateMachineType: props.type,
      definitionBody: DefinitionBody.fromString(
        readFileSync(repositoryPath('state-machines', `${props.name}.asl.json`), 'utf8'),
      ),
      definitionSubstitutions: props.substitutions,
      role,
      logs: {
        destination: this.logGroup,
        // Express keeps no history: the log is the trail.
        level: LogLevel.ALL,
        includeExecutionData: true,
      },
    });
    acceptFindings(this.stateMachine, {
      'AwsSolutions-SF2':
        'Every state with its input and output is in the log; X-Ray would show the same once more, and charge for it.',
    });
    acceptFindings(role, {
      'AwsSolutions-IAM5[Resource::*]': 'Log delivery: these actions of CloudWatch Logs know no resource.',
    });
  }
}
