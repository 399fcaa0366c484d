import { defineConfig, presets } from '../../../infra/config/index.ts';
import { ofType, one, synthesize, type Template } from '../templates.ts';

type Monitoring = NonNullable<Parameters<typeof defineConfig>[0]['monitoring']>;

const withPrometheus = (prometheus: Monitoring['prometheus']): Template =>
  synthesize(defineConfig({ region: 'us-east-1', fleets: [presets.cpu()], monitoring: { prometheus } }))
    .monitoring;

const CHART = 'Custom::AWSCDK-EKS-HelmChart';
const MANIFEST = 'Custom::AWSCDK-EKS-KubernetesResource';
const valuesOf = (template: Template) => JSON.parse(one(template, CHART)[1].Properties.Values);

describe('Prometheus and Grafana', () => {
  const template = withPrometheus({ retentionDays: 30, storageGiB: 50 });
  const { prometheus, grafana, ...others } = valuesOf(template);

  it('are one version of the chart, with as much as the configuration says', () => {
    expect(one(template, CHART)[1].Properties).toMatchObject({
      ...{ Chart: 'kube-prometheus-stack', Release: 'kube-prometheus-stack', Namespace: 'monitoring' },
      Version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
    expect(prometheus.prometheusSpec).toMatchObject({
      retention: '30d',
      storageSpec: { volumeClaimTemplate: { spec: { resources: { requests: { storage: '50Gi' } } } } },
    });
    // It must delete by itself before the volume is full.
    expect(Number.parseInt(prometheus.prometheusSpec.retentionSize, 10)).toBeLessThan(50 * 1024 * 0.9);
  });

  it('find our monitors and rules, which are not of the chart', () => {
    for (const kind of ['podMonitor', 'serviceMonitor', 'rule'])
      expect(prometheus.prometheusSpec[`${kind}SelectorNilUsesHelmValues`]).toBe(false);
    expect(grafana.sidecar.dashboards).toEqual({
      enabled: true,
      label: 'grafana_dashboard',
      labelValue: '1',
    });
  });

  it('do not look for what EKS keeps out of sight', () => {
    for (const part of ['kubeControllerManager', 'kubeScheduler', 'kubeEtcd'])
      expect(others[part]).toEqual({ enabled: false });
  });

  it('come after their storage class, and before what needs their kinds', () => {
    const [chartId, chart] = one(template, CHART);
    const [storageId] = ofType(template, MANIFEST).find(([, { Properties }]) =>
      Properties.Manifest.includes('StorageClass'),
    ) ?? [''];
    const manifests = ofType(template, MANIFEST).find(([, { Properties }]) =>
      Properties.Manifest.includes('PodMonitor'),
    );
    expect(chart.DependsOn).toContain(storageId);
    expect(manifests?.[1].DependsOn).toContain(chartId);
    // CDK applies with kubectl apply, which keeps the whole object in an annotation.
    for (const object of JSON.parse(manifests?.[1].Properties.Manifest))
      expect(JSON.stringify(object).length).toBeLessThan(262_144);
  });

  it("keep Grafana's password out of the template", () => {
    expect(grafana).toMatchObject({ adminPassword: '' });
    const { grafana: theirs } = valuesOf(withPrometheus({ grafanaAdminSecret: 'grafana-admin' }));
    expect(theirs.admin).toEqual({
      ...{ existingSecret: 'grafana-admin', userKey: 'admin-user', passwordKey: 'admin-password' },
    });
    expect(theirs).not.toHaveProperty('adminPassword');
  });

  it('are left out when they are not wanted; dashboard and alarms stay', () => {
    const without = withPrometheus({ enabled: false });
    for (const type of [CHART, MANIFEST]) expect(ofType(without, type)).toEqual([]);
    expect(ofType(without, 'AWS::CloudWatch::Alarm').length).toBeGreaterThan(10);
  });
});
