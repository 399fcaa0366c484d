import { RemovalPolicy } from 'aws-cdk-lib';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ILogGroup, LogGroup } from 'aws-cdk-lib/aws-logs';
import { AwsCustomResource, type AwsSdkCall } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { acceptFindings, acceptPatterns, LOGS_OF_AWS_KEY } from './findings.ts';

export interface DeploymentCallsProps {
  readonly description: string;
  /** What the calls may do; all that `call` is asked for. */
  readonly statements: PolicyStatement[];
  readonly logRetentionDays: number;
}

/** The SDK calls that a deployment makes itself, because CloudFormation has no resource for them. One per stack. */
export class DeploymentCalls extends Construct {
  readonly #role: Role;
  readonly #logGroup: ILogGroup;

  constructor(scope: Construct, id: string, props: DeploymentCallsProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Logs', {
      retention: props.logRetentionDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.#logGroup = logGroup;
    acceptFindings(logGroup, { CKV_AWS_158: LOGS_OF_AWS_KEY });
    this.#role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: props.description,
      // With the role, not attached to it later: a policy that is seconds old may not hold everywhere yet.
      inlinePolicies: {
        Calls: new PolicyDocument({
          statements: [
            ...props.statements,
            new PolicyStatement({
              actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
              resources: [logGroup.logGroupArn],
            }),
          ],
        }),
      },
    });
    acceptPatterns(this.#role, props.statements);
  }

  /**
   * @param type resource type, without `Custom::`
   * @param calls left out: nothing happens then
   */
  call(
    scope: Construct,
    id: string,
    type: string,
    calls: { onCreate: AwsSdkCall; onUpdate?: AwsSdkCall; onDelete?: AwsSdkCall },
  ): AwsCustomResource {
    return new AwsCustomResource(scope, id, {
      ...calls,
      resourceType: `Custom::${type}`,
      role: this.#role,
      logGroup: this.#logGroup,
      // Lambda's own SDK will do, and needs no download from npm while it deploys.
      installLatestAwsSdk: false,
    });
  }
}
