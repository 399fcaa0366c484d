import { Duration } from 'aws-cdk-lib';
import { ComparisonOperator, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { DIMENSION, HEALTH_METRIC, METRICS_NAMESPACE } from '../../../core/protocol/metrics.ts';
import type { AlarmSet } from './alarm-set.ts';
import { FIVE_MINUTES } from './alarm-set.ts';
import { machineFailures } from './machine-failures.ts';
import type { RouterMetrics } from './router-log.ts';
import type { Watched } from './watched.ts';

const sum = { period: FIVE_MINUTES, statistic: 'Sum' } as const;

/** An execution that fails once is repeated by the next trigger; a Standard one is the end of somebody's wish. */
const EXPRESS_FAILURES = 3;

/** The ways in, functions, state machines, table and NAT: what every fleet of the cluster leans on. */
export function addSystemAlarms(
  scope: Construct,
  alarms: AlarmSet,
  watched: Watched,
  router: RouterMetrics,
  clusterName: string,
): void {
  addWaysIn(alarms, watched, router);
  addVerdict(alarms, clusterName);
  for (const { name, handler } of watched.functions) {
    alarms.add({
      ...{ of: name, kind: 'function-errors', threshold: 3 },
      means: `The function ${name} fails: it throws, or runs out of time or memory.`,
      metric: handler.metricErrors(sum),
    });
    alarms.add({
      ...{ of: name, kind: 'function-throttles', threshold: 1 },
      means: `The function ${name} is refused: the account's concurrent executions are used up.`,
      metric: handler.metricThrottles(sum),
    });
  }
  for (const machine of watched.machines) {
    const { name, isExpress, stateMachine } = machine;
    const threshold = isExpress ? EXPRESS_FAILURES : 1;
    const kind = name === 'warmup' ? 'warm-up-failures' : 'machine-failures';
    alarms.add({
      ...{ of: name, kind, threshold },
      means: `Executions of the state machine ${name} fail.`,
      metric: machineFailures(scope, clusterName, machine),
    });
    alarms.add({
      ...{ of: name, kind: 'machine-time-outs', threshold: 1 },
      means: `Executions of the state machine ${name} run out of time.`,
      metric: stateMachine.metricTimedOut(sum),
    });
  }
  addNetworkAndTable(alarms, watched);
}

const DEGRADED_MINUTES = 30;
const UNHEALTHY_MINUTES = 3;

/** The health check's one verdict: what single alarms miss, and what no metric tells. */
function addVerdict(alarms: AlarmSet, clusterName: string): void {
  const metric = new Metric({
    namespace: METRICS_NAMESPACE,
    metricName: HEALTH_METRIC.verdict,
    dimensionsMap: { [DIMENSION.service]: 'healthcheck', [DIMENSION.cluster]: clusterName },
    ...{ period: Duration.minutes(1), statistic: 'Minimum' },
  });
  alarms.add({
    ...{ kind: 'unhealthy', metric, threshold: 2, evaluationPeriods: UNHEALTHY_MINUTES },
    means: `The health check has found the system unhealthy for ${UNHEALTHY_MINUTES} minutes: something does not serve.`,
  });
  alarms.add({
    ...{ kind: 'degraded', metric, threshold: 1, evaluationPeriods: DEGRADED_MINUTES },
    means: `The health check has found something wrong, or could not look, for ${DEGRADED_MINUTES} minutes.`,
  });
  alarms.add({
    ...{ kind: 'no-verdict', threshold: 1, evaluationPeriods: 5 },
    means: 'The health check has given no verdict for five minutes: nobody looks.',
    metric: metric.with({ statistic: 'SampleCount' }),
    comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
    treatMissingData: TreatMissingData.BREACHING,
  });
}

function addWaysIn(alarms: AlarmSet, { apis }: Watched, router: RouterMetrics): void {
  alarms.add({
    ...{ kind: 'router-errors', threshold: 10 },
    means: 'The router answers with 500, 502 or 504: it reaches no replica, or replicas break off.',
    metric: router.errors,
  });
  for (const api of apis)
    alarms.add({
      ...{ kind: 'gateway-errors', threshold: 5 },
      means: 'The gateway answers with server errors: requests do not get into the queues.',
      metric: api.metricServerError(sum),
    });
}

function addNetworkAndTable(alarms: AlarmSet, { table, natGateways }: Watched): void {
  for (const direction of ['Read', 'Write'] as const) {
    alarms.add({
      ...{ of: `${direction.toLowerCase()}s`, kind: 'table-throttles', threshold: 5 },
      means: `DynamoDB refuses ${direction.toLowerCase()}s of the table: memory, leases and plans are late.`,
      metric: table.metric(`${direction}ThrottleEvents`, sum),
    });
  }
  natGateways.forEach((natGatewayId, index) => {
    alarms.add({
      ...{ of: `gateway-${index + 1}`, kind: 'nat-ports', threshold: 1, evaluationPeriods: 2 },
      means: 'A NAT gateway has no port left for a connection: nodes and pods can not reach what is outside.',
      metric: new Metric({
        ...{ namespace: 'AWS/NATGateway', metricName: 'ErrorPortAllocation' },
        dimensionsMap: { NatGatewayId: natGatewayId },
        ...sum,
      }),
    });
  });
}
