import { rmSync } from 'node:fs';
import {
  AdmissionregistrationV1Api,
  ApiException,
  AppsV1Api,
  CoordinationV1Api,
  CoreV1Api,
  type KubeConfig,
  RbacAuthorizationV1Api,
  StorageV1Api,
  type V1Pod,
  type V1PodSpec,
} from '@kubernetes/client-node';
import { mergePatch } from '../../../adapters/kubernetes/client.ts';
import { LABEL, READINESS_GATE } from '../../../core/protocol/names.ts';
import type { Cluster } from '../../../local/cluster/cluster.ts';
import {
  adminConfig,
  BUILD_TIMEOUT_MS,
  newStateDir,
  processesWith,
  StubAuthenticator,
  start,
  tokenConfig,
  until,
} from './support.ts';

const namespace = 'test';
const stateDir = newStateDir();
const authenticator = new StubAuthenticator();
let cluster: Cluster;
let admin: KubeConfig;
let core: CoreV1Api;
let apps: AppsV1Api;

const podSpec: V1PodSpec = {
  containers: [{ name: 'main', image: 'none', resources: { requests: { cpu: '1' } } }],
  terminationGracePeriodSeconds: 5,
};

const podsOf = async (app: string): Promise<V1Pod[]> =>
  (await core.listNamespacedPod({ namespace, labelSelector: `app=${app}` })).items;

const condition = (pod: V1Pod, type: string): string | undefined =>
  pod.status?.conditions?.find((candidate) => candidate.type === type)?.status;

async function addNode(name: string, cpu: string): Promise<void> {
  await core.createNode({
    body: {
      metadata: {
        name,
        annotations: { 'kwok.x-k8s.io/node': 'fake' },
        labels: { 'kubernetes.io/hostname': name },
      },
      status: {
        capacity: { cpu, memory: '16Gi', pods: '20' },
        allocatable: { cpu, memory: '16Gi', pods: '20' },
        addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      },
    },
  });
}

async function createServiceAccountFor(name: string): Promise<void> {
  await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name } } });
  const rbac = admin.makeApiClient(RbacAuthorizationV1Api);
  await rbac.createNamespacedRoleBinding({
    namespace,
    body: {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  });
}

const codeOf = (error: unknown): number | undefined =>
  error instanceof ApiException ? error.code : undefined;

beforeAll(async () => {
  cluster = await start(stateDir, await authenticator.listen());
  admin = adminConfig(cluster);
  core = admin.makeApiClient(CoreV1Api);
  apps = admin.makeApiClient(AppsV1Api);
  await core.createNamespace({ body: { metadata: { name: namespace } } });
  await addNode('node-1', '8');
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  await cluster?.stop();
  authenticator.close();
  rmSync(stateDir, { recursive: true, force: true });
});

