import type {
  V1ClusterRole,
  V1DaemonSet,
  V1PodDisruptionBudget,
  V1PolicyRule,
  V1Role,
  V1RoleBinding,
  V1Service,
  V1StatefulSet,
  V1ValidatingAdmissionPolicy,
} from '@kubernetes/client-node';
import config from '../../paddock.config.ts';
import { sharedManifests } from '../../workloads/index.ts';
import { cpu, find, network, shared } from './fixtures.ts';

const permissions = (rules: V1PolicyRule[] = []): string[] =>
  rules
    .flatMap(({ resources = [], verbs }) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
    )
    .toSorted();

const roleOf = (name: string) => permissions(find<V1Role>(shared, 'Role', name).rules);
const subjectsOf = (name: string) =>
  find<V1RoleBinding>(shared, 'RoleBinding', name).subjects?.map((one) => `${one.kind} ${one.name}`);

describe('access to the cluster', () => {
  it('lets the scaler read what it decides by and write only what it owns', () => {
    expect(roleOf('paddock-scaler')).toEqual([
      'delete leases',
      'delete pods',
      'list deployments',
      'list leases',
      'list pods',
      'list statefulsets',
      'patch deployments/scale',
      'patch leases',
      'patch pods',
      'patch statefulsets/scale',
    ]);
    expect(permissions(find<V1ClusterRole>(shared, 'ClusterRole', 'paddock-scaler').rules)).toEqual([
      'list nodes',
    ]);
    expect(subjectsOf('paddock-scaler')).toEqual(['Group paddock:scaler']);
  });

  it('lets the health check look, and change nothing', () => {
    expect(roleOf('paddock-healthcheck')).toEqual([
      'list deployments',
      'list leases',
      'list pods',
      'list statefulsets',
    ]);
    expect(permissions(find<V1ClusterRole>(shared, 'ClusterRole', 'paddock-healthcheck').rules)).toEqual([
      'list nodes',
    ]);
    expect(subjectsOf('paddock-healthcheck')).toEqual(['Group paddock:healthcheck']);
  });

  it('lets the warm-up read a pod, set its condition and write an event about it', () => {
    expect(roleOf('paddock-warmup')).toEqual(['create events', 'get pods', 'patch pods/status']);
    expect(subjectsOf('paddock-warmup')).toEqual(['Group paddock:warmup']);
  });

  it('lets workers renew Leases', () => {
    expect(roleOf('paddock-worker')).toEqual(['create leases', 'get leases', 'patch leases']);
    expect(subjectsOf('paddock-worker')).toEqual([
      'ServiceAccount paddock-worker-cpu',
      'ServiceAccount paddock-worker-gpu',
    ]);
  });

  it('holds each pod to the Lease named after it', () => {
    const { spec } = find<V1ValidatingAdmissionPolicy>(
      shared,
      'ValidatingAdmissionPolicy',
      'paddock-own-lease',
    );

    expect(spec?.failurePolicy).toBe('Fail');
    expect(spec?.matchConstraints?.resourceRules?.[0]).toMatchObject({
      resources: ['leases'],
      operations: ['CREATE', 'UPDATE', 'DELETE'],
    });
    expect(spec?.variables?.[0]?.expression).toContain('authentication.kubernetes.io/pod-name');
    expect(find(shared, 'ValidatingAdmissionPolicyBinding', 'paddock-own-lease')).toMatchObject({
      spec: { policyName: 'paddock-own-lease', validationActions: ['Deny'] },
    });
  });
});

describe('what stands beside the workloads', () => {
  it('is a headless service over the ready pods of the fleet', () => {
    const { spec } = find<V1Service>(cpu, 'Service', 'cpu');

    expect(spec).toMatchObject({
      clusterIP: 'None',
      selector: { 'app.kubernetes.io/name': 'ollama', 'paddock.dev/fleet': 'cpu' },
    });
    expect(spec?.publishNotReadyAddresses).toBeUndefined();
    expect(find<V1StatefulSet>(cpu, 'StatefulSet', 'cpu-base-b').spec?.serviceName).toBe('cpu');
  });

  it('is a disruption budget of one per pool that unready pods do not block', () => {
    for (const name of ['cpu-base-a', 'cpu-base-b', 'cpu-spot'])
      expect(find<V1PodDisruptionBudget>(cpu, 'PodDisruptionBudget', name).spec).toMatchObject({
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy: 'AlwaysAllow',
      });
  });

  it('is the device plugin on the nodes of GPU pools, and only there', () => {
    const { spec } = find<V1DaemonSet>(shared, 'DaemonSet', 'paddock-nvidia-device-plugin');
    const terms = spec?.template.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;

    expect(
      terms?.nodeSelectorTerms.map((term) => term.matchExpressions?.map((one) => one.values?.[0])),
    ).toEqual([
      ['gpu', 'on-demand'],
      ['gpu', 'spot'],
    ]);
  });

  it('is no device plugin on nodes that bring their own', () => {
    const bottlerocket = config.fleets.map((fleet) => ({
      ...fleet,
      pools: fleet.pools.map((pool) => ({ ...pool, os: 'bottlerocket' as const })),
    }));

    expect(
      sharedManifests({ ...config, fleets: bottlerocket }, network).map(({ kind }) => kind),
    ).not.toContain('DaemonSet');
  });
});
