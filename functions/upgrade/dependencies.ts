import type { NodeGroupsReader } from '../../adapters/aws/auto-scaling.ts';
import type { EksUpgrades } from '../../adapters/aws/eks-upgrades.ts';
import type { Executions } from '../../adapters/aws/executions.ts';
import type { FleetParametersReader } from '../../adapters/aws/fleet-parameters.ts';
import type { ParameterReader } from '../../adapters/aws/parameter.ts';
import type { UpgradeState } from '../../adapters/aws/upgrade-state.ts';
import type { Rollouts } from '../../adapters/kubernetes/rollout.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import type { Log } from '../shared/telemetry.ts';
import type { UpgradeConfig } from './config.ts';
import type { AskReplica, AskWarmth } from './probe.ts';

/** All that a step reaches outside itself. */
export interface UpgradeDependencies {
  config: UpgradeConfig;
  state: UpgradeState;
  executions: Executions;
  parameters: FleetParametersReader;
  values: ParameterReader;
  nodeGroups: NodeGroupsReader;
  rollouts: Rollouts;
  eks: EksUpgrades;
  ask: AskReplica;
  askWarmth: AskWarmth;
  now: () => Seconds;
  log: Log;
}
