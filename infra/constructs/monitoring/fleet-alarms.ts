import { Duration } from 'aws-cdk-lib';
import { ComparisonOperator, MathExpression, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { FLEET_METRIC as METRIC } from '../../../core/protocol/metrics.ts';
import type { FleetConfig, PaddockConfig } from '../../config/index.ts';
import type { FleetQueues } from '../fleet-queue.ts';
import { type AlarmSet, FIVE_MINUTES } from './alarm-set.ts';
import type { FleetMetrics } from './metrics.ts';

/** Longer than the slowest node takes to boot, pull and load. */
const NOT_WARM_MINUTES = 30;
const OLDEST_MESSAGE_AT_LEAST_SECONDS = 600;

export interface FleetAlarmsProps {
  readonly fleet: FleetConfig;
  readonly queue: FleetQueues;
  readonly metrics: FleetMetrics;
  readonly config: PaddockConfig['monitoring'];
}

/** Requests that wait too long or were given up, and everything that keeps a fleet from growing. */
export function addFleetAlarms(alarms: AlarmSet, { fleet, queue, metrics, config }: FleetAlarmsProps): void {
  const of = fleet.name;
  const minute = Duration.minutes(1);
  const oldest = config.oldestMessageSeconds ?? longestDecentWait(fleet);
  alarms.add({
    ...{ of, kind: 'oldest-message', threshold: oldest, evaluationPeriods: 5 },
    means: `Requests of fleet ${of} have been waiting for more than ${oldest} s.`,
    metric: queue.queue.metricApproximateAgeOfOldestMessage({ period: minute, statistic: 'Maximum' }),
  });
  alarms.add({
    ...{ of, kind: 'dead-letters', threshold: 1 },
    means: `Requests of fleet ${of} were given up: they lie in its dead-letter queue, and no one will answer them.`,
    metric: queue.deadLetters.metricApproximateNumberOfMessagesVisible({
      ...{ period: FIVE_MINUTES, statistic: 'Maximum' },
    }),
  });
  alarms.add({
    ...{ of, kind: 'no-tick', threshold: 1, evaluationPeriods: config.noTickMinutes },
    means: `No tick has decided for fleet ${of} for ${config.noTickMinutes} minutes: it is not scaled.`,
    metric: metrics.of(METRIC.replicasWanted, { statistic: 'SampleCount' }),
    comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
    // The clock starts one each minute, work or none.
    treatMissingData: TreatMissingData.BREACHING,
  });
  addTickAlarms(alarms, of, metrics);
  addCapacityAlarms(alarms, of, metrics);
}

function addTickAlarms(alarms: AlarmSet, of: string, metrics: FleetMetrics): void {
  const sum = { period: FIVE_MINUTES, statistic: 'Sum' };
  alarms.add({
    ...{ of, kind: 'tick-failures', threshold: 5 },
    means: `Ticks of fleet ${of} come to nothing: what they need can't be reached, or every command fails.`,
    metric: metrics.of(METRIC.tickFailures, sum),
  });
  alarms.add({
    ...{ of, kind: 'reading-failures', threshold: 10 },
    means: `Ticks of fleet ${of} can't read all they need: what is not seen is neither grown nor shrunk.`,
    metric: metrics.of(METRIC.readingFailures, sum),
  });
  alarms.add({
    ...{ of, kind: 'command-failures', threshold: 10 },
    means: `Commands of the plans of fleet ${of} fail again and again.`,
    metric: metrics.of(METRIC.commandFailures, sum),
  });
}

function addCapacityAlarms(alarms: AlarmSet, of: string, metrics: FleetMetrics): void {
  alarms.add({
    ...{ of, kind: 'not-warm', threshold: 1, evaluationPeriods: NOT_WARM_MINUTES / 5 },
    means: `Fleet ${of} has had fewer warm replicas than it wants for ${NOT_WARM_MINUTES} minutes.`,
    metric: new MathExpression({
      expression: 'wanted - warm',
      label: 'replicas wanted that are not warm',
      period: FIVE_MINUTES,
      usingMetrics: {
        wanted: metrics.of(METRIC.replicasWanted, { period: FIVE_MINUTES, statistic: 'Minimum' }),
        warm: metrics.of(METRIC.replicasWarm, { period: FIVE_MINUTES, statistic: 'Maximum' }),
      },
    }),
  });
  alarms.add({
    ...{ of, kind: 'quarantine', threshold: 1, evaluationPeriods: 3 },
    means: `A pool of fleet ${of} has not given capacity for 15 minutes; other pools carry its share.`,
    metric: metrics.of(METRIC.quarantinedPools, { period: FIVE_MINUTES, statistic: 'Maximum' }),
  });
  alarms.add({
    ...{ of, kind: 'no-capacity', threshold: 1 },
    means: `Fleet ${of} needs replicas that none of its pools gives, on-demand included: requests wait.`,
    metric: metrics.of(METRIC.capacityShortfall, { period: FIVE_MINUTES, statistic: 'Minimum' }),
  });
}

/** Seconds: a request that comes to a fleet at rest may wait for a node, and so may the next one. */
function longestDecentWait({ policy, pools }: FleetConfig): number {
  const lead = Math.max(...pools.map((pool) => pool.expectedLeadSeconds));
  return Math.max(OLDEST_MESSAGE_AT_LEAST_SECONDS, Math.ceil(3 * (policy.targetWaitSeconds + lead)));
}
