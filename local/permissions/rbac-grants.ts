import type { V1PolicyRule } from '@kubernetes/client-node';
import type { Manifest } from '../template/manifests.ts';

/** One verb on one resource (of one object, if a rule names objects) that a Role or ClusterRole grants. */
export interface RbacGrant {
  /** `Role paddock/paddock-scaler`, `ClusterRole paddock-scaler` */
  readonly role: string;
  readonly verb: string;
  /** API group; empty: the core group. */
  readonly group: string;
  /** `pods`, `pods/status`; a path (`/metrics`) for what is no resource. */
  readonly resource: string;
  /** Only this object. */
  readonly name?: string;
  readonly bindings: readonly Binding[];
}

export interface Binding {
  /** Undefined: in all of them. */
  readonly namespace: string | undefined;
  /** `Group paddock:scaler`, `ServiceAccount paddock/paddock-worker-cpu` */
  readonly subjects: readonly string[];
}

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

const isRole = ({ kind }: Manifest): boolean => kind === 'Role' || kind === 'ClusterRole';
const isBinding = ({ kind }: Manifest): boolean => kind === 'RoleBinding' || kind === 'ClusterRoleBinding';

/** All that the manifests' roles grant. A rule is the same as one rule for each of its combinations. */
export const rbacGrants = (manifests: readonly Manifest[]): RbacGrant[] =>
  manifests.filter(isRole).flatMap((role) => {
    const bindings = manifests
      .filter((manifest) => isBinding(manifest) && binds(manifest, role))
      .map(bindingOf);
    const rules = (role.rules ?? []) as V1PolicyRule[];
    return rules.flatMap(combinations).map((one) => ({ role: titleOf(role), bindings, ...one }));
  });

/** Names of objects that some rule tells apart from others of their kind. */
export const namedObjects = (manifests: readonly Manifest[]): ReadonlySet<string> =>
  new Set(rbacGrants(manifests).flatMap(({ name }) => name ?? []));

/** As kubectl spells it: `deployments.apps/scale`. */
export function qualified({ group, resource }: Pick<RbacGrant, 'group' | 'resource'>): string {
  const [kind, ...subresource] = resource.startsWith('/') ? [resource] : resource.split('/');
  return [group === '' ? kind : `${kind}.${group}`, ...subresource].join('/');
}

function binds(binding: Manifest, role: Manifest): boolean {
  const ref = binding.roleRef as { kind: string; name: string };
  if (ref.kind !== role.kind || ref.name !== role.metadata.name) return false;
  return role.kind === 'ClusterRole' || binding.metadata.namespace === role.metadata.namespace;
}

function bindingOf(binding: Manifest): Binding {
  const subjects = (binding.subjects ?? []) as Subject[];
  return {
    namespace: binding.kind === 'ClusterRoleBinding' ? undefined : binding.metadata.namespace,
    subjects: subjects.map(({ kind, namespace, name }) =>
      kind === 'ServiceAccount'
        ? `${kind} ${namespace ?? binding.metadata.namespace}/${name}`
        : `${kind} ${name}`,
    ),
  };
}

const titleOf = ({ kind, metadata: { namespace, name } }: Manifest): string =>
  `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;

type Combination = Pick<RbacGrant, 'verb' | 'group' | 'resource' | 'name'>;

function combinations(rule: V1PolicyRule): Combination[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const targets = [
    ...apiGroups.flatMap((group) => resources.map((resource) => ({ group, resource }))),
    ...nonResourceURLs.map((resource) => ({ group: '', resource })),
  ];
  return verbs.flatMap((verb) =>
    targets.flatMap((target): Combination[] =>
      resourceNames.length > 0
        ? resourceNames.map((name) => ({ verb, ...target, name }))
        : [{ verb, ...target }],
    ),
  );
}
