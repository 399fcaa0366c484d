import { rmSync } from 'node:fs';
import {
  AppsV1Api,
  CoreV1Api,
  type KubeConfig,
  type V1Deployment,
  type V1Pod,
  type V1PodSpec,
} from '@kubernetes/client-node';
import type { PaddockConfig } from '../../infra/config/index.ts';
import type { Cluster } from '../../local/cluster/cluster.ts';
import { kubernetesTaints } from '../../local/emulators/eks-nodegroup.ts';
import { KubernetesNodes } from '../../local/emulators/nodes.ts';
import { applyManifests } from '../../local/system/kubernetes.ts';
import type { Manifest } from '../../local/template/manifests.ts';
import type { NodegroupView } from '../../local/template/resources.ts';
import { MONITORING_NAMESPACE } from '../../workloads/names.ts';
import {
  adminConfig,
  BUILD_TIMEOUT_MS,
  newStateDir,
  StubAuthenticator,
  start,
  until,
} from '../local/cluster/support.ts';
import { DryRun } from './dry-run.ts';
import { schemaCheck } from './openapi.ts';
import { resolveApp, VARIANTS } from './variants.ts';

/** The oldest that can be configured. */
const OLDEST = 'v1.33.13';
const apps = new Map(Object.entries(VARIANTS).map(([name, config]) => [name, resolveApp(config)]));
const shipped = apps.get('the shipped configuration') as NonNullable<ReturnType<typeof apps.get>>;
/** Kinds of the Prometheus operator are checked where it is. */
const builtIn = ({ apiVersion }: Manifest): boolean => !apiVersion.startsWith('monitoring.coreos.com/');
const nameOf = ({ kind, metadata }: Manifest): string =>
  `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;

const namespacesOf = (manifests: readonly Manifest[]): Manifest[] =>
  manifests.filter(({ kind }) => kind === 'Namespace');

/** The namespace that the Prometheus chart makes. */
const ofChart: Manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: MONITORING_NAMESPACE } };

const stateDir = newStateDir();
const authenticator = new StubAuthenticator();
let cluster: Cluster;
let admin: KubeConfig;
let core: CoreV1Api;
let workloads: AppsV1Api;
let nodes: KubernetesNodes;

beforeAll(async () => {
  cluster = await start(stateDir, await authenticator.listen());
  admin = adminConfig(cluster);
  core = admin.makeApiClient(CoreV1Api);
  workloads = admin.makeApiClient(AppsV1Api);
  nodes = KubernetesNodes.fromKubeconfig(cluster.kubeconfigPath);
  await applyManifests(cluster.kubeconfigPath, [...namespacesOf(shipped.manifests), ofChart]);
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  await cluster?.stop();
  authenticator.close();
  rmSync(stateDir, { recursive: true, force: true });
});

describe("Kubernetes' own schemas of its oldest version here", () => {
  let check: (manifest: Manifest) => string[];
  beforeAll(async () => {
    check = await schemaCheck(OLDEST);
  }, BUILD_TIMEOUT_MS);

  it.each([...apps])('know every object and field of %s', (_name, app) => {
    const problems = app.manifests
      .filter(builtIn)
      .map((manifest) => [nameOf(manifest), check(manifest)] as const)
      .filter(([, problems]) => problems.length > 0);

    expect(app.manifests.length).toBeGreaterThan(20);
    expect(problems).toEqual([]);
  });

  it('would tell of a field that they do not know, and of a value of another type', () => {
    const pod = (spec: object) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec });

    expect(check(pod({ containers: [{ name: 'c', restartPolcy: 'Always' }] }))[0]).toContain('restartPolcy');
    expect(check(pod({ containers: 'c' }))[0]).toContain('must be array');
  });
});

describe('a real API server', () => {
  it.each([...apps])(
    'takes every object of %s with strict field validation, and warns of none',
    async (_name, app) => {
      const dryRun = new DryRun(admin);
      const refused: string[] = [];
      for (const manifest of app.manifests.filter(builtIn).filter(({ kind }) => kind !== 'Namespace')) {
        const problem = await dryRun.create(manifest);
        if (problem !== undefined) refused.push(`${nameOf(manifest)}: ${problem}`);
      }

      expect(refused).toEqual([]);
    },
  );

  it('would refuse an unknown field, and warn of a pod that its namespace would not take', async () => {
    const dryRun = new DryRun(admin);
    const webui = structuredClone(
      shipped.manifests.find((one) => nameOf(one) === 'Deployment paddock/webui'),
    ) as V1Deployment & Manifest;
    const pod = webui.spec?.template.spec as V1PodSpec & { securityContext: { runAsNonRoot?: boolean } };
    pod.securityContext.runAsNonRoot = false;
    expect(await dryRun.create(webui)).toContain('would violate PodSecurity');
    Object.assign(pod, { nodeSelektor: {} });
    expect(await dryRun.create(webui)).toContain('unknown field "spec.template.spec.nodeSelektor"');
  });
});

/** A pod as any add-on brings one: no labels, tolerations or wishes of ours. */
const addOn: V1Deployment & Manifest = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'add-on', namespace: 'kube-system' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'add-on' } },
    template: {
      metadata: { labels: { app: 'add-on' } },
      spec: {
        tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }],
        containers: [
          { name: 'main', image: 'none', resources: { requests: { cpu: '100m', memory: '70Mi' } } },
        ],
      },
    },
  },
};

describe('the real scheduler', () => {
  let joined = 0;
  const join = async (group: NodegroupView): Promise<void> => {
    joined += 1;
    const subnet = shipped.resources.find(({ ref }) => ref === group.subnets[0]);
    await nodes.join({
      name: `node-${joined}`,
      instanceId: `i-${String(joined).padStart(17, '0')}`,
      instanceType: String(group.instanceTypes[0]),
      capacityType: group.capacityType,
      region: 'us-east-1',
      zone: String(subnet?.properties.AvailabilityZone),
      internalIp: `10.0.0.${joined}`,
      nodegroupName: group.name,
      labels: { ...group.labels },
      taints: kubernetesTaints([...group.taints]),
      kubernetesVersion: '1.36.3',
    });
  };
  /** What a group's nodes are for: `system`, or `<fleet>-<pool>`. */
  const purposeOf = (labels: Readonly<Record<string, string>> = {}): string =>
    labels['paddock.dev/role'] ?? `${labels['paddock.dev/fleet']}-${labels['paddock.dev/pool']}`;
  const groups = (wanted: (purpose: string) => boolean) =>
    shipped.nodegroups.filter(({ labels }) => wanted(purposeOf(labels)));
  const isSystem = (purpose: string) => purpose === 'system';
  const isGpu = (purpose: string) => purpose.startsWith('gpu-');

  const podsOf = async (selector: string, namespace = 'paddock'): Promise<V1Pod[]> =>
    (await core.listNamespacedPod({ namespace, labelSelector: selector })).items;
  const replicas = (fleet: string) => podsOf(`app.kubernetes.io/name=ollama,paddock.dev/fleet=${fleet}`);
  const placeOf = async (pod: V1Pod): Promise<string> => {
    const { metadata } = await core.readNode({ name: String(pod.spec?.nodeName) });
    return purposeOf(metadata?.labels);
  };
  const { fleets } = VARIANTS['the shipped configuration'] as PaddockConfig;
  const pools = fleets.flatMap((fleet) => fleet.pools.map((pool) => ({ fleet: fleet.name, pool })));
  const poolsOf = (name: string) => pools.filter(({ fleet }) => fleet === name).length;
  const maximum = pools.reduce((sum, { pool }) => sum + pool.max, 0);
  const isRefused = ({ status }: V1Pod): boolean =>
    status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable') ??
    false;
  const placed = (what: string, pods: () => Promise<V1Pod[]>, count: number) =>
    until(what, async () => {
      const found = (await pods()).filter(({ spec }) => spec?.nodeName !== undefined);
      return found.length === count ? found : undefined;
    });
  const system = async () => [
    ...(await podsOf('app.kubernetes.io/name in (router, webui)')),
    ...(await podsOf('app=add-on', 'kube-system')),
  ];
  const scale = (name: string, count: number) =>
    workloads.patchNamespacedDeploymentScale({
      name,
      namespace: 'paddock',
      body: [{ op: 'replace', path: '/spec/replicas', value: count }],
    });

  beforeAll(async () => {
    // The local runtime's own way: what it could not apply, it could not run.
    await applyManifests(cluster.kubeconfigPath, [...shipped.manifests.filter(builtIn), addOn]);
    for (const group of groups((name) => !isSystem(name) && !isGpu(name))) await join(group);
  });

  it('puts a replica of each pool on a node of that pool: the namespace took its pod', async () => {
    for (const pod of await placed('the replicas of fleet cpu', () => replicas('cpu'), poolsOf('cpu')))
      expect(await placeOf(pod)).toBe(`cpu-${pod.metadata?.labels?.['paddock.dev/pool']}`);
  });

  it('lets a replica wait for a node of its own rather than share one', async () => {
    await scale('cpu-spot', 2);
    await until('one that waits', async () => (await replicas('cpu')).some(isRefused));
    await scale('cpu-spot', 1);
    await until('it to go', async () => (await replicas('cpu')).length === poolsOf('cpu'));
  });

  it('puts nothing of the system on a serving node, however long it waits', async () => {
    await until('all of it to be refused', async () => {
      const pods = await system();
      return pods.length === 5 && pods.every(isRefused);
    });
  });

  it('puts GPU replicas on GPU nodes alone, each with all GPUs of its node', async () => {
    await until('them to be refused the other nodes', async () => {
      const pods = await replicas('gpu');
      return pods.length === poolsOf('gpu') && pods.every(isRefused);
    });
    for (const group of groups(isGpu)) await join(group);
    for (const pod of await placed('the replicas of fleet gpu', () => replicas('gpu'), poolsOf('gpu'))) {
      expect(await placeOf(pod)).toBe(`gpu-${pod.metadata?.labels?.['paddock.dev/pool']}`);
      const node = await core.readNode({ name: String(pod.spec?.nodeName) });
      const asked = pod.spec?.initContainers?.find(({ name }) => name === 'ollama')?.resources?.limits;
      expect(asked?.['nvidia.com/gpu']).toBe(node.status?.allocatable?.['nvidia.com/gpu']);
    }
  });

  it('puts the device plugin on GPU nodes alone', async () => {
    const plugins = await placed(
      'device plugins',
      () => podsOf('app.kubernetes.io/name=paddock-nvidia-device-plugin', 'kube-system'),
      groups(isGpu).length,
    );
    for (const pod of plugins) expect(isGpu(await placeOf(pod))).toBe(true);
  });

  it('puts router, Open WebUI and add-ons on system nodes, with the volume of Open WebUI', async () => {
    for (const group of groups(isSystem)) {
      await join(group);
      await join(group);
    }
    for (const pod of await placed('the pods of the system', system, 5))
      expect(await placeOf(pod)).toBe('system');
    const claim = await core.readNamespacedPersistentVolumeClaim({ name: 'webui', namespace: 'paddock' });
    expect(claim.status?.phase).toBe('Bound');
  });

  it('is asked for every replica that the configuration allows, and for no endless number', async () => {
    for (const { fleet, pool } of pools.filter(({ pool }) => pool.kind === 'elastic'))
      await scale(`${fleet}-${pool.name}`, pool.max);
    await until(
      'all of them',
      async () => [...(await replicas('cpu')), ...(await replicas('gpu'))].length === maximum,
    );
    await scale('cpu-spot', 200);
    const failure = await until('the quota to hold', async () => {
      const { status } = await workloads.readNamespacedDeployment({ name: 'cpu-spot', namespace: 'paddock' });
      return status?.conditions?.find(({ type }) => type === 'ReplicaFailure')?.message;
    });
    expect(failure).toContain('exceeded quota: serving');
    // Each replica may have its successor already, each fleet a canary.
    expect((await replicas('cpu')).length).toBeLessThanOrEqual(2 * maximum + fleets.length);
  });
});
