import type { V1Deployment, V1PodDisruptionBudget, V1StatefulSet } from '@kubernetes/client-node';
import { NAMESPACE, workloadName } from '../core/protocol/names.ts';
import { MODELS_VOLUME, serviceName, storageClassName } from './names.ts';
import { podLabels, podTemplate } from './pod.ts';
import type { WorkloadEnvironment, WorkloadFleet, WorkloadPool } from './types.ts';

const metadata = (fleet: WorkloadFleet, pool: WorkloadPool) => ({
  name: workloadName(fleet.name, pool.name),
  namespace: NAMESPACE,
  labels: podLabels(fleet.name, pool.name),
});

/**
 * A pool's workload: a StatefulSet when it is persistent, else a Deployment. `replicas` is absent, because the scaler
 * owns it: the apiserver starts a new workload at 1, and a later apply leaves the number as it is.
 */
export const poolWorkload = (
  fleet: WorkloadFleet,
  pool: WorkloadPool,
  env: WorkloadEnvironment,
): V1StatefulSet | V1Deployment =>
  pool.kind === 'persistent' ? statefulSet(fleet, pool, env) : deployment(fleet, pool, env);

function statefulSet(fleet: WorkloadFleet, pool: WorkloadPool, env: WorkloadEnvironment): V1StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: metadata(fleet, pool),
    spec: {
      serviceName: serviceName(fleet.name),
      // With a readiness gate the default would start only pod 0.
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: podLabels(fleet.name, pool.name) },
      template: podTemplate(fleet, pool, env),
      revisionHistoryLimit: 3,
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' },
      volumeClaimTemplates: [
        {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: { name: MODELS_VOLUME, labels: podLabels(fleet.name, pool.name) },
          spec: {
            accessModes: ['ReadWriteOnce'],
            storageClassName: storageClassName(env.volumeType),
            resources: { requests: { storage: `${pool.modelStorageGiB}Gi` } },
          },
        },
      ],
    },
  };
}

function deployment(fleet: WorkloadFleet, pool: WorkloadPool, env: WorkloadEnvironment): V1Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(fleet, pool),
    spec: {
      selector: { matchLabels: podLabels(fleet.name, pool.name) },
      template: podTemplate(fleet, pool, env),
      // One replica per node and no spare node: a new pod fits only where an old one has left.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
      revisionHistoryLimit: 3,
      // A node has to boot and models to load before a pod counts as available.
      progressDeadlineSeconds: 3600,
    },
  };
}

/** Drains by others (node upgrades, kubectl drain) take one replica of a pool at a time. */
export const poolDisruptionBudget = (fleet: WorkloadFleet, pool: WorkloadPool): V1PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: metadata(fleet, pool),
  spec: {
    maxUnavailable: 1,
    selector: { matchLabels: podLabels(fleet.name, pool.name) },
    // A pod that is not ready serves nobody: it must not block a drain.
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
  },
});
