import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import type { KubernetesAccess } from '../../adapters/kubernetes/eks.ts';
import { KubernetesRollouts } from '../../adapters/kubernetes/rollout.ts';
import { ANNOTATION, LABEL } from '../../core/protocol/names.ts';

const BOUND = new Date('2026-01-01T00:00:10Z');

/** What is read of one pod of the pool `main`. */
async function read(
  status: V1Pod['status'],
  labels: Record<string, string> = { [LABEL.pool]: 'main' },
  annotations: Record<string, string> = {},
) {
  const pod: V1Pod = {
    metadata: {
      name: 'a',
      uid: 'u',
      labels,
      annotations,
      creationTimestamp: new Date('2026-01-01T00:00:00Z'),
    },
    spec: {
      initContainers: [{ name: 'ollama', image: 'ollama:0.18.0' }],
      containers: [{ name: 'worker', env: [{ name: 'PADDOCK_MODELS', value: 'a:1b,b:1b' }] }],
    },
    ...(status && { status }),
  };
  const none = async () => ({ items: [] });
  const apis = {
    apps: { listNamespacedStatefulSet: none, listNamespacedDeployment: none },
    core: { listNamespacedPod: async () => ({ items: [pod] }) },
  };
  const access = { apis: async () => apis, forget: () => {} } as unknown as KubernetesAccess;
  return (await new KubernetesRollouts(access).read('cpu')).pods;
}

const container = (name: string, state: V1ContainerStatus['state'], restartCount = 0): V1ContainerStatus => ({
  ...{ name, image: '', imageID: '', ready: false, restartCount },
  ...(state && { state }),
});

it('a pod tells what it runs, when it was bound, and how often it was started again', async () => {
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: BOUND };
  const [pod] = await read({
    conditions: [scheduled, { type: 'Ready', status: 'True' }],
    podIP: '10.0.0.1',
    initContainerStatuses: [container('ollama', { running: {} }, 2)],
    containerStatuses: [container('worker', { running: {} }, 1)],
  });
  expect(pod).toMatchObject({
    ...{ pool: 'main', isCanary: false, isReady: true, restarts: 3, ip: '10.0.0.1' },
    ...{ boundAt: BOUND.getTime() / 1000, image: 'ollama:0.18.0', models: ['a:1b', 'b:1b'] },
  });
  expect(pod?.waiting).toBeUndefined();
});

it('a pod without its image tells so, and not that its other containers wait for it', async () => {
  const message = 'Back-off pulling image "ollama:0.18.0"';
  const [pod] = await read(
    {
      initContainerStatuses: [container('ollama', { waiting: { reason: 'ImagePullBackOff', message } })],
      containerStatuses: [container('worker', { waiting: { reason: 'PodInitializing' } })],
    },
    { [LABEL.canary]: 'spot' },
  );
  expect(pod).toMatchObject({
    ...{ pool: 'spot', isCanary: true, waiting: { reason: 'ImagePullBackOff', message } },
  });
});

it('a pod that scale-in takes away tells so', async () => {
  const pool = { [LABEL.pool]: 'main' };
  const drained = await read({}, pool, { [ANNOTATION.deletionCost]: '-1000' });
  expect([drained[0]?.isDraining, (await read({}, pool))[0]?.isDraining]).toEqual([true, false]);
});

it('a pod on its way waits for nothing, and one that has ended is none', async () => {
  const creating = [container('worker', { waiting: { reason: 'ContainerCreating' } })];
  expect((await read({ containerStatuses: creating }))[0]?.waiting).toBeUndefined();
  expect(await read({ phase: 'Failed' })).toEqual([]);
});
