import type { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { FilterPattern, LogGroup, MetricFilter } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { METRICS_NAMESPACE } from '../../../core/protocol/metrics.ts';
import { APP_ROUTER } from '../../../workloads/names.ts';
import { FIVE_MINUTES } from './alarm-set.ts';

/** Statuses of the router's answers that are counted. A full fleet's 503 is no error: the client is told to come again. */
const COUNTED = { limited: ['429'], full: ['503'], errors: ['500', '502', '504'] } as const;
const NAMES = { limited: 'RouterLimited', full: 'RouterFull', errors: 'RouterErrors' } as const;

export type RouterMetrics = Record<keyof typeof COUNTED, Metric>;

/**
 * Counts answers of the router by its access log, where Fluent Bit keeps what it parsed: Nginx's own status page knows no
 * statuses. A filter can't give its metric the cluster as a dimension, so it is part of the namespace.
 */
export function countRouterAnswers(scope: Construct, clusterName: string): RouterMetrics {
  const logGroup = LogGroup.fromLogGroupName(
    scope,
    'ContainerLogs',
    `/aws/containerinsights/${clusterName}/application`,
  );
  const count = (which: keyof typeof COUNTED): Metric =>
    new MetricFilter(scope, NAMES[which], {
      logGroup,
      filterPattern: FilterPattern.all(
        FilterPattern.stringValue('$.kubernetes.container_name', '=', APP_ROUTER),
        FilterPattern.any(
          ...COUNTED[which].map((status) => FilterPattern.stringValue('$.log_processed.status', '=', status)),
        ),
      ),
      metricNamespace: `${METRICS_NAMESPACE}/${clusterName}`,
      metricName: NAMES[which],
      metricValue: '1',
    }).metric({ period: FIVE_MINUTES, statistic: 'Sum' });
  return { limited: count('limited'), full: count('full'), errors: count('errors') };
}
