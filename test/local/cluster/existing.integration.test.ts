import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import {
  ApiException,
  CoordinationV1Api,
  CoreV1Api,
  KubeConfig,
  RbacAuthorizationV1Api,
  type V1Pod,
  Watch,
} from '@kubernetes/client-node';
import { LABEL, NAMESPACE } from '../../../core/protocol/names.ts';
import { defaultCacheDir } from '../../../local/build/artifacts.ts';
import { Claim, type ObjectRef } from '../../../local/cluster/claim.ts';
import type { Cluster } from '../../../local/cluster/cluster.ts';
import { useCluster } from '../../../local/cluster/existing.ts';
import { Supervisor } from '../../../local/processes.ts';
import { silentProgress } from '../../../local/progress.ts';
import {
  adminConfig,
  BUILD_TIMEOUT_MS,
  newStateDir,
  processesWith,
  StubAuthenticator,
  start,
  until,
} from './support.ts';

const NOBODY = 'http://127.0.0.1:9/';
const READER = { name: 'pods-of-default', namespace: 'default' };
const stateDir = newStateDir();
const authenticator = new StubAuthenticator();
const supervisors: Supervisor[] = [];
let authenticatorUrl: string;
/** Knows no EKS tokens. */
let theirs: Cluster;
let core: CoreV1Api;

function use(run: string, kubeconfig = theirs.kubeconfigPath): Promise<Cluster> {
  const dir = join(stateDir, run);
  mkdirSync(dir, { recursive: true });
  const supervisor = new Supervisor({ stateDir: dir });
  supervisors.push(supervisor);
  const cacheDir = defaultCacheDir();
  return useCluster({
    kubeconfig,
    cacheDir,
    stateDir: dir,
    authenticatorUrl,
    progress: silentProgress(),
    supervisor,
  });
}

const caller = (cluster: Cluster, token: string): KubeConfig => {
  const config = new KubeConfig();
  const { server, caData } = cluster;
  config.loadFromClusterAndUser({ name: 'eks', server, caData, skipTLSVerify: true }, { name: token, token });
  return config;
};

const code = (asked: Promise<unknown>): Promise<number> =>
  asked.then(
    () => 200,
    (error: unknown) => (error instanceof ApiException ? error.code : Promise.reject(error)),
  );

const claims: ObjectRef[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'inside', namespace: NAMESPACE } },
  { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name: 'paddock-claimed' } },
];

/** What a run would apply. */
async function apply(): Promise<void> {
  await core.createNamespace({ body: { metadata: { name: NAMESPACE } } });
  await core.createNamespacedConfigMap({ namespace: NAMESPACE, body: { metadata: { name: 'inside' } } });
  const rbac = theirsConfig().makeApiClient(RbacAuthorizationV1Api);
  await rbac.createClusterRole({ body: { metadata: { name: 'paddock-claimed' }, rules: [] } });
}

const theirsConfig = (): KubeConfig => adminConfig(theirs);

const addNode = (name: string, labels: Record<string, string>) =>
  core.createNode({ body: { metadata: { name, labels, annotations: { 'kwok.x-k8s.io/node': 'fake' } } } });

const isReady = async (name: string): Promise<boolean> =>
  (await core.readNode({ name })).status?.conditions?.some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  ) ?? false;

async function left(): Promise<string[]> {
  const rbac = theirsConfig().makeApiClient(RbacAuthorizationV1Api);
  const [nodes, namespaces, roles, leases] = await Promise.all([
    core.listNode(),
    core.listNamespace(),
    rbac.listClusterRole(),
    theirsConfig().makeApiClient(CoordinationV1Api).listNamespacedLease({ namespace: 'default' }),
  ]);
  return [...nodes.items, ...namespaces.items, ...roles.items, ...leases.items]
    .map(({ metadata }) => metadata?.name ?? '')
    .filter((name) => name.startsWith('paddock') || name.startsWith('node-'));
}

beforeAll(async () => {
  authenticatorUrl = await authenticator.listen();
  authenticator.users.set('good', { username: 'arn:function', groups: ['readers', 'others'] });
  const ended = Promise.withResolvers<unknown>();
  authenticator.users.set('groupless', { username: 'arn:groupless', groups: [] });
  theirs = await start(join(stateDir, 'theirs'), NOBODY, { onFailure: ended.resolve });
  // It has no KWOK, as other people's clusters have none.
  const [kwok] = processesWith(join(stateDir, 'theirs', 'cluster', 'kwok.yaml'));
  process.kill(Number(kwok), 'SIGKILL');
  await ended.promise;
  core = theirsConfig().makeApiClient(CoreV1Api);
  const rbac = theirsConfig().makeApiClient(RbacAuthorizationV1Api);
  await rbac.createNamespacedRole({
    namespace: READER.namespace,
    body: { metadata: READER, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch'] }] },
  });
  await rbac.createNamespacedRoleBinding({
    namespace: READER.namespace,
    body: {
      metadata: READER,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: READER.name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'readers' }],
    },
  });
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  for (const supervisor of supervisors) await supervisor.stopAll();
  await theirs?.stop();
  authenticator.close();
  rmSync(stateDir, { recursive: true, force: true });
});

