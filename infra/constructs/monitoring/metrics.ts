import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import {
  DIMENSION,
  type FLEET_METRIC,
  METRICS_NAMESPACE,
  type POOL_METRIC,
} from '../../../core/protocol/metrics.ts';

type FleetMetricName = (typeof FLEET_METRIC)[keyof typeof FLEET_METRIC];
type PoolMetricName = (typeof POOL_METRIC)[keyof typeof POOL_METRIC];

/** The metrics that the scaler writes of one fleet of a cluster, by default their averages per minute. */
export class FleetMetrics {
  readonly #dimensions: Record<string, string>;

  constructor(clusterName: string, fleet: string) {
    this.#dimensions = {
      [DIMENSION.service]: 'scaler',
      [DIMENSION.cluster]: clusterName,

      [DIMENSION.fleet]: fleet,
    };
  }

  of(metricName: FleetMetricName, options: MetricOptions = {}): Metric {
    return this.#metric(metricName, {}, options);
  }

  ofPool(pool: string, metricName: PoolMetricName, options: MetricOptions = {}): Metric {
    return this.#metric(metricName, { [DIMENSION.pool]: pool }, options);
  }

  #metric(metricName: string, more: Record<string, string>, options: MetricOptions): Metric {
    return new Metric({
      namespace: METRICS_NAMESPACE,
      metricName,
      dimensionsMap: { ...this.#dimensions, ...more },
      period: Duration.minutes(1),
      statistic: 'Average',
      ...options,
    });
  }
}
