import { type Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { HEALTH_METRIC as HEALTH } from '../../core/protocol/metrics.ts';
import type { Verdict } from '../../core/protocol/verdict.ts';
import type { Log } from '../shared/telemetry.ts';
import type { SweepReport } from './sweep.ts';

const LEVEL = { healthy: 0, degraded: 1, unhealthy: 2 } as const;

export function recordVerdict({ verdict, checks }: Verdict, metrics: Metrics, log: Log): void {
  const unknown = checks.filter(({ status }) => status === 'unknown').length;
  const bad = checks.filter(({ status }) => status !== 'healthy');
  metrics.addMetric(HEALTH.verdict, MetricUnit.NoUnit, LEVEL[verdict]);
  if (bad.length > unknown) metrics.addMetric(HEALTH.failing, MetricUnit.Count, bad.length - unknown);
  if (unknown > 0) metrics.addMetric(HEALTH.unknown, MetricUnit.Count, unknown);
  if (bad.length > 0) log.warn(`The system is ${verdict}`, { checks: bad });
}

/** @throws Error when something could not be swept: the alarm on this function's errors tells a person */
export function recordSweep(reports: readonly SweepReport[], metrics: Metrics, log: Log): void {
  const ended = reports.reduce((sum, report) => sum + report.ended, 0);
  if (ended > 0) metrics.addMetric('ResponsesEnded', MetricUnit.Count, ended);
  const failures = reports.flatMap(({ fleet, failures }) => failures.map((text) => `${fleet}: ${text}`));
  if (reports.some(({ looked }) => looked > 0)) log.info('Swept', { reports });
  // Everything that could be done is done.
  if (failures.length > 0) throw new Error(`The sweep is incomplete: ${failures.slice(0, 5).join('; ')}`);
}
