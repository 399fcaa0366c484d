import type { V1Deployment, V1PodTemplateSpec, V1Volume } from '@kubernetes/client-node';
import { APP_CANARY, canaryName, LABEL, NAMESPACE } from '../core/protocol/names.ts';
import { MODELS_VOLUME, storageClassName } from './names.ts';
import { podTemplate } from './pod.ts';
import type { WorkloadEnvironment, WorkloadFleet, WorkloadPool } from './types.ts';

const labels = (fleet: string, pool: string): Record<string, string> => ({
  [LABEL.app]: APP_CANARY,
  [LABEL.fleet]: fleet,
  [LABEL.canary]: pool,
});

/**
 * The replica on which an upgrade tries what it brings: a pod as the pool's, on one of its nodes, that no Service selects and
 * that takes nothing from the queue (docs/adr/0013). It is there with no replicas until an upgrade gives it one, so that the
 * upgrade needs no right to create workloads.
 */
export const poolCanary = (
  fleet: WorkloadFleet,
  pool: WorkloadPool,
  env: WorkloadEnvironment,
): V1Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {
    name: canaryName(fleet.name, pool.name),
    namespace: NAMESPACE,
    labels: labels(fleet.name, pool.name),
  },
  spec: {
    replicas: 0,
    selector: { matchLabels: labels(fleet.name, pool.name) },
    template: canaryTemplate(fleet, pool, env),
    // Of two there would be one too many for the node that was asked for.
    strategy: { type: 'Recreate' },
    revisionHistoryLimit: 0,
    progressDeadlineSeconds: 3600,
  },
});

function canaryTemplate(
  fleet: WorkloadFleet,
  pool: WorkloadPool,
  env: WorkloadEnvironment,
): V1PodTemplateSpec {
  const { spec } = podTemplate(fleet, pool, env);
  if (!spec) throw new Error(`The pool ${pool.name} has no pod template.`);
  // The gate is for pods that take traffic: this one is asked as soon as its models are loaded.
  const { readinessGates: _, ...rest } = spec;
  return {
    metadata: { labels: labels(fleet.name, pool.name) },
    spec: {
      ...rest,
      terminationGracePeriodSeconds: 30,
      containers: spec.containers.map((container) => ({
        ...container,
        env: [...(container.env ?? []), { name: 'PADDOCK_CANARY', value: 'true' }],
      })),
      volumes: [...(spec.volumes ?? []), ...(pool.kind === 'persistent' ? [modelsVolume(pool, env)] : [])],
    },
  };
}

/** A volume as the pool's own, that goes with the pod. */
const modelsVolume = ({ modelStorageGiB }: WorkloadPool, { volumeType }: WorkloadEnvironment): V1Volume => ({
  name: MODELS_VOLUME,
  ephemeral: {
    volumeClaimTemplate: {
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: storageClassName(volumeType),
        resources: { requests: { storage: `${modelStorageGiB}Gi` } },
      },
    },
  },
});
