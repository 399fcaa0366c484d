import { ApiException, type V1Node } from '@kubernetes/client-node';
import { instanceType, nodeResources } from '../../../local/emulators/instance-types.ts';
import { KubernetesNodes, type NodeSpec, nodeManifest } from '../../../local/emulators/nodes.ts';

const spec = (changes: Partial<NodeSpec> = {}): NodeSpec => ({
  name: 'ip-10-0-0-16.ec2.internal',
  instanceId: 'i-0123456789abcdef0',
  instanceType: 'g5.2xlarge',
  capacityType: 'SPOT',
  region: 'us-east-1',
  zone: 'us-east-1a',
  internalIp: '10.0.0.16',
  nodegroupName: 'paddock-gpu-spot',
  labels: { accelerator: 'nvidia' },
  taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }],
  kubernetesVersion: '1.36.3',
  ...changes,
});

it('registers as the kubelet of an EKS node group does, kept by KWOK', () => {
  const node = nodeManifest(spec());
  expect(node.metadata).toMatchObject({
    name: 'ip-10-0-0-16.ec2.internal',
    annotations: { 'kwok.x-k8s.io/node': 'fake' },
    labels: {
      accelerator: 'nvidia',
      'eks.amazonaws.com/nodegroup': 'paddock-gpu-spot',
      'eks.amazonaws.com/capacityType': 'SPOT',
      'node.kubernetes.io/instance-type': 'g5.2xlarge',
      'topology.kubernetes.io/zone': 'us-east-1a',
      'topology.kubernetes.io/region': 'us-east-1',
      'kubernetes.io/hostname': 'ip-10-0-0-16.ec2.internal',
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'amd64',
    },
  });
  expect(node.spec).toEqual({
    providerID: 'aws:///us-east-1a/i-0123456789abcdef0',
    taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }],
  });
  expect(node.status?.capacity).toMatchObject({ cpu: '8', 'nvidia.com/gpu': '1' });
  expect(node.status?.addresses).toContainEqual({ type: 'InternalIP', address: '10.0.0.16' });
});

it.each([
  ['c6a.4xlarge', '15890m', '110', undefined],
  ['c6a.8xlarge', '31850m', '234', undefined],
  ['t3.medium', '1930m', '17', undefined],
  ['g5.12xlarge', '47810m', '250', '4'],
  ['g4dn.xlarge', '3920m', '29', '1'],
])('%s has %s CPU, %s pods and %s GPUs to give', (name, cpu, pods, gpus) => {
  const { allocatable } = nodeResources(instanceType(name));
  expect(allocatable).toMatchObject({ cpu, pods });
  expect(allocatable['nvidia.com/gpu']).toBe(gpus);
});

it('knows every instance type that the presets use, and says what it does not know', () => {
  for (const name of [
    'c6a.4xlarge',
    'c6a.8xlarge',
    'c6i.4xlarge',
    'g4dn.xlarge',
    'g5.xlarge',
    'g5.2xlarge',
    'g5.12xlarge',
    'g6.xlarge',
    'g6.2xlarge',
    'g6e.xlarge',
    'g6e.2xlarge',
    'm6i.large',
  ]) {
    const { allocatable } = nodeResources(instanceType(name));
    expect(Number.parseInt(allocatable.memory ?? '', 10)).toBeGreaterThan(1024);
  }
  expect(() => instanceType('p9.huge')).toThrow(/does not know the instance type p9\.huge\. Use one of/);
});

describe('KubernetesNodes', () => {
  const conflict = new ApiException(409, 'conflict', '', {});
  const missing = new ApiException(404, 'not found', '', {});
  const api = (overrides: object) =>
    new KubernetesNodes({
      createNode: async () => ({}),
      readNode: async () => ({}),
      deleteNode: async () => ({}),
      ...overrides,
    } as never);

  it('creates the node', async () => {
    const created: V1Node[] = [];
    await api({ createNode: async ({ body }: { body: V1Node }) => created.push(body) }).join(spec());
    expect(created).toEqual([nodeManifest(spec())]);
  });

  it('takes its own node for joined, but not that of another instance', async () => {
    const createNode = async () => {
      throw conflict;
    };
    await api({ createNode, readNode: async () => nodeManifest(spec()) }).join(spec());
    const other = api({ createNode, readNode: async () => nodeManifest(spec({ instanceId: 'i-other' })) });
    await expect(other.join(spec())).rejects.toThrow(
      /already has a node ip-10-0-0-16\.ec2\.internal of aws:\/\/\/us-east-1a\/i-other/,
    );
  });

  it('leaves without complaint when the node is gone already, and fails otherwise', async () => {
    const failing = (error: Error) =>
      api({
        deleteNode: async () => {
          throw error;
        },
      });
    await failing(missing).leave('a');
    await expect(failing(new ApiException(500, 'no', '', {})).leave('a')).rejects.toThrow();
  });
});
