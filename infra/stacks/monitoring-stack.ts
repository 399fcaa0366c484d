import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { PaddockConfig } from '../config/index.ts';
import { AlarmSet } from '../constructs/monitoring/alarm-set.ts';
import { createDashboard } from '../constructs/monitoring/dashboard.ts';
import { addFleetAlarms } from '../constructs/monitoring/fleet-alarms.ts';
import { FleetMetrics } from '../constructs/monitoring/metrics.ts';
import { createAlarmTopic } from '../constructs/monitoring/notifications.ts';
import { Prometheus } from '../constructs/monitoring/prometheus.ts';
import { countRouterAnswers } from '../constructs/monitoring/router-log.ts';
import { addSystemAlarms } from '../constructs/monitoring/system-alarms.ts';
import { watchedIn } from '../constructs/monitoring/watched.ts';
import type { ClusterStack } from './cluster-stack.ts';
import type { ControlPlaneStack } from './control-plane-stack.ts';

export interface MonitoringStackProps extends StackProps {
  readonly config: PaddockConfig;
  readonly clusterStack: ClusterStack;
  readonly controlPlane: ControlPlaneStack;
}

/** What shows whether the rest works. Nothing in the other stacks needs it. */
export class MonitoringStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    { config, clusterStack, controlPlane, ...props }: MonitoringStackProps,
  ) {
    super(scope, id, props);
    const { monitoring } = config;
    const { runbookUrl } = monitoring;
    const clusterName = config.cluster.name;
    const topic = createAlarmTopic(this, clusterName, monitoring.alarmEmails);
    const alarms = new AlarmSet(this, { clusterName, topic, runbookUrl });
    const watched = watchedIn(clusterStack, controlPlane);
    const fleets = config.fleets.flatMap((fleet) => {
      const queue = controlPlane.queues.get(fleet.name);
      return queue ? [{ fleet, queue, metrics: new FleetMetrics(clusterName, fleet.name) }] : [];
    });
    for (const fleet of fleets) addFleetAlarms(alarms, { ...fleet, config: monitoring });
    const router = countRouterAnswers(this, clusterName);
    addSystemAlarms(this, alarms, watched, router, clusterName);
    createDashboard(this, { clusterName, runbookUrl, alarms: alarms.all, fleets, watched, router });
    if (monitoring.prometheus.enabled) {
      const { cluster } = clusterStack;
      new Prometheus(this, 'Prometheus', { cluster, config: monitoring, fleets: config.fleets });
    }
    new CfnOutput(this, 'AlarmTopicArn', { value: topic.topicArn });
  }
}
