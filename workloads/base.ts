import type { V1Namespace, V1Service, V1ServiceAccount, V1StorageClass } from '@kubernetes/client-node';
import { APP_OLLAMA, LABEL, NAMESPACE, WORKER_PORT } from '../core/protocol/names.ts';
import { STORAGE_CLASS, serviceAccountName, serviceName } from './names.ts';

/** The namespace of everything; no pod in it may run privileged or as root. */
export const namespace = (): V1Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: NAMESPACE, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
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

/** Volumes are made in the zone of the pod's node, and go with their claim: models can be pulled again. */
export const storageClass = (): V1StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: STORAGE_CLASS },
  provisioner: 'ebs.csi.aws.com',
  parameters: { type: 'gp3', encrypted: 'true' },
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
});
