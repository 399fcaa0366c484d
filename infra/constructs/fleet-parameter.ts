import { Stack } from 'aws-cdk-lib';
import { ParameterTier, StringParameter } from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import type { FleetPolicy } from '../../core/scaling/types.ts';

/** What a function is told of a fleet (docs/architecture.md). */
export interface FleetParameterValue {
  readonly policy: FleetPolicy;
  readonly clusterName: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly resultsBucket: string;
  readonly modelsBucket: string;
}

export const fleetParameterPrefix = (clusterName: string): string => `/paddock/${clusterName}/fleets/`;

export const createFleetParameter = (scope: Construct, value: FleetParameterValue): StringParameter =>
  new StringParameter(scope, 'Parameter', {
    parameterName: `${fleetParameterPrefix(value.clusterName)}${value.policy.fleet}`,
    description: `Policy and addresses of fleet ${value.policy.fleet}, read by the functions`,
    stringValue: Stack.of(scope).toJsonString(value),
    // A policy with many pools and schedule floors may pass the 4 KB of the standard tier.
    tier: ParameterTier.INTELLIGENT_TIERING,
  });
