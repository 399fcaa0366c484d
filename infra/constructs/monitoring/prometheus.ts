import { Duration } from 'aws-cdk-lib';
import { HelmChart, type ICluster, KubernetesManifest } from 'aws-cdk-lib/aws-eks-v2';
import { Construct } from 'constructs';
import {
  DASHBOARD_LABEL,
  MONITORING_STORAGE_CLASS,
  monitoringManifests,
  monitoringStorage,
} from '../../../workloads/monitoring/index.ts';
import { MONITORING_NAMESPACE } from '../../../workloads/names.ts';
import type { Manifest } from '../../../workloads/types.ts';
import type { FleetConfig, PaddockConfig } from '../../config/index.ts';

/** Also the first part of the names of what the chart makes (docs/operations.md). */
const RELEASE = 'kube-prometheus-stack';

/** Prometheus deletes its oldest data before its volume is full: the log of what is not yet in blocks needs the rest. */
const STORAGE_SHARE = 0.85;

export interface PrometheusProps {
  readonly cluster: ICluster;
  readonly config: PaddockConfig['monitoring'];
  readonly fleets: readonly FleetConfig[];
}

/** Prometheus and Grafana, what they scrape and show, on the untainted nodes. */
export class Prometheus extends Construct {
  constructor(scope: Construct, id: string, { cluster, config, fleets }: PrometheusProps) {
    super(scope, id);
    const apply = (name: string, manifests: Manifest[]) =>
      new KubernetesManifest(this, name, { cluster, manifest: manifests as Record<string, unknown>[] });
    const storage = apply('Storage', [monitoringStorage()]);
    const chart = new HelmChart(this, 'Chart', {
      cluster,
      chart: 'kube-prometheus-stack',
      repository: 'https://prometheus-community.github.io/helm-charts',
      version: config.prometheus.chartVersion,
      release: RELEASE,
      namespace: MONITORING_NAMESPACE,
      createNamespace: true,
      timeout: Duration.minutes(10),
      values: chartValues(config.prometheus),
    });
    chart.node.addDependency(storage);
    apply('Manifests', monitoringManifests(fleets, config.runbookUrl)).node.addDependency(chart);
  }
}

type PrometheusConfig = PaddockConfig['monitoring']['prometheus'];

const chartValues = (config: PrometheusConfig) => ({
  // EKS runs these out of sight.
  ...Object.fromEntries(
    ['kubeControllerManager', 'kubeScheduler', 'kubeEtcd', 'kubeProxy'].map((part) => [
      part,
      { enabled: false },
    ]),
  ),
  defaultRules: {
    rules: {
      ...{ etcd: false, kubeControllerManager: false, kubeProxy: false, alertmanager: false, windows: false },
      ...{ kubeSchedulerAlerting: false, kubeSchedulerRecording: false },
    },
  },
  // CloudWatch's alarms call people; what Prometheus finds shows in its own pages and in Grafana.
  alertmanager: { enabled: false },
  prometheusOperator: {
    // They only check what people write by hand, and could keep a deploy from going through while they are away.
    admissionWebhooks: { enabled: false },
    tls: { enabled: false },
    resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { memory: '256Mi' } },
  },
  prometheus: { prometheusSpec: prometheusSpec(config) },
  grafana: grafana(config),
  'kube-state-metrics': {
    resources: { requests: { cpu: '20m', memory: '64Mi' }, limits: { memory: '256Mi' } },
  },
  'prometheus-node-exporter': {
    resources: { requests: { cpu: '20m', memory: '32Mi' }, limits: { memory: '128Mi' } },
  },
});

const prometheusSpec = ({ retentionDays, storageGiB }: PrometheusConfig) => ({
  // Else the volume outlives the chart, and goes on costing.
  persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' },
  retention: `${retentionDays}d`,
  retentionSize: `${Math.floor(storageGiB * STORAGE_SHARE * 1024)}MiB`,
  storageSpec: {
    volumeClaimTemplate: {
      spec: {
        storageClassName: MONITORING_STORAGE_CLASS,
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: `${storageGiB}Gi` } },
      },
    },
  },
  // Without these it would take only the chart's own.
  podMonitorSelectorNilUsesHelmValues: false,
  serviceMonitorSelectorNilUsesHelmValues: false,
  ruleSelectorNilUsesHelmValues: false,
  resources: { requests: { cpu: '200m', memory: '768Mi' }, limits: { memory: '2Gi' } },
});

const grafana = ({ grafanaAdminSecret }: PrometheusConfig) => ({
  // Empty, the chart makes one up and keeps it; its default is known to everyone.
  ...(grafanaAdminSecret === undefined
    ? { adminPassword: '' }
    : {
        admin: {
          existingSecret: grafanaAdminSecret,
          userKey: 'admin-user',
          passwordKey: 'admin-password',
        },
      }),
  'grafana.ini': { analytics: { reporting_enabled: false, check_for_updates: false } },
  sidecar: {
    dashboards: { enabled: true, label: DASHBOARD_LABEL.name, labelValue: DASHBOARD_LABEL.value },
  },
  testFramework: { enabled: false },
  resources: { requests: { cpu: '50m', memory: '192Mi' }, limits: { memory: '512Mi' } },
});
