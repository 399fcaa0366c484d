import type {
  V1LimitRange,
  V1PriorityClass,
  V1ResourceQuota,
  V1StatefulSet,
  V1StorageClass,
} from '@kubernetes/client-node';
import { defineConfig, presets } from '../../infra/config/index.ts';
import { namespace, sharedManifests } from '../../workloads/index.ts';
import { cpu, find, network, shared } from './fixtures.ts';

describe('storage', () => {
  it('is an encrypted gp3 volume in the zone of its pod, which can grow', () => {
    expect(find<V1StorageClass>(shared, 'StorageClass', 'paddock-gp3')).toMatchObject({
      provisioner: 'ebs.csi.aws.com',
      parameters: { type: 'gp3', encrypted: 'true' },
      volumeBindingMode: 'WaitForFirstConsumer',
      allowVolumeExpansion: true,
      reclaimPolicy: 'Delete',
    });
    expect(
      find<V1StatefulSet>(cpu, 'StatefulSet', 'cpu-base-a').spec?.volumeClaimTemplates?.[0]?.spec,
    ).toMatchObject({ storageClassName: 'paddock-gp3', resources: { requests: { storage: '60Gi' } } });
  });

  it('is gp2 on request, under a name of its own', () => {
    const original = defineConfig({ region: 'us-east-1', volumeType: 'gp2', fleets: [presets.cpu()] });

    expect(
      find<V1StorageClass>(sharedManifests(original, network), 'StorageClass', 'paddock-gp2').parameters,
    ).toEqual({
      type: 'gp2',
      encrypted: 'true',
    });
  });
});

describe('the namespace', () => {
  it('takes only pods that pass the restricted standard, and warns of what a newer one would refuse', () => {
    expect(namespace().metadata?.labels).toEqual({
      'pod-security.kubernetes.io/enforce': 'restricted',
      'pod-security.kubernetes.io/enforce-version': 'v1.33',
      'pod-security.kubernetes.io/warn': 'restricted',
      'pod-security.kubernetes.io/warn-version': 'latest',
    });
  });
});

describe('quotas', () => {
  const [serving, volumes] = ['serving', 'volumes'].map((name) =>
    find<V1ResourceQuota>(shared, 'ResourceQuota', name),
  );

  it('hold twice as many replicas as the configuration allows, and a canary of each fleet', () => {
    // cpu: 1 + 1 + 8 + 4, gpu: 12 + 12.
    expect(serving?.spec?.hard).toEqual({
      pods: '78',
      'requests.cpu': `${28 * 6200 + 48 * 4200 + 6200 + 4200}m`,
      'requests.memory': `${(28 * 12 + 48 * 16 + 12 + 16) * 1024 + 78 * 256}Mi`,
      'requests.nvidia.com/gpu': '49',
    });
  });

  it('count replicas and nothing else of the namespace', () => {
    expect(serving?.spec?.scopeSelector?.matchExpressions).toEqual([
      { scopeName: 'PriorityClass', operator: 'In', values: ['paddock-serving'] },
    ]);
  });

  it("hold the volumes of persistent pools, of a canary and Open WebUI's", () => {
    expect(volumes?.spec?.hard).toEqual({ persistentvolumeclaims: '4', 'requests.storage': '190Gi' });
  });

  it('come with defaults for requests alone: a default limit would hold for an Ollama that may use its whole node', () => {
    const [limit] = find<V1LimitRange>(shared, 'LimitRange', 'defaults').spec?.limits ?? [];

    expect(Object.keys(limit ?? {}).toSorted()).toEqual(['defaultRequest', 'type']);
  });
});

describe('priorities', () => {
  const system = find<V1PriorityClass>(shared, 'PriorityClass', 'paddock-system');
  const serving = find<V1PriorityClass>(shared, 'PriorityClass', 'paddock-serving');

  it('put the way in before the replicas, both below what Kubernetes needs for itself', () => {
    expect(system.value).toBeGreaterThan(serving.value ?? 0);
    expect(serving.value ?? 0).toBeGreaterThan(0);
    expect(system.value).toBeLessThan(1_000_000_000);
  });

  it('let no replica put another pod off its node', () => {
    expect(serving.preemptionPolicy).toBe('Never');
    expect([system, serving].some(({ globalDefault }) => globalDefault)).toBe(false);
  });
});
