/** Names of what the manifests make, beside those of core/protocol/names.ts. */
import { NAMESPACE } from '../core/protocol/names.ts';
import type { VolumeType } from './types.ts';

/** Service account of a fleet's pods; its AWS role comes with a pod identity association. */
export const serviceAccountName = (fleet: string): string => `paddock-worker-${fleet}`;

/** Headless service over a fleet's warm pods. */
export const serviceName = (fleet: string): string => fleet;

/** Storage class of the volumes of persistent pools and of Open WebUI. A class can't be changed: each type has its own. */
export const storageClassName = (type: VolumeType): string => `paddock-${type}`;

/** The model server's container in a serving pod. */
export const OLLAMA_CONTAINER = 'ollama';

/** Name of the volume claim template, and so the first part of each claim's name. */
export const MODELS_VOLUME = 'models';

/** The router, Nginx before every fleet's pods: value of its `app` label, its Deployment, its service account, its Service. */
export const APP_ROUTER = 'router';

/** Ports of the router's pods and of its Service inside the cluster. */
export const ROUTER_PORTS = {
  /** Clients, from the load balancer: path allow-list and a limit per client. */
  public: { name: 'http', port: 8080 },
  /** Open WebUI's backend: the same paths without the limit, because all of its users come from one address. */
  backend: { name: 'backend', port: 8081 },
  /** Open WebUI's page, for people. */
  webui: { name: 'webui', port: 8082 },
  /** Probes, and Nginx's own status for the exporter beside it. */
  internal: { name: 'internal', port: 8083 },
  /** What Prometheus scrapes: the exporter. */
  metrics: { name: 'metrics', port: 9113 },
} as const;

/** Open WebUI: value of its `app` label, its Deployment, its claim, its Service. */
export const APP_WEBUI = 'webui';

export const WEBUI_PORT = { name: 'http', port: 8080 } as const;

/** Where Prometheus and Grafana run; its pods may scrape those of Paddock's namespace. */
export const MONITORING_NAMESPACE = 'monitoring';

/** Base URL at which Open WebUI finds a fleet's Ollama API. */
export const backendUrl = (fleet: string): string =>
  `http://${APP_ROUTER}.${NAMESPACE}.svc.cluster.local:${ROUTER_PORTS.backend.port}/fleets/${fleet}`;

/** Who is scheduled first, and who may put others off their node. */
export const PRIORITY_CLASS = {
  /** Router and Open WebUI, on system nodes. */
  system: 'paddock-system',
  /** Replicas. */
  serving: 'paddock-serving',
} as const;
