import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc } from 'aws-cdk-lib/aws-ec2';
import { type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { bundle, withTemporaryFolder } from '../bundling.ts';
import { repositoryPath } from '../paths.ts';
import { acceptFindings, grant, LOGS_OF_AWS_KEY, PatternStatement } from './findings.ts';
import { SUBNETS } from './network.ts';

export interface PaddockFunctionProps {
  /** Folder under `functions/`; also the last part of the function's name. */
  readonly name: string;
  readonly clusterName: string;
  readonly description: string;
  readonly memoryMiB: number;
  readonly timeoutSeconds: number;
  readonly logRetentionDays: number;
  readonly environment: Record<string, string>;
  /** Exactly what the function calls, its logs and network aside. */
  readonly statements: PolicyStatement[];
  /** Called asynchronously, again and again: what fails is not repeated, the next call does it. Default false: called synchronously. */
  readonly nextCallRepairs?: boolean;
  /** Given when the function must reach the apiserver or pods. */
  readonly network?: { readonly vpc: IVpc; readonly securityGroup: ISecurityGroup };
}

/** A function with a role of its own, a log group with a retention, and one minified bundle. */
export class PaddockFunction extends Construct {
  /** Folder under `functions/`. */
  readonly name: string;
  readonly handler: LambdaFunction;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: PaddockFunctionProps) {
    super(scope, id);
    this.name = props.name;
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `${props.clusterName}: ${props.description}`,
    });
    const logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    logGroup.grantWrite(this.role);
    for (const statement of props.statements) grant(this.role, statement);
    if (props.network) grant(this.role, networkStatement());

    this.handler = withTemporaryFolder((folder) => this.#function(folder, props, logGroup));
    // The function must not run before its role may do what it needs.
    this.handler.node.addDependency(this.role);
    acceptFindings(this.handler, {
      CKV_AWS_115:
        'Reserved concurrency is taken from the rest of the account, and a new account has 10 in all: the deploy would fail.',
      CKV_AWS_116: props.nextCallRepairs
        ? 'Called each minute with the same event: the next call does what a failed one left, and an alarm watches its errors.'
        : 'Called synchronously: the caller gets the error, no event waits to be lost.',
      CKV_AWS_173: "The variables hold names, no secrets; Lambda encrypts them with AWS's own key.",
      ...(!props.network && {
        CKV_AWS_117: 'Calls public endpoints only: in the VPC each call would pass, and pay, a NAT gateway.',
      }),
    });
    acceptFindings(logGroup, { CKV_AWS_158: LOGS_OF_AWS_KEY });
  }

  #function(folder: string, props: PaddockFunctionProps, logGroup: LogGroup): LambdaFunction {
    const file = join(folder, 'index.mjs');
    if (Stack.of(this).bundlingRequired) bundle(repositoryPath('functions', props.name, 'handler.ts'), file);
    else writeFileSync(file, '// not bundled\n');
    return new LambdaFunction(this, 'Function', {
      functionName: `${props.clusterName}-${props.name}`,
      description: props.description,
      code: Code.fromAsset(folder),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: props.memoryMiB,
      timeout: Duration.seconds(props.timeoutSeconds),
      role: this.role,
      logGroup,
      ...(props.nextCallRepairs && { retryAttempts: 0 }),
      environment: {
        POWERTOOLS_SERVICE_NAME: props.name,
        POWERTOOLS_METRICS_NAMESPACE: 'Paddock',
        ...props.environment,
      },
      ...(props.network && {
        vpc: props.network.vpc,
        vpcSubnets: { subnetGroupName: SUBNETS.control },
        securityGroups: [props.network.securityGroup],
      }),
    });
  }
}

/** Lambda makes a function's network interfaces with the function's role. */
const networkStatement = (): PolicyStatement =>
  new PatternStatement({
    actions: [
      'ec2:CreateNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:DeleteNetworkInterface',
      'ec2:AssignPrivateIpAddresses',
      'ec2:UnassignPrivateIpAddresses',
    ],
    resources: ['*'],
    reason: 'Lambda makes the network interfaces and names none beforehand; EC2 knows no narrower resource.',
    checkov: ['CKV_AWS_111'],
  });
