import { APP_OLLAMA, LABEL, NAMESPACE } from '../../core/protocol/names.ts';
import { APP_ROUTER, ROUTER_PORTS } from '../names.ts';
import type { PodMonitor, Relabeling } from './types.ts';

/** Name of the port in the pods, `metrics` in all of them. */
const PORT = ROUTER_PORTS.metrics.name;

/** As Prometheus' service discovery spells a pod's label. */
const ofPod = (label: string): string =>
  `__meta_kubernetes_pod_label_${label.replaceAll(/[^a-zA-Z0-9_]/g, '_')}`;

const copy = (from: string, to: string): Relabeling => ({ sourceLabels: [from], targetLabel: to });

function monitor(name: string, app: string, relabelings: Relabeling[]): PodMonitor {
  return {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PodMonitor',
    metadata: { name, namespace: NAMESPACE },
    spec: {
      selector: { matchLabels: { [LABEL.app]: app } },
      podMetricsEndpoints: [
        {
          port: PORT,
          path: '/metrics',
          interval: '15s',
          scrapeTimeout: '10s',
          relabelings: [...relabelings, copy('__meta_kubernetes_pod_node_name', 'node')],
        },
      ],
    },
  };
}

/** The workers of every fleet, with the labels `fleet` and `pool`. The job is `<namespace>/<name>`. */
export const workerMonitor = (): PodMonitor =>
  monitor('paddock-workers', APP_OLLAMA, [
    copy(ofPod(LABEL.fleet), 'fleet'),
    copy(ofPod(LABEL.pool), 'pool'),
  ]);

/** The exporter beside each router. */
export const routerMonitor = (): PodMonitor => monitor('paddock-router', APP_ROUTER, []);
