import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';

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
  const metrics = new Metrics({ namespace: 'Paddock', serviceName: service });
  const stack = [injectLambdaContext(logger, { resetKeys: true }), logMetrics(metrics)];
  return { logger, metrics, stack };
}
