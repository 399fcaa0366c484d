import { rmSync } from 'node:fs';
import {
  AppsV1Api,
  CoreV1Api,
  type KubernetesObject,
  KubernetesObjectApi,
  type V1PodSpec,
} from '@kubernetes/client-node';
import { RefusedError, UnavailableError } from '../../adapters/errors.ts';
import { EksAccess } from '../../adapters/kubernetes/eks.ts';
import { KubernetesLease } from '../../adapters/kubernetes/lease.ts';
import { KubernetesLeases } from '../../adapters/kubernetes/leases.ts';
import { KubernetesNodes } from '../../adapters/kubernetes/nodes.ts';
import { KubernetesPods } from '../../adapters/kubernetes/pods.ts';
import { KubernetesWorkloads } from '../../adapters/kubernetes/workloads.ts';
import { GROUP, LABEL, NAMESPACE } from '../../core/protocol/names.ts';
import type { Cluster } from '../../local/cluster/cluster.ts';
import { scalerAccess, warmupAccess } from '../../workloads/access.ts';
import { kubernetesContract } from '../contract/kubernetes.ts';
import { FakeEksCluster } from '../fakes/aws.ts';
import {
  adminConfig,
  BUILD_TIMEOUT_MS,
  newStateDir,
  StubAuthenticator,
  start,
  until,
} from '../local/cluster/support.ts';

const stateDir = newStateDir();
const authenticator = new StubAuthenticator();
let cluster: Cluster;
let core: CoreV1Api;
let apps: AppsV1Api;

/** What an EKS cluster tells a function, with a token that the authenticator takes for one of the group. */
class StubEksCluster extends FakeEksCluster {
  signed: string;
  constructor(server: string, caData: string, token: string) {
    super();
    Object.assign(this, { server, caData });
    this.signed = token;
  }
  override async token(): Promise<string> {
    this.enter('token');
    return this.signed;
  }
}

const eksOf = (token: string) => new StubEksCluster(cluster.server, cluster.caData, token);
const accessOf = (token: string) => new EksAccess(eksOf(token));

beforeAll(async () => {
  cluster = await start(stateDir, await authenticator.listen());
  authenticator.users.set('scaler', { username: 'scaler', groups: [GROUP.scaler] });
  authenticator.users.set('warmup', { username: 'warmup', groups: [GROUP.warmup] });
  authenticator.users.set('nobody', { username: 'nobody', groups: [] });
  const admin = adminConfig(cluster);
  core = admin.makeApiClient(CoreV1Api);
  apps = admin.makeApiClient(AppsV1Api);
  const objects = KubernetesObjectApi.makeApiClient(admin);
  await core.createNamespace({ body: { metadata: { name: NAMESPACE } } });
  for (const manifest of [...scalerAccess(), ...warmupAccess()]) {
    await objects.create(manifest as KubernetesObject);
  }
  await until('the default service account', () =>
    core.readNamespacedServiceAccount({ namespace: NAMESPACE, name: 'default' }).catch(() => false),
  );
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  await cluster?.stop();
  authenticator.close();
  rmSync(stateDir, { recursive: true, force: true });
});

const labels = (fleet: string, pool: string) => ({ [LABEL.fleet]: fleet, [LABEL.pool]: pool });
/** No node has this label: the pods stay where they are. */
const podSpec: V1PodSpec = {
  nodeSelector: { 'paddock.dev/none': 'none' },
  containers: [{ name: 'main', image: 'none' }],
};

kubernetesContract('a real API server, by each function’s own rights', () => {
  const scaler = accessOf('scaler');
  const ofScaler = new KubernetesPods(scaler);
  const ofWarmup = new KubernetesPods(accessOf('warmup'));
  return {
    workloads: new KubernetesWorkloads(scaler),
    leases: new KubernetesLeases(scaler),
    nodes: new KubernetesNodes(scaler),
    pods: {
      list: (fleet) => ofScaler.list(fleet),
      setDeletionCost: (...args) => ofScaler.setDeletionCost(...args),
      remove: (...args) => ofScaler.remove(...args),
      get: (name) => ofWarmup.get(name),
      openGate: (...args) => ofWarmup.openGate(...args),
      shutGate: (...args) => ofWarmup.shutGate(...args),
      note: (...args) => ofWarmup.note(...args),
    },
    async addWorkload(fleet, kind, name, pool, replicas) {
      const metadata = { name, labels: labels(fleet, pool) };
      const template = { metadata: { labels: { app: name } }, spec: podSpec };
      const spec = { replicas, selector: { matchLabels: { app: name } }, template };
      if (kind === 'Deployment') {
        await apps.createNamespacedDeployment({ namespace: NAMESPACE, body: { metadata, spec } });
      } else {
        await apps.createNamespacedStatefulSet({ namespace: NAMESPACE, body: { metadata, spec } });
      }
    },
    async addPod(fleet, name, pool) {
      const body = { metadata: { name, labels: labels(fleet, pool) }, spec: podSpec };
      const pod = await core.createNamespacedPod({ namespace: NAMESPACE, body });
      return pod.metadata?.uid ?? '';
    },
    async addNode(fleet, name, instanceId) {
      const spec = instanceId ? { providerID: `aws:///eu-central-1a/${instanceId}` } : {};
      await core.createNode({ body: { metadata: { name, labels: labels(fleet, 'main') }, spec } });
    },
    async renewLease(name, heartbeat) {
      const lease = { namespace: NAMESPACE, name, durationSeconds: 10 };
      await new KubernetesLease(adminConfig(cluster), lease).renew(heartbeat);
    },
  };
});

describe('the Kubernetes API', () => {
  it('refuses who has no rights, and the error names call and server', async () => {
    const error = await new KubernetesPods(accessOf('nobody')).list('cpu').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RefusedError);
    expect(error).toMatchObject({
      message: expect.stringMatching(/list the pods of the fleet cpu at https:\/\/127.*forbidden/),
    });
  });

  it('is found anew after it did not take the token', async () => {
    const eks = eksOf('expired');
    const pods = new KubernetesPods(new EksAccess(eks));
    await expect(pods.list('cpu')).rejects.toMatchObject({ code: '401' });
    expect(eks.callsOf('forget')).toHaveLength(1);
    eks.signed = 'scaler';
    await expect(pods.list('cpu')).resolves.toEqual([]);
  });

  it('is found anew after it moved, without a restart of the function', async () => {
    const eks = eksOf('scaler');
    const { server } = eks;
    eks.server = 'https://127.0.0.1:1';
    const pods = new KubernetesPods(new EksAccess(eks));
    await expect(pods.list('cpu')).rejects.toBeInstanceOf(UnavailableError);
    eks.server = server;
    await expect(pods.list('cpu')).resolves.toEqual([]);
  });
});
