/** An IAM policy document with nothing left to resolve. */
export type PolicyDocument = Readonly<Record<string, unknown>>;

const LOGS = ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:PutLogEvents'];

const VPC = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
];

const XRAY = [
  'xray:PutTraceSegments',
  'xray:PutTelemetryRecords',
  'xray:GetSamplingRules',
  'xray:GetSamplingTargets',
  'xray:GetSamplingStatisticSummaries',
];

/** AWS-managed policies that functions carry; those of nodes and of the cluster mean nothing here. */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  'service-role/AWSLambdaBasicExecutionRole': LOGS,
  'service-role/AWSLambdaVPCAccessExecutionRole': [...LOGS, ...VPC],
  AWSXRayDaemonWriteAccess: XRAY,
};

/** The document of an AWS-managed policy; undefined when it has no meaning outside AWS. */
export function managedPolicy(arn: string): PolicyDocument | undefined {
  const actions = ACTIONS[arn.replace(/^arn:aws[^:]*:iam::aws:policy\//, '')];
  if (actions === undefined) return undefined;
  return { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }] };
}
