import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  AppsV1Api,
  CoordinationV1Api,
  CoreV1Api,
  PatchStrategy,
  setHeaderOptions,
  type V1Pod,
} from '@kubernetes/client-node';
import { heartbeatSchema } from '../../../core/protocol/heartbeat.ts';
import { ANNOTATION, LABEL, NAMESPACE, READINESS_GATE } from '../../../core/protocol/names.ts';
import type { Cluster } from '../../../local/cluster/cluster.ts';
import { KubernetesNodes } from '../../../local/emulators/nodes.ts';
import { ModelServers } from '../../../local/model-server/model-servers.ts';
import { type PodRunner, startPodRunner } from '../../../local/pods/runner.ts';
import type { PodEvent } from '../../../local/pods/types.ts';
import { Supervisor } from '../../../local/processes.ts';
import { applyManifests } from '../../../local/system/kubernetes.ts';
import { fleetManifests, namespace, sharedManifests } from '../../../workloads/index.ts';
import { WorkerBench } from '../../worker/harness.ts';
import {
  adminConfig,
  BUILD_TIMEOUT_MS,
  newStateDir,
  processesWith,
  StubAuthenticator,
  start,
  until,
} from '../cluster/support.ts';

const WORKLOAD = 'cpu-main';
const pool = {
  ...{
    name: 'main',
    kind: 'elastic' as const,
    zones: [],
    max: 4,
    slots: 2,
    gpusPerNode: 0,
    os: 'al2023' as const,
    modelStorageGiB: 10,
  },
  ...{ resources: { cpu: 1, memoryGiB: 1 }, labels: {}, taints: [] },
};
const fleet = {
  ...{
    name: 'cpu',
    models: ['tiny'],
    contextTokens: 2048,
    requestTimeoutSeconds: 60,
    maxAttempts: 5,
    visibilitySeconds: 30,
    pools: [pool],
  },
  policy: { drainDeadlineSeconds: 5 },
};

const stateDir = newStateDir();
const authenticator = new StubAuthenticator();
const bench = new WorkerBench();
const events: PodEvent[] = [];
let cluster: Cluster;
let supervisor: Supervisor;
let models: ModelServers;
let runner: PodRunner;
let core: CoreV1Api;
let apps: AppsV1Api;
let nodes: KubernetesNodes;

beforeAll(async () => {
  await bench.start();
  cluster = await start(stateDir, await authenticator.listen());
  const admin = adminConfig(cluster);
  core = admin.makeApiClient(CoreV1Api);
  apps = admin.makeApiClient(AppsV1Api);
  nodes = KubernetesNodes.fromKubeconfig(cluster.kubeconfigPath);
  const environment = {
    ...{
      region: bench.front.region,
      queueUrl: bench.queueUrl,
      deadLetterQueueUrl: bench.deadLetterQueueUrl,
      resultsBucket: 'results',
      modelsBucket: 'models',
      registryUrl: '',
      volumeType: 'gp3' as const,
    },
    images: { ollama: 'o', worker: 'w', fetch: 'f' },
    workerBundle: { bucket: 'b', key: 'k', sha256: '0' },
  };
  await applyManifests(cluster.kubeconfigPath, [
    namespace(),
    ...sharedManifests(
      {
        fleets: [fleet],
        images: { devicePlugin: 'd' },
        volumeType: 'gp3',
        webui: { enabled: false, volumeGiB: 1 },
      },
      { controlCidrs: [], loadBalancerCidrs: [], loadBalancerSubnetIds: [] },
    ),
    ...fleetManifests(fleet, environment),
  ] as unknown as Parameters<typeof applyManifests>[1]);
  supervisor = new Supervisor({ stateDir });
  models = new ModelServers();
  const { accessKeyId, secretAccessKey } = bench.front.admin;
  runner = await startPodRunner({
    kubeconfigPath: cluster.kubeconfigPath,
    workerBundlePath: bench.bundle,
    supervisor,
    modelServers: models,
    serving: () => ({ loadSeconds: 1, decodeRate: 1000 }),
    env: () => ({
      AWS_ENDPOINT_URL: bench.front.url,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    }),
    stateDir: join(stateDir, 'pods'),
    logDir: join(stateDir, 'logs', 'pods'),
    onEvent: (event) => events.push(event),
  });
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  await runner?.stop();
  await models?.stop();
  await supervisor?.stopAll();
  await cluster?.stop();
  await bench.stop();
  authenticator.close();
  rmSync(stateDir, { recursive: true, force: true });
});

const addNode = (name: string) =>
  nodes.join({
    name,
    instanceId: `i-${name}`,
    instanceType: 'c6i.4xlarge',
    capacityType: 'ON_DEMAND',
    region: bench.front.region,
    zone: `${bench.front.region}a`,
    internalIp: '10.0.0.1',
    nodegroupName: 'main',
    labels: { [LABEL.fleet]: 'cpu', [LABEL.pool]: 'main' },
    taints: [],
    kubernetesVersion: '1.36',
  });

