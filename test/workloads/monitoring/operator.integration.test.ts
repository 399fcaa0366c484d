import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ApiextensionsV1Api, loadYaml, type V1CustomResourceDefinition } from '@kubernetes/client-node';
import type { Cluster } from '../../../local/cluster/cluster.ts';
import { applyManifests } from '../../../local/system/kubernetes.ts';
import type { Manifest } from '../../../local/template/manifests.ts';
import config from '../../../paddock.config.ts';
import { namespace } from '../../../workloads/index.ts';
import {
  monitoringManifests,
  monitoringStorage,
  workerMonitor,
} from '../../../workloads/monitoring/index.ts';
import {
  adminConfig,
  BUILD_TIMEOUT_MS,
  newStateDir,
  StubAuthenticator,
  start,
  until,
} from '../../local/cluster/support.ts';

/** What the chart's default version brings (its `appVersion`). */
const OPERATOR = 'github.com/prometheus-operator/prometheus-operator@v0.88.0';
const KINDS = ['podmonitors', 'prometheusrules'];

/** The operator's own definitions of the kinds that we use. */
async function definitions(): Promise<V1CustomResourceDefinition[]> {
  const cwd = mkdtempSync(join(tmpdir(), 'paddock-operator-'));
  try {
    const { stdout } = await promisify(execFile)('go', ['mod', 'download', '-json', OPERATOR], { cwd });
    const folder = join((JSON.parse(stdout) as { Dir: string }).Dir, 'example/prometheus-operator-crd');
    return readdirSync(folder)
      .filter((file) => KINDS.some((kind) => file.endsWith(`_${kind}.yaml`)))
      .map((file) => loadYaml<V1CustomResourceDefinition>(readFileSync(join(folder, file), 'utf8')));
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

const stateDir = newStateDir();
const authenticator = new StubAuthenticator();
let cluster: Cluster;
const apply = (manifests: unknown[]) => applyManifests(cluster.kubeconfigPath, manifests as Manifest[]);

beforeAll(async () => {
  cluster = await start(stateDir, await authenticator.listen());
  const crds = await definitions();
  expect(crds).toHaveLength(KINDS.length);
  await apply(crds);
  const api = adminConfig(cluster).makeApiClient(ApiextensionsV1Api);
  for (const { metadata } of crds)
    await until(`${metadata?.name} to be served`, async () => {
      const { status } = await api.readCustomResourceDefinition({ name: metadata?.name ?? '' });
      return status?.conditions?.some((one) => one.type === 'Established' && one.status === 'True');
    });
  const monitoring = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'monitoring' } };
  await apply([namespace(), monitoring]);
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  await cluster?.stop();
  authenticator.close();
  rmSync(stateDir, { recursive: true, force: true });
});

describe("a real API server with the operator's own kinds", () => {
  it('takes every object of ours, field by field', async () => {
    await apply([monitoringStorage(), ...monitoringManifests(config.fleets, 'docs/operations.md')]);
  });

  it('would refuse a field that they do not know', async () => {
    const monitor = structuredClone(workerMonitor()) as { spec: object };
    Object.assign(monitor.spec, { podMetricEndpoints: [] });
    await expect(apply([monitor])).rejects.toThrow('podMetricEndpoints');
  });
});
