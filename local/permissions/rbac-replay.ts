import type { Binding, RbacGrant } from './rbac-grants.ts';
import type { KubernetesCall } from './recording.ts';

/** Who calls, as a SubjectAccessReview takes it. */
export interface Caller {
  readonly user: string;
  readonly groups: readonly string[];
}

/** The caller that a recording's `as` stands for. */
export function callerOf(as: string): Caller {
  const account = /^ServiceAccount ([^/]+)\/(.+)$/.exec(as);
  if (account) {
    const [, namespace, name] = account;
    const groups = ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'];
    return { user: `system:serviceaccount:${namespace}:${name}`, groups };
  }
  if (as.startsWith('User ')) return { user: as.slice('User '.length), groups: ['system:authenticated'] };
  const groups = as.split(', ').map((group) => group.replace(/^Group /, ''));
  return { user: 'recorded', groups: [...groups, 'system:authenticated'] };
}

/**
 * The grants that allow a call. One alone: it is needed for it. Kubernetes' own roles (`system:basic-user` …) are not
 * among them.
 */
export const allowing = (grants: readonly RbacGrant[], call: KubernetesCall): RbacGrant[] =>
  grants.filter(
    (grant) =>
      covers(grant, call) &&
      grant.bindings.some(
        (binding) => names(binding, call.as) && (binding.namespace ?? call.namespace) === call.namespace,
      ),
  );

/** All that a caller is granted, wherever. */
export const grantsOf = (grants: readonly RbacGrant[], as: string): RbacGrant[] =>
  grants.filter(({ bindings }) => bindings.some((binding) => names(binding, as)));

const is = (granted: string, wanted: string): boolean => granted === '*' || granted === wanted;

function covers(grant: RbacGrant, { verb, group, resource, name }: KubernetesCall): boolean {
  if (!is(grant.verb, verb) || !is(grant.group, group)) return false;
  if (grant.name !== undefined && grant.name !== name) return false;
  const [, subresource] = resource.split('/');
  return is(grant.resource, resource) || (subresource !== undefined && grant.resource === `*/${subresource}`);
}

function names({ subjects }: Binding, as: string): boolean {
  const { user, groups } = callerOf(as);
  const own = [as, `User ${user}`, ...groups.map((group) => `Group ${group}`)];
  return subjects.some((subject) => own.includes(subject));
}
