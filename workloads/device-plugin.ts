import type { V1DaemonSet } from '@kubernetes/client-node';
import { LABEL } from '../core/protocol/names.ts';

const NAME = 'paddock-nvidia-device-plugin';

/**
 * NVIDIA's device plugin on the nodes of the GPU pools: Amazon Linux 2023's NVIDIA image brings the driver, but
 * nothing that offers `nvidia.com/gpu`. It lies in kube-system, because it mounts a path of the host.
 */
export const devicePlugin = (
  image: string,
  gpuPools: readonly { fleet: string; pool: string }[],
): V1DaemonSet => ({
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { name: NAME, namespace: 'kube-system', labels: { [LABEL.app]: NAME } },
  spec: {
    selector: { matchLabels: { [LABEL.app]: NAME } },
    template: {
      metadata: { labels: { [LABEL.app]: NAME } },
      spec: {
        priorityClassName: 'system-node-critical',
        automountServiceAccountToken: false,
        tolerations: [{ operator: 'Exists' }],
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: gpuPools.map(({ fleet, pool }) => ({
                matchExpressions: [
                  { key: LABEL.fleet, operator: 'In', values: [fleet] },
                  { key: LABEL.pool, operator: 'In', values: [pool] },
                ],
              })),
            },
          },
        },
        containers: [
          {
            name: 'device-plugin',
            image,
            env: [{ name: 'FAIL_ON_INIT_ERROR', value: 'true' }],
            resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '256Mi' } },
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
            volumeMounts: [{ name: 'device-plugins', mountPath: '/var/lib/kubelet/device-plugins' }],
          },
        ],
        volumes: [{ name: 'device-plugins', hostPath: { path: '/var/lib/kubelet/device-plugins' } }],
      },
    },
  },
});
