import { Duration } from 'aws-cdk-lib';
import { type EventPattern, Rule } from 'aws-cdk-lib/aws-events';
import { SfnStateMachine } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { StateMachineType } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { PaddockConfig } from '../config/index.ts';
import { PatternStatement } from './findings.ts';
import { Machine } from './machine.ts';
import { PaddockFunction } from './paddock-function.ts';

export interface SpotFallbackProps {
  readonly config: PaddockConfig;
  readonly tableArn: string;
  readonly tableName: string;
  readonly scale: IStateMachine;
}

/** Later than this an event changes nothing any more (`LATEST_NOTICE_SECONDS` of core/spot). */
const LATEST = Duration.minutes(15);

/** What AWS tells of capacity that fails, or is about to go, reaches the ticks of the fleet that it concerns. */
export class SpotFallback extends Construct {
  readonly machine: Machine;

  constructor(scope: Construct, id: string, props: SpotFallbackProps) {
    super(scope, id);
    const { config, scale } = props;
    const clusterName = config.cluster.name;
    const { handler } = this.#function(props);
    this.machine = new Machine(this, 'Machine', {
      ...{ name: 'spot-fallback', clusterName, type: StateMachineType.STANDARD },
      logRetentionDays: config.logRetentionDays,
      substitutions: { SpotFunctionArn: handler.functionArn, ScaleStateMachineArn: scale.stateMachineArn },
      statements: [
        new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [handler.functionArn] }),
        new PolicyStatement({ actions: ['states:StartExecution'], resources: [scale.stateMachineArn] }),
      ],
    });
    const role = new Role(this, 'RuleRole', { assumedBy: new ServicePrincipal('events.amazonaws.com') });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['states:StartExecution'],
        resources: [this.machine.stateMachine.stateMachineArn],
      }),
    );
    // Whose an instance is the event does not tell: every warning of the account and region comes by.
    this.#rule('Instances', role, clusterName, {
      source: ['aws.ec2'],
      detailType: ['EC2 Spot Instance Interruption Warning', 'EC2 Instance Rebalance Recommendation'],
    });
    this.#rule('Launches', role, clusterName, {
      source: ['aws.autoscaling'],
      detailType: ['EC2 Instance Launch Unsuccessful'],
      // EKS names a node group's Auto Scaling group eks-<node group>-<id>.
      detail: { AutoScalingGroupName: [{ prefix: `eks-${clusterName}-` }] },
    });
  }

  #rule(id: string, role: Role, clusterName: string, eventPattern: EventPattern): void {
    new Rule(this, id, {
      ruleName: `${clusterName}-capacity-${id.toLowerCase()}`,
      description: `${id} that ${clusterName} loses, or fails to get`,
      eventPattern,
      targets: [
        new SfnStateMachine(this.machine.stateMachine, { role, retryAttempts: 20, maxEventAge: LATEST }),
      ],
    });
  }

  /** Outside the VPC: it calls neither Kubernetes nor pods, and is to work when those don't. */
  #function({ config, tableArn, tableName }: SpotFallbackProps): PaddockFunction {
    return new PaddockFunction(this, 'Function', {
      name: 'spot',
      clusterName: config.cluster.name,
      description: 'Keeps what AWS tells of capacity where the ticks read it',
      memoryMiB: 512,
      // Ends before its state in spot-fallback.asl.json gives up (25 s).
      timeoutSeconds: 20,
      logRetentionDays: config.logRetentionDays,
      environment: {
        PADDOCK_FLEETS: JSON.stringify(
          config.fleets.map(({ name, pools }) => ({ name, pools: pools.map((pool) => pool.name) })),
        ),
        PADDOCK_TABLE: tableName,
        PADDOCK_CLUSTER: config.cluster.name,
      },
      statements: [
        new PolicyStatement({ actions: ['dynamodb:PutItem'], resources: [tableArn] }),
        new PatternStatement({
          actions: ['autoscaling:DescribeAutoScalingGroups'],
          resources: ['*'],
          reason: 'Auto Scaling knows no resource for its Describe actions.',
        }),
      ],
    });
  }
}
