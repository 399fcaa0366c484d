import type {
  RbacV1Subject,
  V1ClusterRole,
  V1ClusterRoleBinding,
  V1PolicyRule,
  V1Role,
  V1RoleBinding,
} from '@kubernetes/client-node';
import { canaryName, GROUP, NAMESPACE, workloadName } from '../core/protocol/names.ts';
import { serviceAccountName } from './names.ts';

const RBAC = 'rbac.authorization.k8s.io';
const COORDINATION = 'coordination.k8s.io';

type Rbac = V1Role | V1RoleBinding | V1ClusterRole | V1ClusterRoleBinding;

const group = (name: string): RbacV1Subject => ({ kind: 'Group', name, apiGroup: RBAC });

function role(name: string, rules: V1PolicyRule[], subjects: RbacV1Subject[]): [V1Role, V1RoleBinding] {
  const metadata = { name, namespace: NAMESPACE };
  return [
    { apiVersion: `${RBAC}/v1`, kind: 'Role', metadata, rules },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'RoleBinding',
      metadata: { ...metadata },
      roleRef: { apiGroup: RBAC, kind: 'Role', name },
      subjects,
    },
  ];
}

function clusterRole(
  name: string,
  rules: V1PolicyRule[],
  subjects: RbacV1Subject[],
): [V1ClusterRole, V1ClusterRoleBinding] {
  return [
    { apiVersion: `${RBAC}/v1`, kind: 'ClusterRole', metadata: { name }, rules },
    {
      apiVersion: `${RBAC}/v1`,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name },
      subjects,
    },
  ];
}

/** The scaler reads pods, workloads, Leases and nodes; it writes replicas, deletion costs and drain marks, and deletes pods that can't be warmed. */
export const scalerAccess = (): Rbac[] => [
  ...role(
    'paddock-scaler',
    [
      { apiGroups: [''], resources: ['pods'], verbs: ['list', 'patch', 'delete'] },
      { apiGroups: ['apps'], resources: ['deployments', 'statefulsets'], verbs: ['list'] },
      {
        apiGroups: ['apps'],
        resources: ['deployments/scale', 'statefulsets/scale'],
        verbs: ['patch'],
      },
      { apiGroups: [COORDINATION], resources: ['leases'], verbs: ['list', 'patch', 'delete'] },
    ],
    [group(GROUP.scaler)],
  ),
  ...clusterRole(
    'paddock-scaler',
    [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }],
    [group(GROUP.scaler)],
  ),
];

/** The warm-up reads a pod, sets its gate, and writes an event about it. */
export const warmupAccess = (): Rbac[] =>
  role(
    'paddock-warmup',
    [
      { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
      { apiGroups: [''], resources: ['pods/status'], verbs: ['patch'] },
      { apiGroups: [''], resources: ['events'], verbs: ['create'] },
    ],
    [group(GROUP.warmup)],
  );

/**
 * An upgrade changes what the pools' workloads and their canaries run, and removes pods that never came up; it makes no
 * workload and removes none. What runs in the pods of a named workload is its to say: that is what an upgrade is.
 */
export const upgradeAccess = (
  pools: readonly { fleet: string; pool: string; kind: 'persistent' | 'elastic' }[],
): Rbac[] => {
  const named = (kind: 'persistent' | 'elastic'): string[] =>
    pools.filter((pool) => pool.kind === kind).map(({ fleet, pool }) => workloadName(fleet, pool));
  const canaries = pools.map(({ fleet, pool }) => canaryName(fleet, pool));
  const sets = named('persistent');
  return role(
    'paddock-upgrade',
    [
      { apiGroups: [''], resources: ['pods'], verbs: ['list', 'delete'] },
      { apiGroups: ['apps'], resources: ['deployments', 'statefulsets'], verbs: ['list'] },
      {
        apiGroups: ['apps'],
        resources: ['deployments'],
        resourceNames: [...named('elastic'), ...canaries],
        verbs: ['patch'],
      },
      // Without names a rule would be for all.
      ...(sets.length > 0
        ? [{ apiGroups: ['apps'], resources: ['statefulsets'], resourceNames: sets, verbs: ['patch'] }]
        : []),
      { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: ['list'] },
    ],
    [group(GROUP.upgrade)],
  );
};

/** The health check reads what the scaler reads, and changes nothing. */
export const healthcheckAccess = (): Rbac[] => [
  ...role(
    'paddock-healthcheck',
    [
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
      { apiGroups: ['apps'], resources: ['deployments', 'statefulsets'], verbs: ['list'] },
      { apiGroups: [COORDINATION], resources: ['leases'], verbs: ['list'] },
    ],
    [group(GROUP.healthcheck)],
  ),
  ...clusterRole(
    'paddock-healthcheck',
    [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }],
    [group(GROUP.healthcheck)],
  ),
];

/** A worker renews its Lease. RBAC can't say 'its own': the admission policy does. */
export const workerAccess = (fleets: readonly string[]): Rbac[] =>
  role(
    'paddock-worker',
    [{ apiGroups: [COORDINATION], resources: ['leases'], verbs: ['get', 'create', 'patch'] }],
    fleets.map((fleet) => ({
      kind: 'ServiceAccount',
      name: serviceAccountName(fleet),
      namespace: NAMESPACE,
    })),
  );
