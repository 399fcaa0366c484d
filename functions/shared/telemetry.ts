import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { DIMENSION, METRICS_NAMESPACE } from '../../core/protocol/metrics.ts';

/** The part of a logger that the functions' inner parts use. */
export interface Log {
  info(message: string, ...extra: Record<string, unknown>[]): void;
  warn(message: string, ...extra: Record<string, unknown>[]): void;
  error(message: string, ...extra: Record<string, unknown>[]): void;
}

/**
 * The one stack of middleware: JSON logs that carry the invocation, metrics that are flushed at its end.
 *
 * @example
 * const { logger, stack } = telemetry('scaler');
 * export const handler = middy(fn).use(stack);
 */
export function telemetry(service: string) {
  const logger = new Logger({ serviceName: service });
  const metrics = createMetrics(service);
  const stack = [injectLambdaContext(logger, { resetKeys: true }), logMetrics(metrics)];
  return { logger, metrics, stack };
}

/** Metrics that carry the function's name and, where it is told, the cluster: several clusters may share an account. */
export function createMetrics(service: string): Metrics {
  const cluster = process.env.PADDOCK_CLUSTER;
  return new Metrics({
    namespace: METRICS_NAMESPACE,
    serviceName: service,
    ...(cluster && { defaultDimensions: { [DIMENSION.cluster]: cluster } }),
  });
}
