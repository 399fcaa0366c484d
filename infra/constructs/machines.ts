import { Aws } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { PatternStatement } from './findings.ts';
import { Machine, machineArn } from './machine.ts';

export interface MachinesProps {
  readonly clusterName: string;
  readonly logRetentionDays: number;
}

/**
 * Ticks while there is work, and makes the capacity calls that a tick decided.
 * @param nodegroups names of the node groups that it may scale: the pools', not the system's
 */
export function createScaleMachine(
  scope: Construct,
  { scaler, nodegroups, ...props }: MachinesProps & { scaler: IFunction; nodegroups: string[] },
): Machine {
  const scaleArn = machineArn(props.clusterName, 'scale');
  const warmupArn = machineArn(props.clusterName, 'warmup');
  return new Machine(scope, 'Scale', {
    ...props,
    name: 'scale',
    type: StateMachineType.EXPRESS,
    substitutions: {
      ScalerFunctionArn: scaler.functionArn,
      WarmupStateMachineArn: warmupArn,
    },
    statements: [
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [scaler.functionArn] }),
      new PolicyStatement({ actions: ['states:StartExecution'], resources: [scaleArn, warmupArn] }),
      new PatternStatement({
        actions: [
          'autoscaling:SetDesiredCapacity',
          'autoscaling:SetInstanceProtection',
          'autoscaling:TerminateInstanceInAutoScalingGroup',
        ],
        resources: [
          `arn:${Aws.PARTITION}:autoscaling:${Aws.REGION}:${Aws.ACCOUNT_ID}:autoScalingGroup:*:autoScalingGroupName/eks-*`,
        ],
        reason:
          "EKS names the groups itself; the condition on the tags that it sets leaves the pools' groups.",
        conditions: {
          StringEquals: {
            'autoscaling:ResourceTag/eks:cluster-name': props.clusterName,
            'autoscaling:ResourceTag/eks:nodegroup-name': nodegroups,
          },
        },
      }),
    ],
  });
}

/** Warms one replica. */
export const createWarmupMachine = (
  scope: Construct,
  { warmup, ...props }: MachinesProps & { warmup: IFunction },
): Machine =>
  new Machine(scope, 'WarmupMachine', {
    ...props,
    name: 'warmup',
    type: StateMachineType.STANDARD,
    substitutions: { WarmupFunctionArn: warmup.functionArn },
    statements: [
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [warmup.functionArn] }),
    ],
  });
