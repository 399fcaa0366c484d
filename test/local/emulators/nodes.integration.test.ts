import { rmSync } from 'node:fs';
import { CoreV1Api, PolicyV1Api, type V1Node } from '@kubernetes/client-node';
import type { Cluster } from '../../../local/cluster/cluster.ts';
import { realClock } from '../../../local/emulators/clock.ts';
import { KubernetesNodes } from '../../../local/emulators/nodes.ts';
import {
  adminConfig,
  BUILD_TIMEOUT_MS,
  newStateDir,
  StubAuthenticator,
  start,
  until,
} from '../cluster/support.ts';
import { emulate, nodegroup } from './fixtures.ts';

const stateDir = newStateDir();
const authenticator = new StubAuthenticator();
let cluster: Cluster;
let core: CoreV1Api;

beforeAll(async () => {
  cluster = await start(stateDir, await authenticator.listen());
  core = adminConfig(cluster).makeApiClient(CoreV1Api);
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  await cluster?.stop();
  authenticator.close();
  rmSync(stateDir, { recursive: true, force: true });
});

const isReady = (node: V1Node): boolean =>
  node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

it('a node group becomes Ready nodes on which GPU pods are scheduled, and leaves with its instances', async () => {
  const { eks, autoscaling, errors, dispose } = emulate({
    clock: realClock,
    nodes: KubernetesNodes.fromKubeconfig(cluster.kubeconfigPath),
    bootSeconds: 0,
    terminateSeconds: 0,
  });
  const { autoScalingGroupName } = eks.addNodegroup(
    nodegroup({
      instanceTypes: ['g5.2xlarge'],
      scalingConfig: { minSize: 2, maxSize: 3 },
      labels: { accelerator: 'nvidia' },
      taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NO_SCHEDULE' }],
    }),
  );
  const nodes = async () => (await core.listNode({ labelSelector: 'accelerator=nvidia' })).items;
  const ready = await until('two Ready nodes', async () => {
    const found = (await nodes()).filter(isReady);
    return found.length === 2 && found;
  });
  expect(ready[0]?.status?.allocatable).toMatchObject({ 'nvidia.com/gpu': '1', cpu: '7910m', pods: '58' });

  await core.createNamespacedPod({
    namespace: 'default',
    body: {
      metadata: { name: 'gpu' },
      spec: {
        containers: [{ name: 'main', image: 'none', resources: { limits: { 'nvidia.com/gpu': '1' } } }],
        tolerations: [{ key: 'nvidia.com/gpu', operator: 'Exists' }],
      },
    },
  });
  const host = await until('the pod to be bound', async () => {
    return (await core.readNamespacedPod({ namespace: 'default', name: 'gpu' })).spec?.nodeName;
  });
  expect(ready.map(({ metadata }) => metadata?.name)).toContain(host);

  autoscaling.updateGroup({ AutoScalingGroupName: autoScalingGroupName, MinSize: 0 });
  const doomed = ready
    .find(({ metadata }) => metadata?.name === host)
    ?.spec?.providerID?.split('/')
    .at(-1);
  autoscaling.terminateInstance({ InstanceId: doomed, ShouldDecrementDesiredCapacity: true });
  await until('the node to leave', async () => (await nodes()).length === 1);
  const left = await nodes();
  expect(left.map(({ metadata }) => metadata?.name)).not.toContain(host);
  expect(errors).toEqual([]);
  dispose();
});

it('drains by eviction, as far as a disruption budget lets it, and a node that never gets ready takes no pod', async () => {
  const nodes = KubernetesNodes.fromKubeconfig(cluster.kubeconfigPath);
  const spec = {
    instanceType: 'c6a.4xlarge',
    capacityType: 'SPOT',
    region: 'us-east-1',
    zone: 'us-east-1a',
    nodegroupName: 'spot',
    taints: [],
    labels: { drained: 'yes' },
    kubernetesVersion: '1.36.0',
  } as const;
  const add = (name: string, neverReady: boolean) =>
    nodes.join({
      ...{ ...spec, taints: [], name, instanceId: `i-${name}`, internalIp: '10.0.9.9', neverReady },
    });
  await add('broken', true);
  const pod = (name: string) => ({
    namespace: 'default',
    body: {
      metadata: { name, labels: { app: 'drained' } },
      spec: { nodeSelector: { drained: 'yes' }, containers: [{ name: 'main', image: 'none' }] },
    },
  });
  await core.createNamespacedPod(pod('held'));
  await until('the pod to find no node', async () => {
    const { status } = await core.readNamespacedPod({ namespace: 'default', name: 'held' });
    return status?.conditions?.some(({ type, status: is }) => type === 'PodScheduled' && is === 'False');
  });
  expect(isReady(await core.readNode({ name: 'broken' }))).toBe(false);

  await add('sound', false);
  await until('the pod to run on the sound one', async () => {
    const { spec: on, status } = await core.readNamespacedPod({ namespace: 'default', name: 'held' });
    return on?.nodeName === 'sound' && status?.phase === 'Running';
  });
  const policy = adminConfig(cluster).makeApiClient(PolicyV1Api);
  const namespace = 'default';
  await policy.createNamespacedPodDisruptionBudget({
    namespace,
    body: {
      metadata: { name: 'hold' },
      spec: { maxUnavailable: 0, selector: { matchLabels: { app: 'drained' } } },
    },
  });
  await until('the budget to count', async () => {
    const { status } = await policy.readNamespacedPodDisruptionBudget({ namespace, name: 'hold' });
    return status?.expectedPods !== undefined && status.observedGeneration !== undefined;
  });
  expect(await nodes.drain('sound')).toBe(false);
  expect((await core.readNode({ name: 'sound' })).spec?.unschedulable).toBe(true);
  expect((await core.readNamespacedPod({ namespace, name: 'held' })).metadata?.deletionTimestamp).toBe(
    undefined,
  );
  await policy.deleteNamespacedPodDisruptionBudget({ namespace, name: 'hold' });
  await until('an empty node', () => nodes.drain('sound'));
  expect(await nodes.drain('not-there')).toBe(true);
});