describe('a local cluster', () => {
  it('runs a Deployment on a KWOK node and removes its pods when it shrinks', async () => {
    await apps.createNamespacedDeployment({
      namespace,
      body: {
        metadata: { name: 'web' },
        spec: {
          replicas: 3,
          selector: { matchLabels: { app: 'web' } },
          template: { metadata: { labels: { app: 'web' } }, spec: podSpec },
        },
      },
    });
    const ready = await until('three ready pods', async () => {
      const pods = (await podsOf('web')).filter((pod) => condition(pod, 'Ready') === 'True');
      return pods.length === 3 ? pods : undefined;
    });
    expect(ready.map((pod) => [pod.spec?.nodeName, pod.status?.phase])).toEqual(
      Array(3).fill(['node-1', 'Running']),
    );
    // A patch: its controller may write the Deployment's status between a read and a replacement.
    await apps.patchNamespacedDeploymentScale(
      { name: 'web', namespace, body: { spec: { replicas: 0 } } },
      mergePatch(),
    );
    await until('no pods', async () => (await podsOf('web')).length === 0);
  });

  it('leaves an unschedulable pod pending and places it when a node appears', async () => {
    const body: V1Pod = {
      metadata: { name: 'big', labels: { app: 'big' } },
      spec: { containers: [{ name: 'main', image: 'none', resources: { requests: { cpu: '12' } } }] },
    };
    await core.createNamespacedPod({ namespace, body });
    await until('the scheduler to refuse it', async () =>
      (await podsOf('big')).some((pod) => condition(pod, 'PodScheduled') === 'False'),
    );
    await addNode('node-2', '16');
    await until('it to run', async () => (await podsOf('big'))[0]?.status?.phase === 'Running');
    expect((await podsOf('big'))[0]?.spec?.nodeName).toBe('node-2');
  });

  it('has a scheduler again after it has ended itself', async () => {
    const schedulers = processesWith(`${stateDir}/cluster/scheduler.yaml`);
    expect(schedulers).toHaveLength(1);
    for (const pid of schedulers) process.kill(pid, 'SIGKILL');
    await core.createNamespacedPod({
      namespace,
      body: { metadata: { name: 'later', labels: { app: 'later' } }, spec: podSpec },
    });
    await until('it to run', async () => (await podsOf('later'))[0]?.status?.phase === 'Running');
  });

  it("leaves a fleet's pod to whoever plays its kubelet, loopback address, gate and deletion included", async () => {
    const name = 'serving';
    await core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name, labels: { app: name, [LABEL.fleet]: 'cpu' } },
        spec: { ...podSpec, readinessGates: [{ conditionType: READINESS_GATE }] },
      },
    });
    await core.createNamespacedPod({
      namespace,
      body: { metadata: { name: 'other', labels: { app: 'other' } }, spec: podSpec },
    });
    // KWOK has seen both once the other one runs.
    await until('the other pod', async () => (await podsOf('other'))[0]?.status?.phase === 'Running');
    const bound = await until('a node for it', async () =>
      (await podsOf(name)).find((pod) => pod.spec?.nodeName !== undefined),
    );
    expect(bound.status?.phase).toBe('Pending');
    await core.replaceNamespacedPodStatus({
      name,
      namespace,
      body: { ...bound, status: { ...bound.status, phase: 'Running', podIP: '127.0.5.1' } },
    });
    await core.deleteNamespacedPod({ name, namespace });
    await core.deleteNamespacedPod({ name: 'other', namespace });
    await until('the other pod to go', async () => (await podsOf('other')).length === 0);
    const [terminating] = await podsOf(name);
    expect(terminating?.metadata?.deletionTimestamp).toBeDefined();
    expect(terminating?.status?.podIP).toBe('127.0.5.1');
    expect(condition(terminating as V1Pod, 'Ready')).not.toBe('True');
    await core.deleteNamespacedPod({ name, namespace, gracePeriodSeconds: 0 });
    await until('it to go', async () => (await podsOf(name)).length === 0);
  });

  it('keeps a pod with a readiness gate unready until its owner sets the gate', async () => {
    await core.createNamespacedPod({
      namespace,
      body: {
        metadata: { name: 'gated', labels: { app: 'gated' } },
        spec: { ...podSpec, readinessGates: [{ conditionType: 'example.com/gate' }] },
      },
    });
    const pod = await until('it to run', async () =>
      (await podsOf('gated')).find(({ status }) => status?.phase === 'Running'),
    );
    expect(condition(pod, 'ContainersReady')).toBe('True');
    expect(condition(pod, 'Ready')).toBe('False');
  });

  it('provisions the volumes of a StatefulSet once its pods have nodes, and deletes them with the claims', async () => {
    await admin.makeApiClient(StorageV1Api).createStorageClass({
      body: {
        metadata: { name: 'disks' },
        provisioner: 'ebs.csi.aws.com',
        volumeBindingMode: 'WaitForFirstConsumer',
      },
    });
    await apps.createNamespacedStatefulSet({
      namespace,
      body: {
        metadata: { name: 'store' },
        spec: {
          replicas: 2,
          podManagementPolicy: 'Parallel',
          serviceName: 'store',
          selector: { matchLabels: { app: 'store' } },
          template: { metadata: { labels: { app: 'store' } }, spec: podSpec },
          persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' },
          volumeClaimTemplates: [
            {
              metadata: { name: 'data' },
              spec: {
                accessModes: ['ReadWriteOnce'],
                storageClassName: 'disks',
                resources: { requests: { storage: '1Gi' } },
              },
            },
          ],
        },
      },
    });
    await until('two ready pods', async () => {
      const pods = await podsOf('store');
      return pods.length === 2 && pods.every((pod) => condition(pod, 'Ready') === 'True');
    });
    const claims = (await core.listNamespacedPersistentVolumeClaim({ namespace })).items;
    expect(claims.map(({ metadata, status }) => [metadata?.name, status?.phase])).toEqual([
      ['data-store-0', 'Bound'],
      ['data-store-1', 'Bound'],
    ]);
    await apps.deleteNamespacedStatefulSet({ name: 'store', namespace });
    await until('the volumes to go', async () => (await core.listPersistentVolume()).items.length === 0);
  });

  it('authenticates tokens at the webhook and authorizes them by RBAC', async () => {
    authenticator.users.set('token-of-a-function', { username: 'function', groups: ['paddock:test'] });
    const client = tokenConfig(cluster, 'token-of-a-function').makeApiClient(CoreV1Api);
    const stranger = tokenConfig(cluster, 'nobody').makeApiClient(CoreV1Api);
    const list = (api: CoreV1Api): Promise<unknown> =>
      api.listNamespacedPod({ namespace }).then(() => 200, codeOf);
    expect(await list(stranger)).toBe(401);
    expect(await list(client)).toBe(403);
    const rbac = admin.makeApiClient(RbacAuthorizationV1Api);
    await rbac.createNamespacedRole({
      namespace,
      body: {
        metadata: { name: 'reader' },
        rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }],
      },
    });
    await rbac.createNamespacedRoleBinding({
      namespace,
      body: {
        metadata: { name: 'reader' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'paddock:test' }],
      },
    });
    await until('the binding to act', async () => (await list(client)) === 200);
    expect(await client.listNamespacedSecret({ namespace }).then(() => 200, codeOf)).toBe(403);
    authenticator.users.delete('token-of-a-function');
    await until('the token to stop working', async () => (await list(client)) === 401);
  });

  it('tells an admission policy which pod a bound token belongs to', async () => {
    await createServiceAccountFor('worker');
    const name = 'worker-1';
    const pod = await core.createNamespacedPod({
      namespace,
      body: { metadata: { name }, spec: { ...podSpec, serviceAccountName: 'worker' } },
    });
    const admission = admin.makeApiClient(AdmissionregistrationV1Api);
    await admission.createValidatingAdmissionPolicy({
      body: {
        metadata: { name: 'own-lease' },
        spec: {
          failurePolicy: 'Fail',
          matchConstraints: {
            resourceRules: [
              {
                apiGroups: ['coordination.k8s.io'],
                apiVersions: ['v1'],
                resources: ['leases'],
                operations: ['CREATE', 'UPDATE'],
              },
            ],
          },
          matchConditions: [
            {
              name: 'worker',
              expression: `request.userInfo.username == 'system:serviceaccount:${namespace}:worker'`,
            },
          ],
          validations: [
            {
              expression:
                "request.userInfo.extra['authentication.kubernetes.io/pod-name'][0] == object.metadata.name",
              message: 'a pod writes its own Lease only',
            },
          ],
        },
      },
    });
    await admission.createValidatingAdmissionPolicyBinding({
      body: {
        metadata: { name: 'own-lease' },
        spec: { policyName: 'own-lease', validationActions: ['Deny'] },
      },
    });
    const request = await core.createNamespacedServiceAccountToken({
      name: 'worker',
      namespace,
      body: {
        spec: {
          audiences: [],
          expirationSeconds: 3600,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid: String(pod.metadata?.uid) },
        },
      },
    });
    const leases = tokenConfig(cluster, String(request.status?.token)).makeApiClient(CoordinationV1Api);
    const write = (lease: string): Promise<unknown> =>
      leases
        .createNamespacedLease({ namespace, body: { metadata: { name: lease }, spec: {} } })
        .then(() => 201, codeOf);
    let attempt = 0;
    await until('the policy to act', async () => {
      attempt += 1;
      return (await write(`not-mine-${attempt}`)) === 422;
    });
    expect(await write(name)).toBe(201);
  });

  it('gives every namespace its default service account and the CA, and takes a token for STS', async () => {
    const ca = await until('the CA', () =>
      core.readNamespacedConfigMap({ name: 'kube-root-ca.crt', namespace }).then(
        ({ data }) => data?.['ca.crt'],
        () => undefined,
      ),
    );
    expect(Buffer.from(cluster.caData, 'base64').toString()).toBe(ca);
    const request = await core.createNamespacedServiceAccountToken({
      name: 'default',
      namespace,
      body: { spec: { audiences: ['sts.amazonaws.com'] } },
    });
    expect(request.status?.token).toBeTruthy();
  });

  it('keeps its address and its objects when the API server restarts, and goes on working', async () => {
    const before = (await core.listNamespacedPod({ namespace })).items.length;
    await cluster.restartApiserver();
    const again = adminConfig(cluster).makeApiClient(CoreV1Api);
    expect((await again.listNamespacedPod({ namespace })).items).toHaveLength(before);
    await again.createNamespacedPod({
      namespace,
      body: { metadata: { name: 'after', labels: { app: 'after' } }, spec: podSpec },
    });
    await until(
      'a pod made after the restart',
      async () => (await podsOf('after'))[0]?.status?.phase === 'Running',
    );
  });

  it('leaves no process behind when it stops', async () => {
    expect(processesWith(stateDir).length).toBeGreaterThanOrEqual(5);
    await cluster.stop();
    expect(processesWith(stateDir)).toEqual([]);
  });
});
