import { Aws, RemovalPolicy } from 'aws-cdk-lib';
import type { CfnAddon, ICluster } from 'aws-cdk-lib/aws-eks-v2';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct, IDependable } from 'constructs';
import { createAddon } from './addons.ts';
import { acceptFindings, LOGS_OF_AWS_KEY, PatternStatement } from './findings.ts';
import { PodRole } from './pod-role.ts';

/** Log groups that the agents write to, below `/aws/containerinsights/<cluster>/`. */
const LOG_GROUPS = ['application', 'dataplane', 'host', 'performance'];

export interface ObservabilityProps {
  readonly clusterName: string;
  readonly logRetentionDays: number;
  readonly systemNodes: IDependable;
}

/** Container logs and metrics in CloudWatch: its agent and Fluent Bit on every node. */
export function createObservability(
  scope: Construct,
  cluster: ICluster,
  props: ObservabilityProps,
): CfnAddon {
  const { clusterName, logRetentionDays, systemNodes } = props;
  const prefix = `/aws/containerinsights/${clusterName}`;
  const logGroups = LOG_GROUPS.map(
    (name) =>
      // Made here, because the agents would make them without an end to what they keep.
      new LogGroup(scope, `ContainerLogs-${name}`, {
        logGroupName: `${prefix}/${name}`,
        retention: logRetentionDays,
        removalPolicy: RemovalPolicy.DESTROY,
      }),
  );
  for (const logGroup of logGroups) acceptFindings(logGroup, { CKV_AWS_158: LOGS_OF_AWS_KEY });
  const role = new PodRole(scope, 'Observability', {
    cluster,
    namespace: 'amazon-cloudwatch',
    serviceAccount: 'cloudwatch-agent',
    description: 'CloudWatch agent and Fluent Bit: logs and metrics of the cluster',
    statements: agentStatements(prefix),
  });
  const addon = createAddon(scope, cluster, 'amazon-cloudwatch-observability', {
    // The agents belong on the serving nodes too, whatever those are tainted with.
    tolerations: [{ operator: 'Exists' }],
    agent: {
      config: { logs: { metrics_collected: { kubernetes: { enhanced_container_insights: true } } } },
    },
    containerLogs: { enabled: true },
    manager: {
      // Of what starts the agents there is one: it belongs on the system nodes.
      tolerations: [],
      // Else it adds instrumentation to every pod that a Service names, the workers among them.
      applicationSignals: { autoMonitor: { monitorAllServices: false } },
    },
  });
  addon.node.addDependency(role, systemNodes, ...logGroups);
  return addon;
}

const agentStatements = (prefix: string): PolicyStatement[] => [
  new PatternStatement({
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents', 'logs:DescribeLogStreams'],
    resources: [`arn:${Aws.PARTITION}:logs:${Aws.REGION}:${Aws.ACCOUNT_ID}:log-group:${prefix}/*`],
    reason: "The cluster's own log groups, and their streams, which the agents name after nodes and pods.",
  }),
  new PatternStatement({
    actions: ['cloudwatch:PutMetricData'],
    resources: ['*'],
    reason: 'CloudWatch knows no resource for metrics; the condition is what narrows it.',
    conditions: { StringEquals: { 'cloudwatch:namespace': ['ContainerInsights', 'CWAgent'] } },
  }),
  new PatternStatement({
    actions: ['ec2:DescribeTags', 'ec2:DescribeVolumes'],
    resources: ['*'],
    reason:
      'EC2 knows no resource for these: the agent names its metrics after the tags of instances and volumes.',
  }),
];
