import type { V1Deployment, V1PodSpec, V1StatefulSet } from '@kubernetes/client-node';
import { LABEL } from '../../../core/protocol/names.ts';
import config from '../../../paddock.config.ts';
import { routerMonitor, workerMonitor } from '../../../workloads/monitoring/index.ts';
import type { PodMonitor } from '../../../workloads/monitoring/types.ts';
import { routerManifests } from '../../../workloads/router/index.ts';
import { cpu, gpu, network } from '../fixtures.ts';

const workloads = [
  ...cpu,
  ...gpu,
  ...routerManifests({
    webui: true,
    ...{ fleets: config.fleets, router: config.router, images: config.images },
    network,
  }),
].filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet') as (V1Deployment | V1StatefulSet)[];

const portsOf = ({ containers }: V1PodSpec) => containers.flatMap(({ ports = [] }) => ports);

/** Pods that a monitor selects, and the port in each that it would scrape. */
const scraped = ({ spec }: PodMonitor) =>
  workloads.flatMap((workload) => {
    const { metadata, spec: pod } = workload.spec?.template ?? {};
    const selected = Object.entries(spec.selector.matchLabels).every(
      ([key, value]) => metadata?.labels?.[key] === value,
    );
    if (!selected || !pod) return [];
    const port = portsOf(pod).filter(({ name }) => name === spec.podMetricsEndpoints[0]?.port);
    return [
      {
        name: workload.metadata?.name,
        labels: metadata?.labels,
        ports: port.map(({ containerPort }) => containerPort),
      },
    ];
  });

describe('what Prometheus scrapes', () => {
  it('is one port of every pool, which the router does not know', () => {
    const found = scraped(workerMonitor());
    expect(found).toHaveLength(config.fleets.flatMap(({ pools }) => pools).length);
    for (const { ports, labels } of found) {
      expect(ports).toEqual([9090]);
      for (const key of [LABEL.fleet, LABEL.pool]) expect(labels).toHaveProperty([key]);
    }
  });

  it("is the router's exporter", () => {
    expect(scraped(routerMonitor())).toEqual([expect.objectContaining({ name: 'router', ports: [9113] })]);
  });

  it('carries fleet and pool by the labels that the pods have', () => {
    const relabelings = workerMonitor().spec.podMetricsEndpoints[0]?.relabelings ?? [];
    const source = (target: string) =>
      relabelings.find(({ targetLabel }) => targetLabel === target)?.sourceLabels;
    expect(source('fleet')).toEqual(['__meta_kubernetes_pod_label_paddock_dev_fleet']);
    expect(source('pool')).toEqual(['__meta_kubernetes_pod_label_paddock_dev_pool']);
  });
});
