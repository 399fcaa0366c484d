import { setTimeout as sleep } from 'node:timers/promises';
import { jest } from '@jest/globals';
import { AppsV1Api, CoreV1Api, KubeConfig, VersionApi } from '@kubernetes/client-node';
import { kubernetesVersionParameter } from '../../core/protocol/upgrade.ts';
import { defaultCacheDir } from '../../local/build/artifacts.ts';
import { hasBinaries } from '../../local/cluster/binaries.ts';
import { UpdateFailure } from '../../local/emulators/eks-updates.ts';
import { kubernetesConfig } from '../local/system/config.ts';
import { TestSystem } from '../local/system/fixture.ts';
import { kubelets, UpgradeRuns } from '../local/system/upgrade-runs.ts';

jest.setTimeout(400_000);

/** Optional: the second version takes minutes to build. */
const isThere = ['1.35', '1.36'].every((version) => hasBinaries(defaultCacheDir(), version));
const describeUpgrade = isThere ? describe : describe.skip;
if (!isThere)
  console.warn(
    'SKIPPED: an upgrade of the real control plane needs Kubernetes 1.35 and 1.36; "npm run paddock -- kubernetes install 1.35" builds it',
  );

let t: TestSystem;
let runs: UpgradeRuns;
let watcher: Watcher | undefined;

/** Asks the API server ten times a second which version it is. */
class Watcher {
  readonly #api: VersionApi;
  readonly seen: { at: number; version: string | undefined }[] = [];
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(config: KubeConfig) {
    this.#api = config.makeApiClient(VersionApi);
    this.#done = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const version = await this.#api.getCode().then(
        ({ gitVersion }) => gitVersion,
        () => undefined,
      );
      this.seen.push({ at: Date.now(), version });
      await sleep(100);
    }
  }

  /** The longest time in which it did not answer, seconds, and the versions that it was, in their order. */
  async stop(): Promise<{ awaySeconds: number; versions: string[] }> {
    this.#stopped = true;
    await this.#done;
    let [away, last] = [0, this.seen[0]?.at ?? 0];
    const versions: string[] = [];
    for (const { at, version } of this.seen) {
      if (version === undefined) continue;
      if (versions.at(-1) !== version) versions.push(version);
      away = Math.max(away, at - last);
      last = at;
    }
    return { awaySeconds: away / 1000, versions };
  }
}

const kubeconfig = (): KubeConfig => {
  const config = new KubeConfig();
  config.loadFromFile(t.system.cluster.kubeconfigPath);
  return config;
};

const name = () => t.system.config.cluster.name;
const eksVersion = () => t.system.emulators.eks.describeCluster({ name: name() }).cluster.version;
const recorded = () =>
  t.system.emulators.ssm.getParameter({ Name: kubernetesVersionParameter(name()) }).Parameter?.Value;
const realVersion = async () => (await kubeconfig().makeApiClient(VersionApi).getCode()).gitVersion;
const addon = (addonName: string) =>
  t.system.emulators.eks.describeAddon({ clusterName: name(), addonName }).addon.addonVersion;

/** What must outlive the control plane: the objects by their ids, and the pods' processes by what they served. */
async function identities(): Promise<string[]> {
  const deployments = await kubeconfig().makeApiClient(AppsV1Api).listDeploymentForAllNamespaces();
  return deployments.items.map(({ metadata }) => `${metadata?.name} ${metadata?.uid}`).sort();
}
const pods = async () =>
  (await kubeconfig().makeApiClient(CoreV1Api).listPodForAllNamespaces()).items
    .map(({ metadata }) => `${metadata?.name} ${metadata?.uid}`)
    .sort();

