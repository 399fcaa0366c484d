import type {
  RbacV1Subject,
  V1ClusterRole,
  V1ClusterRoleBinding,
  V1PolicyRule,
  V1Role,
  V1RoleBinding,
} from '@kubernetes/client-node';
import { GROUP, NAMESPACE } from '../core/protocol/names.ts';
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
