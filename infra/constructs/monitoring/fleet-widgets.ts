import { Duration } from 'aws-cdk-lib';
import { GraphWidget, type IMetric, type IWidget, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import { FLEET_METRIC as METRIC, POOL_METRIC } from '../../../core/protocol/metrics.ts';
import type { FleetConfig } from '../../config/index.ts';
import type { FleetQueues } from '../fleet-queue.ts';
import type { FleetMetrics } from './metrics.ts';

export interface FleetWidgetsProps {
  readonly fleet: FleetConfig;
  readonly queue: FleetQueues;
  readonly metrics: FleetMetrics;
}

const SIZE = { width: 8, height: 6 };
const minute = Duration.minutes(1);

/** Rows of a fleet: what waits, what serves, what it costs, whether it is looked after, and how long new replicas take. */
export function fleetWidgets(props: FleetWidgetsProps): IWidget[][] {
  return [queueRow(props), capacityRow(props), careRow(props), leadRow(props)];
}

function queueRow({ fleet, queue: { queue, deadLetters }, metrics }: FleetWidgetsProps): IWidget[] {
  const most: MetricOptions = { period: minute, statistic: 'Maximum' };
  const named = (label: string): MetricOptions => ({ ...most, label });
  return [
    new GraphWidget({
      ...{ ...SIZE, title: `${fleet.name}: queue` },
      left: [
        queue.metricApproximateNumberOfMessagesVisible(named('waiting')),
        queue.metricApproximateNumberOfMessagesNotVisible(named('being served')),
        deadLetters.metricApproximateNumberOfMessagesVisible(named('dead letters')),
      ],
      leftYAxis: { min: 0, label: 'messages', showUnits: false },
    }),
    new GraphWidget({
      ...{ ...SIZE, title: `${fleet.name}: waits` },
      left: [
        metrics.of(METRIC.expectedWait, named('of the last in the queue, estimated')),
        queue.metricApproximateAgeOfOldestMessage(named('age of the oldest message')),
      ],
      leftYAxis: { min: 0, label: 'seconds', showUnits: false },
      leftAnnotations: [{ value: fleet.policy.targetWaitSeconds, label: 'target wait' }],
    }),
    new GraphWidget({
      ...{ ...SIZE, title: `${fleet.name}: rates` },
      left: [
        metrics.of(METRIC.arrivalRate, { label: 'requests that arrive' }),
        metrics.of(METRIC.serviceRate, { label: 'requests that one warm replica serves' }),
      ],
      leftYAxis: { min: 0, label: 'per second', showUnits: false },
    }),
  ];
}

function capacityRow({ fleet, metrics }: FleetWidgetsProps): IWidget[] {
  const pools: IMetric[] = fleet.pools.flatMap(({ name }) => [
    metrics.ofPool(name, POOL_METRIC.replicasWanted, { label: `${name} wanted` }),
    metrics.ofPool(name, POOL_METRIC.replicasWarm, { label: `${name} warm` }),
  ]);
  return [
    new GraphWidget({
      ...{ ...SIZE, title: `${fleet.name}: replicas` },
      left: [
        metrics.of(METRIC.replicasWanted, { label: 'wanted' }),
        metrics.of(METRIC.replicasWarm, { label: 'warm' }),
        ...(fleet.pools.length > 1 ? pools : []),
      ],
      leftYAxis: { min: 0, label: 'replicas', showUnits: false },
    }),
    new GraphWidget({
      ...{ ...SIZE, title: `${fleet.name}: nodes in service`, stacked: true },
      left: [
        metrics.of(METRIC.nodesOnDemand, { label: 'on-demand' }),
        metrics.of(METRIC.nodesSpot, { label: 'spot' }),
      ],
      leftYAxis: { min: 0, label: 'nodes', showUnits: false },
      right: [metrics.of(METRIC.quarantinedPools, { label: 'pools in quarantine', statistic: 'Maximum' })],
      rightYAxis: { min: 0, label: 'pools', showUnits: false },
    }),
    new GraphWidget({
      ...{ ...SIZE, title: `${fleet.name}: cost of its nodes` },
      left: [metrics.of(METRIC.pricePerHour, { label: 'as planned' })],
      leftYAxis: { min: 0, label: 'dollars per hour', showUnits: false },
      ...(fleet.policy.costCapPerHour > 0 && {
        leftAnnotations: [{ value: fleet.policy.costCapPerHour, label: 'cost cap' }],
      }),
    }),
  ];
}

function careRow({ fleet, metrics }: FleetWidgetsProps): IWidget[] {
  const count: MetricOptions = { statistic: 'Sum' };
  return [
    new GraphWidget({
      ...{ ...SIZE, title: `${fleet.name}: busy slots` },
      left: [
        metrics.of(METRIC.busySlotsQueue, { label: 'queue' }),
        metrics.of(METRIC.busySlotsInteractive, { label: 'interactive' }),
      ],
      leftYAxis: { min: 0, label: 'slots', showUnits: false },
      stacked: true,
    }),
    new GraphWidget({
      ...{ ...SIZE, title: `${fleet.name}: lead time` },
      left: [metrics.of(METRIC.leadTime, { label: 'from decision to warm, learned' })],
      leftYAxis: { min: 0, label: 'seconds', showUnits: false },
      right: [
        metrics.of(METRIC.replicasFailing, { label: "replicas that can't be warmed", statistic: 'Maximum' }),
      ],
      rightYAxis: { min: 0, label: 'replicas', showUnits: false },
    }),
    new GraphWidget({
      ...{ ...SIZE, title: `${fleet.name}: ticks` },
      left: [
        metrics.of(METRIC.tickDuration, { label: 'median duration', statistic: 'p50' }),
        metrics.of(METRIC.tickDuration, { label: 'longest', statistic: 'Maximum' }),
      ],
      leftYAxis: { min: 0, label: 'milliseconds', showUnits: false },
      right: [
        metrics.of(METRIC.tickFailures, { ...count, label: 'failed ticks' }),
        metrics.of(METRIC.readingFailures, { ...count, label: 'failed readings' }),
        metrics.of(METRIC.commandFailures, { ...count, label: 'failed commands' }),
      ],
      rightYAxis: { min: 0, label: 'failures', showUnits: false },
    }),
  ];
}

/** What the lead time of each pool consists of: the parts lie upon each other and make the whole. */
function leadRow({ fleet, metrics }: FleetWidgetsProps): IWidget[] {
  const parts = [
    [POOL_METRIC.leadTimeBoot, 'node'],
    [POOL_METRIC.leadTimeImage, 'image'],
    [POOL_METRIC.leadTimeFill, 'fill'],
    [POOL_METRIC.leadTimeLoad, 'load'],
    [POOL_METRIC.leadTimeFirstToken, 'first token'],
    [POOL_METRIC.leadTimeOther, 'other'],
  ] as const;
  return fleet.pools.map(
    ({ name }) =>
      new GraphWidget({
        ...{ ...SIZE, title: `${fleet.name}: lead time of ${name}`, stacked: true },
        left: parts.map(([metric, label]) => metrics.ofPool(name, metric, { label })),
        leftYAxis: { min: 0, label: 'seconds', showUnits: false },
      }),
  );
}