const scale = (replicas: number) =>
  apps.patchNamespacedDeploymentScale(
    { name: WORKLOAD, namespace: NAMESPACE, body: { spec: { replicas } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );

const pods = async (): Promise<V1Pod[]> =>
  (await core.listNamespacedPod({ namespace: NAMESPACE, labelSelector: LABEL.fleet })).items;

const condition = (pod: V1Pod | undefined, type: string) =>
  pod?.status?.conditions?.find((c) => c.type === type)?.status;

const withCondition = (type: string, value: string, count: number) =>
  until(`${count} pods with ${type}=${value}`, async () => {
    const matching = (await pods()).filter((pod) => condition(pod, type) === value);
    return matching.length === count && matching;
  });

const openGate = (pod: V1Pod) =>
  core.patchNamespacedPodStatus(
    {
      name: pod.metadata?.name ?? '',
      namespace: NAMESPACE,
      body: { status: { conditions: [{ type: READINESS_GATE, status: 'True' }] } },
    },
    setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
  );

const heartbeatOf = async (name: string) => {
  const api = adminConfig(cluster).makeApiClient(CoordinationV1Api);
  const lease = await api.readNamespacedLease({ namespace: NAMESPACE, name });
  return heartbeatSchema.parse(JSON.parse(lease.metadata?.annotations?.[ANNOTATION.heartbeat] ?? 'null'));
};

const only = async (): Promise<V1Pod> => {
  const [pod] = await pods();
  if (!pod) throw new Error('there is no pod');
  return pod;
};

describe("the kubelet's stand-in", () => {
  it('runs a pod once it is bound, as its spec says, and keeps it unready until the gate opens', async () => {
    await addNode('n1');
    await scale(1);
    const [pod] = await withCondition('ContainersReady', 'True', 1);
    expect(pod?.status).toMatchObject({ phase: 'Running', podIP: expect.stringMatching(/^127\./) });
    expect(condition(pod, 'Ready')).toBe('False');
    const name = pod?.metadata?.name ?? '';
    // Written with the pod's own bound token: RBAC and the admission policy let it.
    expect(await heartbeatOf(name)).toMatchObject({ podUid: pod?.metadata?.uid, slots: 2, models: ['tiny'] });
    const at = (kind: PodEvent['kind']) => events.find((e) => e.pod === name && e.kind === kind)?.at ?? 0;
    expect(at('running')).toBeGreaterThanOrEqual(at('bound'));
    await openGate(pod as V1Pod);
    await withCondition('Ready', 'True', 1);
  });

  it('answers what lies in the queue', async () => {
    for (const id of ['a', 'b', 'c']) await bench.submit(id);
    await until(
      'three results',
      async () => (await bench.result('a')) && (await bench.result('b')) && (await bench.result('c')),
    );
    expect(await bench.result('a')).toMatchObject({
      status: 'completed',
      replica: (await only()).metadata?.name,
    });
  });

  it('starts a worker that crashed again, and says so', async () => {
    const before = await only();
    expect(runner.crash(before.metadata?.name ?? '')).toBe(true);
    const after = await until('a restart', async () => {
      const pod = await only();
      const [container] = pod.status?.containerStatuses ?? [];
      return container?.restartCount === 1 && condition(pod, 'Ready') === 'True' && pod;
    });
    expect(after.metadata?.uid).toBe(before.metadata?.uid);
    expect(after.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({
      exitCode: 137,
      signal: 9,
    });
  });

  it('goes on after the API server was away', async () => {
    await cluster.restartApiserver();
    await addNode('n2');
    await scale(2);
    const running = await withCondition('ContainersReady', 'True', 2);
    expect(new Set(running.map((pod) => pod.status?.podIP)).size).toBe(2);
    for (const pod of running) await openGate(pod);
    await withCondition('Ready', 'True', 2);
  });

  it('drains a pod that is deleted; the object goes, its last heartbeat stays', async () => {
    const name = (await pods())[0]?.metadata?.name ?? '';
    await core.deleteNamespacedPod({ namespace: NAMESPACE, name });
    await scale(1);
    await until('the pod to go', async () => !(await pods()).some((pod) => pod.metadata?.name === name));
    expect((await heartbeatOf(name)).state).toBe('draining');
    const kinds = () => events.filter((e) => e.pod === name).map(({ kind }) => kind);
    await until('its end to be told', async () => kinds().includes('ended'));
    expect(kinds().slice(kinds().indexOf('terminating'))).toEqual(['terminating', 'unready', 'ended']);
  });

  it('kills what ran on a node that is gone, and never starts it again there', async () => {
    const [pod] = await withCondition('ContainersReady', 'True', 1);
    const name = pod?.metadata?.name ?? '';
    await core.deleteNode({ name: pod?.spec?.nodeName ?? '' });
    await until('the kill', async () => events.some((e) => e.pod === name && e.kind === 'killed'));
    await until(
      'its process to end',
      async () => runner.count === 0 || !(await pods()).some((p) => p.metadata?.name === name),
    );
    // The garbage collector leaves the object for a while. It changes; and what comes after that change in the same
    // watch has been seen once the next pod is bound.
    await core.patchNamespacedPod(
      { name, namespace: NAMESPACE, body: { metadata: { annotations: { touched: 'yes' } } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
    const bound = () => events.filter((event) => event.kind === 'bound');
    const before = bound().length;
    await addNode('n3');
    await scale(2);
    await until('the next pod', async () => bound().length > before);
    expect(bound().filter((event) => event.pod === name)).toHaveLength(1);
  });

  it('leaves no process behind', async () => {
    await runner.stop();
    expect(processesWith(bench.bundle)).toEqual([]);
  });
});
