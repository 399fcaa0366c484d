import type { V1StorageClass } from '@kubernetes/client-node';
import { storageClassName } from './names.ts';
import type { VolumeType } from './types.ts';

/**
 * Volumes are made in the zone of the pod's node, once it has one, and go with their claim: models can be pulled again.
 * A volume can grow. The class is not the cluster's default: whoever wants it names it.
 */
export const storageClass = (type: VolumeType): V1StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: storageClassName(type) },
  provisioner: 'ebs.csi.aws.com',
  parameters: { type, encrypted: 'true' },
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  allowVolumeExpansion: true,
});
