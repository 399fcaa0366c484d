import { RemovalPolicy, type Stack } from 'aws-cdk-lib';
import type { ICluster } from 'aws-cdk-lib/aws-eks-v2';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import type { CfnLogGroup, LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IConstruct } from 'constructs';
import { acceptFindings, acceptManagedPolicies, acceptPattern, LOGS_OF_AWS_KEY } from './findings.ts';

/** checkov's rules about a function, for one that CloudFormation calls and nobody else. */
const ONLY_WHILE_DEPLOYING = {
  CKV_AWS_115: 'Runs only during a deploy; reserved concurrency would be taken from the rest of the account.',
  CKV_AWS_116: 'A failure ends the deploy with its message: no event waits to be lost.',
} as const;

/** Functions that the CDK puts into a stack when something in it needs them. */
const SINGLETONS = [
  // AwsCustomResource
  'AWS679f53fac002430cb0da5b7982bd2287',
  'Custom::VpcRestrictDefaultSGCustomResourceProvider/Handler',
  'Custom::S3AutoDeleteObjectsCustomResourceProvider/Handler',
];

/** Accepts what the checkers find in functions of the CDK that this stack got by its other constructs. */
export function acceptSingletons(stack: Stack): void {
  for (const path of SINGLETONS) {
    const lambda = path
      .split('/')
      .reduce<IConstruct | undefined>((at, id) => at?.node.tryFindChild(id), stack);
    if (lambda)
      acceptFindings(lambda, {
        ...ONLY_WHILE_DEPLOYING,
        CKV_AWS_117: 'Calls public endpoints of AWS only: in the VPC each call would pass a NAT gateway.',
      });
  }
}

/**
 * The two functions with which the CDK applies manifests and charts: their logs end, and go with the stack, and what the
 * checkers find in them is the CDK's choice.
 */
export function settleKubectlProvider(
  cluster: ICluster,
  { logRetentionDays }: { logRetentionDays: number },
): void {
  const provider = cluster.node.findChild('KubectlProvider');
  const handler = provider.node.findChild('Handler') as LambdaFunction;
  const framework = provider.node.findChild('Provider').node.findChild('framework-onEvent');
  for (const lambda of [handler, framework]) {
    const logs = lambda.node.findChild('LogGroup') as LogGroup;
    logs.applyRemovalPolicy(RemovalPolicy.DESTROY);
    (logs.node.defaultChild as CfnLogGroup).retentionInDays = logRetentionDays;
    acceptFindings(logs, { CKV_AWS_158: LOGS_OF_AWS_KEY });

    acceptManagedPolicies(
      lambda.node.findChild('ServiceRole'),
      'The CDK chooses the role of its own function: logs, network interfaces, charts from a registry.',
    );
    acceptFindings(lambda, {
      ...ONLY_WHILE_DEPLOYING,
      CKV_AWS_173: "The variables hold names, no secrets; Lambda encrypts them with AWS's own key.",
    });
  }
  acceptFindings(handler, {
    'AwsSolutions-L1': 'The CDK chooses the runtime that its handler and the kubectl layer are tested with.',
  });
  acceptPattern(
    framework.node.findChild('ServiceRole'),
    `${handler.functionArn}:*`,
    'The framework calls the one handler, whatever version of it.',
  );
}
