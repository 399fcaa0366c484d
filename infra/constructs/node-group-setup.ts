import { Stack } from 'aws-cdk-lib';
import { type AwsSdkCall, PhysicalResourceId } from 'aws-cdk-lib/custom-resources';
import { Construct } from 'constructs';
import { DeploymentCalls } from './deployment-calls.ts';
import { PatternStatement } from './findings.ts';
import { MARK, nodegroupMarkPrefix, parameterArn } from './initial-values.ts';
import type { NodeGroup } from './node-groups.ts';

/** Path in the answer of DescribeNodegroup. */
const GROUP_NAME = 'nodegroup.resources.autoScalingGroups.0.name';

export interface NodeGroupSetupProps {
  readonly clusterName: string;
  readonly logRetentionDays: number;
}

/**
 * What is due once EKS has made a node group, and again when CloudFormation has replaced it: the Auto Scaling group
 * moves no nodes between zones on its own, and the group is marked as existing.
 */
export class NodeGroupSetup extends Construct {
  readonly #calls: DeploymentCalls;
  readonly #clusterName: string;

  constructor(scope: Construct, id: string, { clusterName, logRetentionDays }: NodeGroupSetupProps) {
    super(scope, id);
    this.#clusterName = clusterName;
    const arn = (service: string, resource: string) => Stack.of(this).formatArn({ service, resource });
    this.#calls = new DeploymentCalls(this, 'Calls', {
      description: 'Paddock: sets node groups up once they exist',
      statements: [
        new PatternStatement({
          actions: ['eks:DescribeNodegroup'],
          resources: [arn('eks', `nodegroup/${clusterName}/*`)],
          reason: "The cluster's groups: an ARN ends with an id that EKS gives.",
        }),
        new PatternStatement({
          actions: ['autoscaling:SuspendProcesses'],
          resources: [arn('autoscaling', 'autoScalingGroup:*:autoScalingGroupName/eks-*')],
          reason: 'EKS names the groups itself: the tags that it sets tell whose they are.',
          conditions: { StringEquals: { 'autoscaling:ResourceTag/eks:cluster-name': clusterName } },
        }),
        new PatternStatement({
          actions: ['ssm:PutParameter'],
          resources: [parameterArn(this, `${nodegroupMarkPrefix(clusterName)}*`)],
          reason: 'One mark per node group, and nothing else, lies below the prefix.',
        }),
      ],
      logRetentionDays,
    });
  }

  /** @param marked false for a group whose template needs no mark */
  add(group: NodeGroup, { marked }: { marked: boolean }): void {
    const name = group.nodegroupName;
    // A replaced group has another ARN, which makes each of these calls anew.
    const id = PhysicalResourceId.of(group.resource.attrArn);
    const describe: AwsSdkCall = {
      service: 'EKS',
      action: 'describeNodegroup',
      parameters: { clusterName: this.#clusterName, nodegroupName: name },
      outputPaths: [GROUP_NAME],
      physicalResourceId: id,
    };
    const found = this.#calls.call(group, 'Described', 'NodegroupDescription', {
      onCreate: describe,
      onUpdate: describe,
    });
    const suspend: AwsSdkCall = {
      service: 'AutoScaling',
      action: 'suspendProcesses',
      parameters: {
        AutoScalingGroupName: found.getResponseField(GROUP_NAME),
        ScalingProcesses: ['AZRebalance'],
      },
      physicalResourceId: id,
    };
    this.#calls.call(group, 'Balanced', 'AzRebalanceSuspension', { onCreate: suspend, onUpdate: suspend });
    if (marked) this.#mark(group);
  }

  #mark(group: NodeGroup): void {
    const name = `${nodegroupMarkPrefix(this.#clusterName)}${group.nodegroupName}`;
    const put = (value: string): AwsSdkCall => ({
      service: 'SSM',
      action: 'putParameter',
      parameters: { Name: name, Value: value, Type: 'String', Overwrite: true },
      // Always the same: CloudFormation deletes what has another id, and that would unmark the group.
      physicalResourceId: PhysicalResourceId.of(name),
    });
    this.#calls
      .call(group, 'Marked', 'NodegroupMark', {
        onCreate: put(MARK.exists),
        onDelete: put(MARK.missing),
      })
      .node.addDependency(group.resource);
  }
}
