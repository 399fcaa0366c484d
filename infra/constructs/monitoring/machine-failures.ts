import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { FilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { METRICS_NAMESPACE } from '../../../core/protocol/metrics.ts';
import { FIVE_MINUTES } from './alarm-set.ts';
import type { Watched } from './watched.ts';

const options = { period: FIVE_MINUTES, statistic: 'Sum' } as const;

/**
 * Executions of a state machine that failed, without those that were refused. Step Functions' own metric does not tell errors apart:
 * where some are refusals, the others are counted by the machine's log (which Step Functions delivers at its best effort).
 */
export function machineFailures(
  scope: Construct,
  clusterName: string,
  { name, stateMachine, logGroup, refusals }: Watched['machines'][number],
): Metric {
  if (refusals.length === 0) return stateMachine.metricFailed(options);
  return new MetricFilter(scope, `Failures-${name}`, {
    logGroup,
    filterPattern: FilterPattern.all(
      FilterPattern.stringValue('$.type', '=', 'ExecutionFailed'),
      ...refusals.map((error) => FilterPattern.stringValue('$.details.error', '!=', error)),
    ),
    // A filter can't give its metric the cluster as a dimension.
    metricNamespace: `${METRICS_NAMESPACE}/${clusterName}`,
    metricName: `MachineFailures-${name}`,
    metricValue: '1',
  }).metric(options);
}
