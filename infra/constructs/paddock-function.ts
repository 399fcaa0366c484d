import { Duration } from 'aws-cdk-lib';
import { type ISecurityGroup, type IVpc, SubnetType } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Runtime } from 'aws-cdk-lib/aws-lambda';
import { LogLevel, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { REQUIRE_BANNER } from '../bundling.ts';
import { repositoryPath } from '../paths.ts';

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
  /** Given when the function must reach pods. */
  readonly network?: { readonly vpc: IVpc; readonly securityGroup: ISecurityGroup };
}

/** A function with a role of its own, a log group with a retention, and one minified bundle. */
export class PaddockFunction extends Construct {
  readonly handler: NodejsFunction;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: PaddockFunctionProps) {
    super(scope, id);
    this.role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: `${props.clusterName}: ${props.description}`,
    });
    const logGroup = new LogGroup(this, 'Logs', { retention: props.logRetentionDays });
    logGroup.grantWrite(this.role);
    for (const statement of props.statements) this.role.addToPolicy(statement);
    if (props.network) this.role.addToPolicy(networkStatement());

    this.handler = new NodejsFunction(this, 'Function', {
      functionName: `${props.clusterName}-${props.name}`,
      description: props.description,
      entry: repositoryPath('functions', props.name, 'handler.ts'),
      projectRoot: repositoryPath(),
      depsLockFilePath: repositoryPath('package-lock.json'),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: props.memoryMiB,
      timeout: Duration.seconds(props.timeoutSeconds),
      role: this.role,
      logGroup,
      environment: {
        POWERTOOLS_SERVICE_NAME: props.name,
        POWERTOOLS_METRICS_NAMESPACE: 'Paddock',
        ...props.environment,
      },
      // Only version 2 of the SDK needed it.
      awsSdkConnectionReuse: false,
      bundling: {
        // As .mjs it runs wherever it lies; CommonJS would be taken for a module inside this repository.
        format: OutputFormat.ESM,
        banner: REQUIRE_BANNER,
        minify: true,
        target: 'node24',
        // The SDK that was tested, not the one that the runtime has today.
        bundleAwsSDK: true,
        // ES modules first: they let esbuild leave out what is not used.
        mainFields: ['module', 'main'],
        logLevel: LogLevel.WARNING,
      },
      ...(props.network && {
        vpc: props.network.vpc,
        vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
        securityGroups: [props.network.securityGroup],
      }),
    });
    // The function must not run before its role may do what it needs.
    this.handler.node.addDependency(this.role);
  }
}

/** Lambda makes a function's network interfaces with the function's role; EC2 knows no narrower resource for it. */
const networkStatement = (): PolicyStatement =>
  new PolicyStatement({
    actions: [
      'ec2:CreateNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:DeleteNetworkInterface',
      'ec2:AssignPrivateIpAddresses',
      'ec2:UnassignPrivateIpAddresses',
    ],
    resources: ['*'],
  });
