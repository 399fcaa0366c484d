import { QUEUE_WAIT_BUCKETS } from '../../core/protocol/metrics.ts';
import { NAMESPACE } from '../../core/protocol/names.ts';
import type { AlertRule, PrometheusRule } from './types.ts';

export interface AlertFleet {
  readonly name: string;
  readonly policy: { readonly targetWaitSeconds: number; readonly attainment: number };
}

/** What only the pods see; CloudWatch's alarms are what calls people. */
export function alertRules(fleets: readonly AlertFleet[], runbookUrl: string): PrometheusRule {
  const alerts = [
    workerDown,
    ...fleets.flatMap(waits),
    replicasFull,
    requestsFail,
    firstTokenSlow,
    routerDown,
  ];
  const rules = alerts.map(
    ({ alert, expr, lasting, severity, summary }): AlertRule => ({
      alert,
      expr,
      for: lasting,
      labels: { severity },
      annotations: { summary, runbook_url: `${runbookUrl}#alert-${alert.toLowerCase()}` },
    }),
  );
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'paddock', namespace: NAMESPACE },
    spec: { groups: [{ name: 'paddock', rules }] },
  };
}

interface Alert {
  readonly alert: string;
  readonly expr: string;
  /** How long it must hold. */
  readonly lasting: string;
  readonly severity: 'warning' | 'critical';
  readonly summary: string;
}

const workerDown: Alert = {
  alert: 'PaddockWorkerDown',
  expr: `up{job="${NAMESPACE}/paddock-workers"} == 0`,
  lasting: '5m',
  severity: 'warning',
  summary: 'The metrics of the worker {{ $labels.pod }} ({{ $labels.fleet }}) can not be read.',
};

/** Measured at the first bound that is not below the target; a target beyond the last bound has no alert. */
function waits({ name, policy }: AlertFleet): Alert[] {
  const bound = QUEUE_WAIT_BUCKETS.find((seconds) => seconds >= policy.targetWaitSeconds);
  if (bound === undefined) return [];
  const rate = (suffix: string, more = '') =>
    `sum by (fleet) (rate(paddock_worker_queue_wait_seconds_${suffix}{fleet="${name}"${more}}[15m]))`;
  // Prometheus 3 spells whole bounds with a fraction.
  const le = Number.isInteger(bound) ? `${bound}(\\\\.0)?` : String(bound).replace('.', '\\\\.');
  return [
    {
      alert: 'PaddockWaitsAboveTarget',
      expr: `${rate('bucket', `, le=~"${le}"`)} / ${rate('count')} < ${policy.attainment}`,
      lasting: '15m',
      severity: 'warning',
      summary: `Of the queued requests of fleet ${name} only {{ $value | humanizePercentage }} started within ${bound} s.`,
    },
  ];
}

const replicasFull: Alert = {
  alert: 'PaddockReplicasFull',
  expr:
    'sum by (fleet) (paddock_worker_slots_busy) >= sum by (fleet) (paddock_worker_slots) and ' +
    'sum by (fleet) (rate(paddock_worker_requests_total{kind="interactive", outcome="refused"}[5m])) > 0',
  lasting: '10m',
  severity: 'warning',
  summary: 'Every slot of fleet {{ $labels.fleet }} is busy, and interactive requests are refused.',
};

const TROUBLE = 'rate(paddock_worker_hand_backs_total{cause=~"server|storage"}[10m])';

const requestsFail: Alert = {
  alert: 'PaddockRequestsFail',
  expr:
    `sum by (fleet) (${TROUBLE} or rate(paddock_worker_requests_total{kind="interactive", outcome="failed"}[10m])) / ` +
    `sum by (fleet) (${TROUBLE} or rate(paddock_worker_requests_total{outcome!~"refused|invalid|duplicate"}[10m])) > 0.1`,
  lasting: '10m',
  severity: 'critical',
  summary:
    'Of the attempts of fleet {{ $labels.fleet }} {{ $value | humanizePercentage }} end without an answer.',
};

const firstTokenSlow: Alert = {
  alert: 'PaddockFirstTokenSlow',
  expr: 'histogram_quantile(0.95, sum by (fleet, le) (rate(paddock_worker_first_token_seconds_bucket[10m]))) > 10',
  lasting: '15m',
  severity: 'warning',
  summary:
    'A twentieth of the streams of fleet {{ $labels.fleet }} wait {{ $value | humanizeDuration }} for their first token.',
};

const routerDown: Alert = {
  alert: 'PaddockRouterDown',
  expr: `nginx_up == 0 or up{job="${NAMESPACE}/paddock-router"} == 0`,
  lasting: '2m',
  severity: 'critical',
  summary: 'The router {{ $labels.pod }} does not answer.',
};
