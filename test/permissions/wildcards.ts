import { qualified, rbacGrants } from '../../local/permissions/rbac-grants.ts';
import type { Manifest } from '../../local/template/manifests.ts';

/** On a Role or ClusterRole: why it names no narrower verb, group or resource. */
export const REASON = 'paddock.dev/wildcard-reason';

export function wildcardsWithoutReason(manifests: readonly Manifest[]): string[] {
  const hasReason = ({ metadata }: Manifest): boolean =>
    Boolean((metadata.annotations as Record<string, string> | undefined)?.[REASON]);
  return rbacGrants(manifests.filter((manifest) => !hasReason(manifest)))
    .filter(({ verb, group, resource }) => [verb, group, resource].some((text) => text.includes('*')))
    .map((grant) => `${grant.role}: ${grant.verb} ${qualified(grant)}`);
}
