import { Duration } from 'aws-cdk-lib';
import { GraphWidget, type IWidget, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { RouterMetrics } from './router-log.ts';
import type { Watched } from './watched.ts';

const SIZE = { width: 8, height: 6 };
const sum = { period: Duration.minutes(5), statistic: 'Sum' } as const;

export function systemWidgets(watched: Watched, router: RouterMetrics): IWidget[][] {
  return [waysIn(watched, router), machineRow(watched), functionRow(watched)];
}

function waysIn({ apis }: Watched, { limited, full, errors }: RouterMetrics): IWidget[] {
  return [
    new GraphWidget({
      ...{ width: 12, height: 6, title: 'Router: answers that are none' },
      left: [
        limited.with({ label: '429, past the limit of a client' }),
        full.with({ label: '503, every slot busy or nothing warm' }),
        errors.with({ label: '500, 502, 504' }),
      ],
      leftYAxis: { min: 0, showUnits: false },
    }),
    new GraphWidget({
      ...{ width: 12, height: 6, title: 'Gateway' },
      left: apis.flatMap((api) => [
        api.metricCount({ ...sum, label: 'requests' }),
        api.metricClientError({ ...sum, label: 'client errors' }),
        api.metricServerError({ ...sum, label: 'server errors' }),
      ]),
      leftYAxis: { min: 0, showUnits: false },
    }),
  ];
}

function machineRow({ machines, table }: Watched): IWidget[] {
  return [
    new GraphWidget({
      ...{ ...SIZE, title: 'State machines: executions begun' },
      left: machines.map(({ name, stateMachine }) => stateMachine.metricStarted({ ...sum, label: name })),
      leftYAxis: { min: 0, showUnits: false },
    }),
    new GraphWidget({
      ...{ ...SIZE, title: 'State machines: failures' },
      left: machines.flatMap(({ name, stateMachine }) => [
        stateMachine.metricFailed({ ...sum, label: `${name} failed` }),
        stateMachine.metricTimedOut({ ...sum, label: `${name} out of time` }),
      ]),
      leftYAxis: { min: 0, showUnits: false },
    }),
    new GraphWidget({
      ...{ ...SIZE, title: 'Table: refused by DynamoDB' },
      left: ['Read', 'Write'].map((direction) =>
        table.metric(`${direction}ThrottleEvents`, { ...sum, label: `${direction.toLowerCase()}s` }),
      ),
      leftYAxis: { min: 0, showUnits: false },
    }),
  ];
}

function functionRow({ functions, natGateways }: Watched): IWidget[] {
  return [
    new GraphWidget({
      ...{ ...SIZE, title: 'Functions: duration, 95th percentile' },
      left: functions.map(({ name, handler }) =>
        handler.metricDuration({ period: Duration.minutes(5), statistic: 'p95', label: name }),
      ),
      leftYAxis: { min: 0, label: 'milliseconds', showUnits: false },
    }),
    new GraphWidget({
      ...{ ...SIZE, title: 'Functions: errors and throttles' },
      left: functions.flatMap(({ name, handler }) => [
        handler.metricErrors({ ...sum, label: `${name} errors` }),
        handler.metricThrottles({ ...sum, label: `${name} throttles` }),
      ]),
      leftYAxis: { min: 0, showUnits: false },
    }),
    new GraphWidget({
      ...{ ...SIZE, title: 'NAT: bytes out' },
      left: natGateways.map(
        (id, index) =>
          new Metric({
            ...{ namespace: 'AWS/NATGateway', metricName: 'BytesOutToDestination' },
            ...{ dimensionsMap: { NatGatewayId: id }, ...sum, label: `gateway ${index + 1}` },
          }),
      ),
      leftYAxis: { min: 0, showUnits: false },
    }),
  ];
}
