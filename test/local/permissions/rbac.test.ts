import { qualified, rbacGrants } from '../../../local/permissions/rbac-grants.ts';
import { allowing } from '../../../local/permissions/rbac-replay.ts';
import type { KubernetesCall } from '../../../local/permissions/recording.ts';
import type { Manifest } from '../../../local/template/manifests.ts';

const apiVersion = 'rbac.authorization.k8s.io/v1';

function bound(role: Partial<Manifest> & { kind: string; rules: object[] }, subject: object): Manifest[] {
  const metadata = { name: 'r', ...(role.kind === 'Role' && { namespace: 'paddock' }) };
  return [
    { apiVersion, metadata, ...role },
    {
      apiVersion,
      kind: `${role.kind}Binding`,
      metadata: { ...metadata, name: 'b' },
      roleRef: { kind: role.kind, name: 'r' },
      subjects: [subject],
    },
  ];
}

const scaler = { kind: 'Group', name: 'paddock:scaler' };
const scaling = { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['patch'] };
const call = (more: Partial<KubernetesCall> = {}): KubernetesCall => ({
  as: 'Group paddock:scaler',
  verb: 'patch',
  group: 'apps',
  resource: 'deployments/scale',
  namespace: 'paddock',
  ...more,
});

const allowed = (manifests: Manifest[], one: KubernetesCall): boolean =>
  allowing(rbacGrants(manifests), one).length > 0;

describe('what roles grant', () => {
  it('is each verb on each resource and object, named as kubectl does', () => {
    const rules = [
      { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] },
      { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['patch'], resourceNames: ['a', 'b'] },
      { nonResourceURLs: ['/metrics'], verbs: ['get'] },
    ];
    const grants = rbacGrants(bound({ kind: 'ClusterRole', rules }, scaler));
    expect(grants.map((grant) => [grant.verb, qualified(grant), grant.name])).toEqual([
      ['get', 'pods', undefined],
      ['list', 'pods', undefined],
      ['patch', 'deployments.apps/scale', 'a'],
      ['patch', 'deployments.apps/scale', 'b'],
      ['get', '/metrics', undefined],
    ]);
  });

  it.each<[string, boolean, Partial<KubernetesCall>]>([
    ['the call itself', true, {}],
    ['another verb', false, { verb: 'get' }],
    ['the resource instead of its subresource', false, { resource: 'deployments' }],
    ['another API group', false, { group: '' }],
    ['another namespace', false, { namespace: 'kube-system' }],
    ['another caller', false, { as: 'Group paddock:warmup' }],
    ['one of several groups', true, { as: 'Group paddock:warmup, Group paddock:scaler' }],
  ])('in a namespace covers %s: %s', (_what, expected, more) => {
    expect(allowed(bound({ kind: 'Role', rules: [scaling] }, scaler), call(more))).toBe(expected);
  });

  it('in the whole cluster covers every namespace, and what has none', () => {
    const manifests = bound({ kind: 'ClusterRole', rules: [scaling] }, scaler);
    const { namespace: _, ...clusterWide } = call();
    expect([allowed(manifests, call({ namespace: 'other' })), allowed(manifests, clusterWide)]).toEqual([
      true,
      true,
    ]);
  });

  it('to a service account covers it by name and by its groups, and no other', () => {
    const as = 'ServiceAccount paddock/worker';
    const account = { kind: 'ServiceAccount', name: 'worker' };
    const group = { kind: 'Group', name: 'system:serviceaccounts:paddock' };
    for (const subject of [account, group]) {
      const manifests = bound({ kind: 'Role', rules: [scaling] }, subject);
      expect(allowed(manifests, call({ as }))).toBe(true);
      expect(allowed(manifests, call({ as: 'ServiceAccount other/worker' }))).toBe(false);
    }
  });

  it('to named objects covers these alone', () => {
    const rules = [{ ...scaling, resourceNames: ['cpu-spot'] }];
    const manifests = bound({ kind: 'Role', rules }, scaler);
    expect(
      [call({ name: 'cpu-spot' }), call({ name: 'gpu-spot' }), call()].map((one) => allowed(manifests, one)),
    ).toEqual([true, false, false]);
  });

  it('with wildcards covers what they stand for', () => {
    const rules = [{ apiGroups: ['*'], resources: ['*/scale'], verbs: ['*'] }];
    const manifests = bound({ kind: 'Role', rules }, scaler);
    expect([allowed(manifests, call()), allowed(manifests, call({ resource: 'deployments' }))]).toEqual([
      true,
      false,
    ]);
  });
});
