import { readFileSync } from 'node:fs';
import type { V1ConfigMap, V1StorageClass } from '@kubernetes/client-node';
import { MONITORING_NAMESPACE } from '../names.ts';
import type { Manifest } from '../types.ts';
import { routerMonitor, workerMonitor } from './monitors.ts';
import { type AlertFleet, alertRules } from './rules.ts';

export { routerMonitor, workerMonitor } from './monitors.ts';
export { alertRules } from './rules.ts';

/** The label by which Grafana's sidecar finds dashboards. */
export const DASHBOARD_LABEL = { name: 'grafana_dashboard', value: '1' } as const;

/** Of Prometheus' volume: its own, because the one of the models is there only when a pool is persistent. */
export const MONITORING_STORAGE_CLASS = 'paddock-monitoring';

/** The dashboard as Grafana reads it. */
export const grafanaDashboard = (): string =>
  readFileSync(new URL('./grafana-dashboard.json', import.meta.url), 'utf8');

/** Before the chart: where its volume comes from. */
export const monitoringStorage = (): V1StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: MONITORING_STORAGE_CLASS },
  provisioner: 'ebs.csi.aws.com',
  parameters: { type: 'gp3', encrypted: 'true' },
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
});

/** After the chart, which brings the kinds: what is scraped, what is an alert, and what Grafana shows. */
export const monitoringManifests = (fleets: readonly AlertFleet[], runbookUrl: string): Manifest[] => [
  workerMonitor(),
  routerMonitor(),
  alertRules(fleets, runbookUrl),
  dashboardConfig(),
];

const dashboardConfig = (): V1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'paddock-dashboard',
    namespace: MONITORING_NAMESPACE,
    labels: { [DASHBOARD_LABEL.name]: DASHBOARD_LABEL.value },
  },
  data: { 'paddock.json': grafanaDashboard() },
});