describe('the endpoint of a cluster that knows no EKS tokens', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await use('endpoint');
  });
  afterAll(() => cluster?.stop());

  /** Status of a request with exactly these headers. */
  const raw = (path: string, headers: Record<string, string>): Promise<number> =>
    new Promise((resolve, reject) => {
      const sent = request(new URL(path, cluster.server), { headers, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on('error', reject).end();
    });

  it("gives the bearer of a token its groups' rights, and no more", async () => {
    const api = caller(cluster, 'good').makeApiClient(CoreV1Api);
    await expect(api.listNamespacedPod({ namespace: 'default' })).resolves.toMatchObject({ kind: 'PodList' });
    expect(await code(api.listNamespacedSecret({ namespace: 'default' }))).toBe(403);
    expect(await code(api.listNamespacedPod({ namespace: 'kube-system' }))).toBe(403);
    expect(await code(api.deleteNamespacedPod({ name: 'none', namespace: 'default' }))).toBe(403);
  });

  it('answers 401 with a Status to a token that the authenticator does not know, and to none', async () => {
    const answer = await fetch(new URL('/api/v1/namespaces/default/pods', cluster.server), {
      headers: { authorization: 'Bearer bad' },
    });
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({ kind: 'Status', reason: 'Unauthorized', code: 401 });
    expect(await raw('/api/v1/namespaces/default/pods', {})).toBe(401);
  });

  it('lets no caller choose whom it impersonates', async () => {
    // One without groups of its own, so that nothing would replace those that it asks for.
    const authorization = 'Bearer groupless';
    expect(await raw('/api/v1/secrets', { authorization, 'impersonate-group': 'system:masters' })).toBe(403);
    const administrator = 'system:serviceaccount:kube-system:namespace-controller';
    expect(await raw('/api/v1/secrets', { authorization, 'impersonate-user': administrator })).toBe(403);
  });

  it('streams a watch', async () => {
    const seen = Promise.withResolvers<V1Pod>();
    const path = '/api/v1/namespaces/default/pods';
    const onEvent = (_type: string, pod: V1Pod) => seen.resolve(pod);
    const watch = await new Watch(caller(cluster, 'good')).watch(path, {}, onEvent, seen.reject);
    await core.createNamespacedPod({
      namespace: 'default',
      body: { metadata: { name: 'seen' }, spec: { containers: [{ name: 'main', image: 'none' }] } },
    });
    expect((await seen.promise).metadata?.name).toBe('seen');
    watch.abort();
    await core.deleteNamespacedPod({ name: 'seen', namespace: 'default', gracePeriodSeconds: 0 });
  });

  it("makes a marked node Ready by a KWOK of its own, and leaves others' alone", async () => {
    await addNode('node-other', {});
    await addNode('node-marked', cluster.nodeLabels);
    await until('a ready node', () => isReady('node-marked'));
    expect(await isReady('node-other')).toBe(false);
    await core.deleteNode({ name: 'node-other' });
  });
});

describe('what a run leaves', () => {
  it('is nothing: claimed objects, marked nodes and the claim itself go', async () => {
    const cluster = await use('tidy');
    await cluster.claim(claims);
    await apply();
    await addNode('node-1', cluster.nodeLabels);
    await cluster.stop();
    expect(await left()).toEqual([]);
  });

  it('is removed by the next run when it crashed, and does not block it', async () => {
    const crashed = await use('crash');
    await crashed.claim(claims);
    await apply();
    await addNode('node-1', crashed.nodeLabels);

    await expect(use('another')).rejects.toThrow(
      /Another local Paddock uses https:.*crash \(host:state folder\)/,
    );
    const next = await use('crash');
    expect(await left()).toEqual(['paddock-local']);
    await next.claim(claims);
    await next.stop();
    expect(await left()).toEqual([]);
    // Whoever has lost the cluster to another run removes nothing there.
    await expect(crashed.stop()).rejects.toThrow(/Not all that this run made in .* could be removed/);
  });
});

it('a claim on a cluster is noted and given up while it is being renewed', async () => {
  const claim = new Claim(theirsConfig(), 'renewed');
  await claim.take();
  // Each is a renewal, too.
  await Promise.all(Array.from({ length: 5 }, () => claim.note(claims)));
  await Promise.all([claim.note(claims).catch(() => {}), claim.end({ forget: true })]);
  expect(await left()).toEqual([]);
});

describe('a cluster with another Paddock', () => {
  it('is refused for its nodes, and they stay', async () => {
    await addNode('node-theirs', { [LABEL.fleet]: 'cpu' });
    await expect(use('nodes')).rejects.toThrow(/has another Paddock: the node node-theirs is there/);
    expect(await left()).toEqual(['node-theirs']);
    await core.deleteNode({ name: 'node-theirs' });
  });

  it('is refused for its objects, and they stay', async () => {
    await apply();
    const cluster = await use('objects');
    await expect(cluster.claim(claims)).rejects.toThrow(
      `has another Paddock: Namespace ${NAMESPACE} is there`,
    );
    await cluster.stop();
    expect(await left()).toEqual([NAMESPACE, 'paddock-claimed']);
    await core.readNamespacedConfigMap({ name: 'inside', namespace: NAMESPACE });
  });
});

it('refuses a user who may not impersonate, and says what is missing', async () => {
  await core.createNamespacedServiceAccount({ namespace: 'default', body: { metadata: { name: 'weak' } } });
  const { status } = await core.createNamespacedServiceAccountToken({
    name: 'weak',
    namespace: 'default',
    body: { spec: { audiences: [] } },
  });
  const config = theirsConfig();
  const weak = new KubeConfig();
  weak.loadFromClusterAndUser({ ...config.getCurrentCluster(), name: 'theirs' } as never, {
    name: 'weak',
    token: status?.token ?? '',
  });
  const file = join(stateDir, 'weak.kubeconfig');
  writeFileSync(file, weak.exportConfig());
  await expect(use('weak', file)).rejects.toThrow(
    /may not impersonate users, impersonate groups, .*cluster-admin/,
  );
});