describeUpgrade('the real control plane', () => {
  beforeAll(async () => {
    t = await TestSystem.start(kubernetesConfig());
    runs = new UpgradeRuns(t);
    await t.addTriggers();
    await t.whenSettledAt(2);
  }, 120_000);

  afterEach(() => watcher?.stop());
  afterAll(() => t?.stop());

  it('begins at 1.35', async () => {
    expect(await realVersion()).toBe('v1.35.4');
    expect(await kubelets(t.core)).toEqual(['v1.35.2-eks-local']);
  });

  it('that cannot be updated stays, the execution says why, and a second one would complete it', async () => {
    const why = new UpdateFailure('InsufficientFreeAddresses', 'No free addresses in subnet-a');
    t.system.emulators.eks.failNextUpdate(why);
    const { status, error, cause } = await runs.underLoad(() =>
      runs.upgrade({ target: 'kubernetes', to: '1.36' }),
    );
    expect([status, error]).toEqual(['FAILED', 'UpgradeRolledBack']);
    expect(cause).toContain('InsufficientFreeAddresses: No free addresses in subnet-a');
    expect([eksVersion(), await realVersion(), recorded()]).toEqual(['1.35', 'v1.35.4', '1.35']);
    await runs.expectNothingLeft();
  });

  it('that is not well in its new version goes back to 1.35 by itself, and nobody notices', async () => {
    const before = [await identities(), await pods()];
    const { eks } = t.system.emulators;
    watcher = new Watcher(kubeconfig());
    // The add-on cannot be brought to a version that fits: the last moment before nodes change.
    eks.failNextUpdate(new UpdateFailure('ConfigurationConflict', 'Conflicts found'), {
      addonName: 'coredns',
    });
    const { status, error, cause, states, seconds, asked } = await runs.underLoad(() =>
      runs.upgrade({ target: 'kubernetes', to: '1.36' }),
    );
    const { awaySeconds, versions } = await watcher.stop();
    expect([status, error]).toEqual(['FAILED', 'UpgradeRolledBack']);
    expect(cause).toContain('coredns is UPDATE_FAILED');
    expect(states).toContain('Roll back control plane');
    expect(versions).toEqual(['v1.35.4', 'v1.36.3', 'v1.35.4']);
    expect([eksVersion(), recorded()]).toEqual(['1.35', '1.35']);
    expect([await identities(), await pods()]).toEqual(before);
    await runs.expectNothingLeft();
    const again = await runs.upgrade({ target: 'kubernetes', to: '1.36' });
    expect([again.error, again.cause]).toEqual([
      'UpgradeRefused',
      expect.stringContaining('the add-on coredns is UPDATE_FAILED'),
    ]);
    console.info(
      `forth and back in ${Math.round(seconds)} s, the API away for at most ${awaySeconds.toFixed(1)} s, ${JSON.stringify(asked)} asked`,
    );
  });

  it('goes to 1.36 under load, with add-ons and nodes, half-way and then to the end', async () => {
    const { eks } = t.system.emulators;
    const before = await identities();
    // A person mends the add-on that the test before broke.
    const coredns = { clusterName: name(), addonName: 'coredns' };
    eks.updateAddon(coredns);
    await t.until('the add-on', () => eks.describeAddon(coredns).addon.status === 'ACTIVE');
    await runs.whenNothingStandsInTheWay({ target: 'kubernetes', to: '1.36' });
    const [group = ''] = eks.listNodegroups({ clusterName: name() }).nodegroups;
    eks.failNextUpdate(new UpdateFailure('PodEvictionFailure', 'Pods do not leave'), {
      nodegroupName: group,
    });
    watcher = new Watcher(kubeconfig());
    const first = await runs.underLoad(() => runs.upgrade({ target: 'kubernetes', to: '1.36' }));
    expect([first.status, first.error]).toEqual(['FAILED', 'UpgradeStopped']);
    // The reason, and why nothing was taken back: one node is new.
    expect(first.cause).toMatch(
      /PodEvictionFailure: Pods do not leave; .* Kubelet version rollback compatibility/,
    );

    await runs.whenNothingStandsInTheWay({ target: 'kubernetes', to: '1.36' });
    const second = await runs.underLoad(() => runs.upgrade({ target: 'kubernetes', to: '1.36' }));
    const { awaySeconds, versions } = await watcher.stop();
    expect([second.status, second.cause]).toEqual(['SUCCEEDED', undefined]);
    expect(versions).toEqual(['v1.35.4', 'v1.36.3']);
    expect([eksVersion(), recorded(), await kubelets(t.core)]).toEqual([
      '1.36',
      '1.36',
      ['v1.36.3-eks-local'],
    ]);
    // The newest that fits both, so that the way back stays open.
    expect(addon('coredns')).toBe('v1.13.2-eksbuild.4');
    expect(addon('kube-proxy')).toBe('v1.35.4-eksbuild.2');
    expect(await identities()).toEqual(before);
    await runs.expectNothingLeft();
    console.info(
      `1.35 → 1.36 in ${Math.round(first.seconds)} + ${Math.round(second.seconds)} s, the API away for at most ${awaySeconds.toFixed(1)} s, ` +
        `${JSON.stringify([first.asked, second.asked])} asked`,
    );
  });

  it('and, as a person decides, back to 1.35: the nodes first, then the control plane', async () => {
    const { eks } = t.system.emulators;
    const control = () => eks.updateClusterVersion({ name: name(), version: '1.35' } as { name: string });
    expect(control).toThrow(/Kubelet version rollback compatibility/);
    await runs.whenNothingStandsInTheWay({ target: 'nodes', to: '1.35.2-20260901' });
    const { status, cause } = await runs.underLoad(() =>
      runs.upgrade({ target: 'nodes', to: '1.35.2-20260901' }),
    );
    expect([status, cause]).toEqual(['SUCCEEDED', undefined]);
    expect(await kubelets(t.core)).toEqual(['v1.35.2-eks-local']);
    control();
    await t.until('the control plane', () => eksVersion() === '1.35', 60);
    expect(await realVersion()).toBe('v1.35.4');
  });
});
