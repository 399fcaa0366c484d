import { createHash } from 'node:crypto';
import type {
  V1ConfigMap,
  V1Container,
  V1Deployment,
  V1PodDisruptionBudget,
  V1Service,
  V1ServiceAccount,
} from '@kubernetes/client-node';
import { LABEL, NAMESPACE, SYSTEM_NODE } from '../../core/protocol/names.ts';
import { confined } from '../containers.ts';
import { APP_ROUTER, APP_WEBUI, PRIORITY_CLASS, ROUTER_PORTS, WEBUI_PORT } from '../names.ts';
import type { Manifest, WorkloadNetwork } from '../types.ts';
import { clientService, type LoadBalancerSettings } from './load-balancer.ts';
import { nginxConfig } from './nginx.ts';
import type { RouterFleet, RouterSettings, RouterSite } from './types.ts';

/** The `router` section of the configuration, and what it needs of the others. */
export interface RouterOptions {
  readonly fleets: readonly RouterFleet[];
  readonly router: RouterSettings & LoadBalancerSettings & { readonly replicas: number };
  readonly images: { readonly router: string; readonly routerMetrics: string };
  /** From the load balancer's subnets alone a PROXY protocol header is believed. */
  readonly network: Pick<WorkloadNetwork, 'loadBalancerCidrs' | 'loadBalancerSubnetIds'>;
  /** Whether Open WebUI is there. */
  readonly webui: boolean;
  /** Where the gateway is, unless `router.queueUrl` says otherwise; a CloudFormation reference. */
  readonly gatewayUrl?: string | undefined;
}

const labels = { [LABEL.app]: APP_ROUTER };
const metadata = { name: APP_ROUTER, namespace: NAMESPACE, labels };
const CONFIG_FILE = 'nginx.conf';
const RUN_DIR = '/tmp';

/**
 * A Network Load Balancer goes on sending connections for about two minutes to a pod that it was told to take out, and takes as
 * long before it sends any to a new one (aws-load-balancer-controller issue 2366).
 */
const LOAD_BALANCER_SECONDS = 180;
/** Then what is under way may end. EKS drains a node for 15 minutes at most. */
const MOST_DRAIN_SECONDS = 710;

/** Router pods on the system nodes, with their configuration and both Services. */
export function routerManifests(options: RouterOptions): Manifest[] {
  const site = clusterSite(options);
  const render = (gatewayUrl: string | undefined) =>
    nginxConfig(options.fleets, { ...options.router, queueUrl: options.router.queueUrl ?? gatewayUrl }, site);
  // A reference differs from synthesis to synthesis while it means the same: the sum is of the text without it.
  const checksum = sha256(render(options.gatewayUrl && 'https://gateway'));
  return [
    serviceAccount(),
    configMap(render(options.gatewayUrl)),
    deployment(options, checksum),
    budget(),
    service(),
    clientService(options.router, options.network.loadBalancerSubnetIds, options.webui),
  ];
}

const drainSeconds = (fleets: readonly RouterFleet[]): number =>
  Math.min(MOST_DRAIN_SECONDS, Math.max(...fleets.map(({ requestTimeoutSeconds }) => requestTimeoutSeconds)));

/** In the cluster: pods come from the headless Services by DNS, clients from the load balancer. */
export function clusterSite({ fleets, network }: Pick<RouterOptions, 'fleets' | 'network'>): RouterSite {
  const { public: clients, backend, webui, internal } = ROUTER_PORTS;
  return {
    listen: {
      public: String(clients.port),
      backend: String(backend.port),
      webui: String(webui.port),
      internal: String(internal.port),
    },
    proxyProtocolFrom: network.loadBalancerCidrs,
    // Looked up once, when Nginx starts.
    pods: { resolve: { resolver: 'kube-dns.kube-system.svc.cluster.local' } },
    webui: `${APP_WEBUI}.${NAMESPACE}.svc.cluster.local:${WEBUI_PORT.port}`,
    runDir: RUN_DIR,
    accessLog: '/dev/stdout',
    errorLog: '/dev/stderr',
    workerProcesses: 2,
    shutdownSeconds: drainSeconds(fleets),
  };
}

