import type { V1Namespace, V1Service, V1ServiceAccount } from '@kubernetes/client-node';
import { APP_OLLAMA, LABEL, NAMESPACE, WORKER_PORT } from '../core/protocol/names.ts';
import { serviceAccountName, serviceName } from './names.ts';

/** The oldest that can be configured. */
const OLDEST_KUBERNETES = 'v1.33';
const POD_SECURITY = 'pod-security.kubernetes.io';

/**
 * The namespace of everything. No pod in it may run as root, with privileges, or with a path of its node; what a newer
 * Kubernetes would refuse besides is only warned of, so that an upgrade stops no pod.
 */
export const namespace = (): V1Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: NAMESPACE,
    labels: {
      [`${POD_SECURITY}/enforce`]: 'restricted',
      [`${POD_SECURITY}/enforce-version`]: OLDEST_KUBERNETES,
      [`${POD_SECURITY}/warn`]: 'restricted',
      [`${POD_SECURITY}/warn-version`]: 'latest',
    },
  },
});

export const workerServiceAccount = (fleet: string): V1ServiceAccount => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: { name: serviceAccountName(fleet), namespace: NAMESPACE, labels: { [LABEL.fleet]: fleet } },
});

/** Headless: its addresses are the fleet's warm pods, and only those. */
export const fleetService = (fleet: string): V1Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: serviceName(fleet), namespace: NAMESPACE, labels: { [LABEL.fleet]: fleet } },
  spec: {
    clusterIP: 'None',
    selector: { [LABEL.app]: APP_OLLAMA, [LABEL.fleet]: fleet },
    ports: [{ name: 'http', port: WORKER_PORT, targetPort: 'http', protocol: 'TCP' }],
  },
});
