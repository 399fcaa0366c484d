import type { V1PodSpec, V1PodTemplateSpec, V1Toleration } from '@kubernetes/client-node';
import { APP_OLLAMA, LABEL, POOL_TAINT, READINESS_GATE, workloadName } from '../core/protocol/names.ts';
import { fetchContainer, ollamaContainer, workerContainer } from './containers.ts';
import { MODELS_VOLUME, PRIORITY_CLASS, serviceAccountName } from './names.ts';
import type { WorkloadEnvironment, WorkloadFleet, WorkloadPool } from './types.ts';

/** Besides the drain: time to hand work back and for Ollama to end. */
const GRACE_MARGIN_SECONDS = 30;

export const podLabels = (fleet: string, pool: string): Record<string, string> => ({
  [LABEL.app]: APP_OLLAMA,
  [LABEL.fleet]: fleet,
  [LABEL.pool]: pool,
});

/** The serving pod: the worker is its only door, Ollama a sidecar that outlives the worker's drain. */
export const podTemplate = (
  fleet: WorkloadFleet,
  pool: WorkloadPool,
  env: WorkloadEnvironment,
): V1PodTemplateSpec => ({
  metadata: { labels: podLabels(fleet.name, pool.name) },
  spec: {
    serviceAccountName: serviceAccountName(fleet.name),
    priorityClassName: PRIORITY_CLASS.serving,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: fleet.policy.drainDeadlineSeconds + GRACE_MARGIN_SECONDS,
    readinessGates: [{ conditionType: READINESS_GATE }],
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 1000,
      runAsGroup: 1000,
      fsGroup: 1000,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    nodeSelector: { [LABEL.fleet]: fleet.name, [LABEL.pool]: pool.name, ...pool.labels },
    tolerations: tolerations(fleet.name, pool),
    affinity: affinity(pool),
    initContainers: [fetchContainer(env), ollamaContainer(fleet, pool, env)],
    containers: [workerContainer(fleet, pool, env)],
    volumes: volumes(pool),
  },
});

const tolerations = (fleet: string, pool: WorkloadPool): V1Toleration[] => [
  { key: POOL_TAINT, operator: 'Equal', value: workloadName(fleet, pool.name), effect: 'NoSchedule' },
  ...pool.taints.map(({ key, value, effect }): V1Toleration => ({ key, operator: 'Equal', value, effect })),
];

function affinity(pool: WorkloadPool): NonNullable<V1PodSpec['affinity']> {
  return {
    // One replica per node, whatever fleet: a replica and its node come and go together.
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        {
          labelSelector: { matchLabels: { [LABEL.app]: APP_OLLAMA } },
          topologyKey: 'kubernetes.io/hostname',
        },
      ],
    },
    ...(pool.kind === 'persistent' && {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            {
              matchExpressions: [
                { key: 'topology.kubernetes.io/zone', operator: 'In', values: [...pool.zones] },
              ],
            },
          ],
        },
      },
    }),
  };
}

function volumes(pool: WorkloadPool): NonNullable<V1PodSpec['volumes']> {
  const shared = [
    { name: 'code', emptyDir: { sizeLimit: '64Mi' } },
    { name: 'tmp', emptyDir: { sizeLimit: '1Gi' } },
  ];
  if (pool.kind === 'persistent') return shared;
  return [...shared, { name: MODELS_VOLUME, emptyDir: { sizeLimit: `${pool.modelStorageGiB}Gi` } }];
}