/** Nothing in the pod calls the Kubernetes API. */
const serviceAccount = (): V1ServiceAccount => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata,
  automountServiceAccountToken: false,
});

const configMap = (config: string): V1ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata,
  data: { [CONFIG_FILE]: config },
});

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function deployment({ fleets, images, router }: RouterOptions, checksum: string): V1Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata,
    spec: {
      replicas: router.replicas,
      selector: { matchLabels: labels },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      // The old pod stays until the new one gets connections.
      minReadySeconds: LOAD_BALANCER_SECONDS,
      revisionHistoryLimit: 3,
      template: {
        metadata: {
          labels,
          // A changed configuration makes new pods, one by one, and a broken one stops at the first.
          annotations: { 'paddock.dev/config': checksum },
        },
        spec: {
          serviceAccountName: APP_ROUTER,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          priorityClassName: PRIORITY_CLASS.system,
          terminationGracePeriodSeconds: LOAD_BALANCER_SECONDS + drainSeconds(fleets) + 10,
          // User and group `nginx` of the image.
          securityContext: {
            runAsNonRoot: true,
            runAsUser: 101,
            runAsGroup: 101,
            fsGroup: 101,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          nodeSelector: { ...SYSTEM_NODE },
          topologySpreadConstraints: ['topology.kubernetes.io/zone', 'kubernetes.io/hostname'].map(
            (topologyKey) => ({
              maxSkew: 1,
              topologyKey,
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: labels },
            }),
          ),
          containers: [nginxContainer(images.router), exporterContainer(images.routerMetrics)],
          volumes: [
            { name: 'config', configMap: { name: APP_ROUTER } },
            // Bodies that do not fit in memory.
            { name: 'tmp', emptyDir: { sizeLimit: '4Gi' } },
          ],
        },
      },
    },
  };
}

const probe = { httpGet: { path: '/healthz', port: ROUTER_PORTS.internal.name }, timeoutSeconds: 2 };
const containerPort = ({ name, port }: { name: string; port: number }) => ({
  name,
  containerPort: port,
  protocol: 'TCP',
});

const nginxContainer = (image: string): V1Container => ({
  name: 'router',
  image,
  command: ['nginx', '-c', `/etc/paddock/${CONFIG_FILE}`, '-g', 'daemon off;'],
  ports: [ROUTER_PORTS.public, ROUTER_PORTS.backend, ROUTER_PORTS.webui, ROUTER_PORTS.internal].map(
    containerPort,
  ),
  resources: { requests: { cpu: '250m', memory: '128Mi' }, limits: { memory: '512Mi' } },
  startupProbe: { ...probe, periodSeconds: 1, failureThreshold: 30 },
  livenessProbe: { ...probe, periodSeconds: 10, failureThreshold: 3 },
  readinessProbe: { ...probe, periodSeconds: 3, failureThreshold: 2 },
  // The image's stop signal is QUIT: Nginx then ends when its last request has.
  lifecycle: { preStop: { sleep: { seconds: LOAD_BALANCER_SECONDS } } },
  securityContext: confined(),
  volumeMounts: [
    { name: 'config', mountPath: '/etc/paddock', readOnly: true },
    { name: 'tmp', mountPath: RUN_DIR },
  ],
});

const exporterContainer = (image: string): V1Container => ({
  name: 'metrics',
  image,
  args: [
    `--nginx.scrape-uri=http://127.0.0.1:${ROUTER_PORTS.internal.port}/stub_status`,
    `--web.listen-address=:${ROUTER_PORTS.metrics.port}`,
  ],
  ports: [containerPort(ROUTER_PORTS.metrics)],
  resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
  securityContext: confined(),
});

const budget = (): V1PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata,
  spec: {
    maxUnavailable: 1,
    selector: { matchLabels: labels },
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
  },
});

/** Inside the cluster: Open WebUI's backend, and Prometheus. */
const service = (): V1Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata,
  spec: {
    selector: labels,
    ports: [ROUTER_PORTS.backend, ROUTER_PORTS.metrics].map(({ name, port }) => ({
      name,
      port,
      targetPort: name,
      protocol: 'TCP',
    })),
  },
});
