import { MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import { AutoScalingNodeGroups } from '../../adapters/aws/auto-scaling.ts';
import { AwsEksCluster } from '../../adapters/aws/eks-cluster.ts';
import { AwsEksUpgrades } from '../../adapters/aws/eks-upgrades.ts';
import { SfnExecutions } from '../../adapters/aws/executions.ts';
import { SsmFleetParameters } from '../../adapters/aws/fleet-parameters.ts';
import { SsmParameters } from '../../adapters/aws/parameter.ts';
import { DynamoUpgradeState } from '../../adapters/aws/upgrade-state.ts';
import { EksAccess } from '../../adapters/kubernetes/eks.ts';
import { KubernetesRollouts } from '../../adapters/kubernetes/rollout.ts';
import { telemetry } from '../shared/telemetry.ts';
import { readConfig } from './config.ts';
import type { UpgradeDependencies } from './dependencies.ts';
import { parseUpgradeEvent } from './event.ts';
import { askReplica, askWarmth } from './probe.ts';
import type { StepResult } from './result.ts';
import { step } from './step.ts';

const { logger, metrics, stack } = telemetry('upgrade');

/**
 * The handler with its middleware.
 * @param connect makes what the steps reach outside themselves; called once, at the first event
 */
export function createHandler(connect: () => Omit<UpgradeDependencies, 'log'>) {
  let connected: UpgradeDependencies | undefined;
  const fn = async (raw: unknown): Promise<StepResult> => {
    const event = parseUpgradeEvent(raw);
    logger.appendKeys({ execution: event.execution, step: event.step });
    connected ??= { ...connect(), log: logger };
    const result = await step(event, connected);
    if (event.step === 'end') metrics.addMetric(METRIC[event.outcome ?? 'stopped'], MetricUnit.Count, 1);
    logger.info(`${event.step}: ${result.outcome}: ${result.say}`);
    return result;
  };
  return middy(fn).use(stack);
}

const METRIC = { upgraded: 'UpgradesDone', 'rolled-back': 'UpgradesRolledBack', stopped: 'UpgradesStopped' };

/** Clients are made once and reused. */
function connectFromEnv(): Omit<UpgradeDependencies, 'log'> {
  const config = readConfig();
  const access = new EksAccess(new AwsEksCluster(config.cluster), 10_000);
  return {
    config,
    state: new DynamoUpgradeState(config.table, config.cluster),
    executions: new SfnExecutions(),
    parameters: new SsmFleetParameters(config.parameterPrefix),
    values: new SsmParameters(),
    nodeGroups: new AutoScalingNodeGroups(),
    rollouts: new KubernetesRollouts(access),
    eks: new AwsEksUpgrades(config.cluster),
    ask: askReplica(),
    askWarmth: askWarmth(),
    now: () => Date.now() / 1000,
  };
}

export const handler = createHandler(connectFromEnv);
