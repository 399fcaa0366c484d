import {
  AlarmStatusWidget,
  Dashboard,
  type IAlarm,
  type IWidget,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { type FleetWidgetsProps, fleetWidgets } from './fleet-widgets.ts';
import type { RouterMetrics } from './router-log.ts';
import { systemWidgets } from './system-widgets.ts';
import type { Watched } from './watched.ts';

export interface DashboardProps {
  readonly clusterName: string;
  readonly runbookUrl: string;
  readonly alarms: readonly IAlarm[];
  readonly fleets: readonly FleetWidgetsProps[];
  readonly watched: Watched;
  readonly router: RouterMetrics;
}

const title = (markdown: string): IWidget => new TextWidget({ markdown, width: 24, height: 1 });

/** One page for the cluster: what goes wrong, each fleet, and what they all lean on. */
export function createDashboard(scope: Construct, props: DashboardProps): Dashboard {
  const { clusterName, runbookUrl, alarms, fleets, watched, router } = props;
  const dashboard = new Dashboard(scope, 'Dashboard', { dashboardName: clusterName });
  const status = new AlarmStatusWidget({
    title: 'Alarms',
    alarms: [...alarms],
    width: 24,
    height: Math.max(3, Math.ceil(alarms.length / 6)),
  });
  dashboard.addWidgets(title(`# Paddock ${clusterName} · runbooks: ${runbookUrl}`));
  dashboard.addWidgets(status);
  for (const fleet of fleets) {
    dashboard.addWidgets(title(`## Fleet ${fleet.fleet.name}: ${fleet.fleet.models.join(', ')}`));
    for (const row of fleetWidgets(fleet)) dashboard.addWidgets(...row);
  }
  dashboard.addWidgets(title('## What every fleet leans on'));
  for (const row of systemWidgets(watched, router)) dashboard.addWidgets(...row);
  return dashboard;
}
