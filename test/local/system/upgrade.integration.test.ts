import { jest } from '@jest/globals';
import { ollamaImageParameter } from '../../../core/protocol/upgrade.ts';
import type { Broken } from '../../../local/model-server/versions.ts';
import { recordedCalls } from '../../../local/permissions/recorder.ts';
import { expectRecorded } from '../../permissions/recordings.ts';
import { BUILD_TIMEOUT_MS, until } from '../cluster/support.ts';
import { FLEET, MODEL, POOL, upgradeConfig } from './config.ts';
import { TestSystem } from './fixture.ts';
import { kubelets, UpgradeRuns } from './upgrade-runs.ts';

jest.setTimeout(600_000);

const OLD = 'docker.io/ollama/ollama:0.17.4';

let t: TestSystem;
let runs: UpgradeRuns;

beforeAll(async () => {
  t = await TestSystem.start(upgradeConfig());
  runs = new UpgradeRuns(t);
  await t.addTriggers();
  await t.whenSettledAt(1);
}, BUILD_TIMEOUT_MS);

afterAll(() => t?.stop());

const upgrade = (request: object | string, seconds?: number) => runs.upgrade(request, seconds);
const underLoad = <T>(work: () => Promise<T>) => runs.underLoad(work);
const expectNothingLeft = () => runs.expectNothingLeft();

const recordedImage = () => {
  const name = ollamaImageParameter(t.system.config.cluster.name);
  return t.system.emulators.ssm.getParameter({ Name: name }).Parameter?.Value;
};

/** Version that each replica's model server says it is, through the worker's door. */
const versions = (): Promise<string[]> =>
  answered(async (replicas) => {
    const asked = replicas.map(async (ip) => {
      const response = await fetch(`http://${ip}:8080/api/version`);
      return ((await response.json()) as { version: string }).version;
    });
    return await Promise.all(asked);
  });

/** A replica that has just been found may leave, or be busy, before it is asked: then it is looked again. */
const answered = <T>(ask: (replicas: string[]) => Promise<T | undefined>): Promise<T> =>
  until('an answer of the replicas', async () => ask(await t.replicas()).catch(() => undefined));

it('a dry run says what would be done, and changes nothing', async () => {
  const { status, output } = await upgrade({ target: 'ollama', to: '0.18.0', dryRun: true });
  expect(status).toBe('SUCCEEDED');
  const { plan, obstacles } = JSON.parse(output ?? '{}');
  expect(obstacles).toEqual([]);
  expect(plan.steps.map(({ name }: { name: string }) => name)).toEqual([
    `canary-${FLEET}`,
    `roll-${FLEET}-${POOL}`,
    'record',
  ]);
  await expectNothingLeft();
});

it.each([
  [{ target: 'ollama' }, 'what to upgrade to'],
  ['nonsense', 'the input'],
  [{ target: 'model', to: 'x=y', fleet: FLEET }, 'serves no model x'],
])('%j is refused: %s', async (request, words) => {
  const { status, error, cause } = await upgrade(request as object);
  expect([status, error]).toEqual(['FAILED', 'UpgradeRefused']);
  expect(cause).toContain(words);
});

it('nodes are replaced group by group under load, and no request fails', async () => {
  const { eks } = t.system.emulators;
  const clusterName = t.system.config.cluster.name;
  const { maxSize } = t.group;
  expect(await kubelets(t.core)).toEqual(['v1.36.2-eks-local']);
  const { status, cause, seconds, asked } = await underLoad(() => upgrade({ target: 'nodes', to: 'latest' }));
  expect([status, cause]).toEqual(['SUCCEEDED', undefined]);
  await until(
    'the nodes of before to leave',
    async () => (await kubelets(t.core)).join() === 'v1.36.3-eks-local',
  );
  const releases = eks
    .listNodegroups({ clusterName })
    .nodegroups.map(
      (nodegroupName) => eks.describeNodegroup({ clusterName, nodegroupName }).nodegroup.releaseVersion,
    );
  expect(new Set(releases)).toEqual(new Set(['1.36.3-20261015']));
  // Auto Scaling moves no nodes on its own any more, and has as many as are needed.
  expect([t.group.maxSize, [...t.group.suspended.keys()]]).toEqual([maxSize, ['AZRebalance']]);
  await t.until('a node for each replica', () => t.group.desiredCapacity === t.pool.desired);
  await expectNothingLeft();
  console.info(`nodes replaced in ${Math.round(seconds)} s, ${JSON.stringify(asked)} asked`);
});

describe('a version that is no good goes back by itself, and nobody notices', () => {
  const ways: [Broken, RegExp][] = [
    ['crashes', /failed \d+ of/],
    ['wrong', /like the rest's/],
    ['hangs', /did not answer/],
    ['slow', /times as long/],
  ];
  // The latter two take their time (docs/upgrades.md).
  it.each(process.env.PADDOCK_ALL_UPGRADES ? ways : ways.slice(0, 2))('%s', async (way, why) => {
    const { status, error, cause, seconds, states } = await underLoad(() =>
      upgrade({ target: 'ollama', to: `0.18.0-${way}` }),
    );
    expect([status, error]).toEqual(['FAILED', 'UpgradeRolledBack']);
    expect(cause).toMatch(why);
    expect(states).not.toContain('Roll');
    expect(recordedImage()).toBe(OLD);
    expect(new Set(await versions())).toEqual(new Set(['0.17.4']));
    await expectNothingLeft();
    console.info(`${way}: rolled back after ${Math.round(seconds)} s: ${cause}`);
  });
});

it('a newer Ollama is rolled on under load, and a deployment would keep it', async () => {
  const { status, cause, seconds } = await underLoad(() => upgrade({ target: 'ollama', to: '0.18.0' }));
  expect([status, cause]).toEqual(['SUCCEEDED', undefined]);
  expect(recordedImage()).toBe('docker.io/ollama/ollama:0.18.0');
  expect(new Set(await versions())).toEqual(new Set(['0.18.0']));
  await expectNothingLeft();
  console.info(`upgraded in ${Math.round(seconds)} s`);
});

it('another model answers under the same name', async () => {
  const { status, cause } = await underLoad(() => upgrade({ target: 'model', to: 'llama3.2:3b' }));
  expect([status, cause]).toEqual(['SUCCEEDED', undefined]);
  const body = JSON.stringify({ model: MODEL, prompt: 'Why?', stream: false });
  const answer = await answered(async ([ip]) => {
    const response = await fetch(`http://${ip}:8080/api/generate`, { method: 'POST', body });
    return response.ok ? ((await response.json()) as { model: string }) : undefined;
  });
  expect(answer.model).toBe('llama3.2:3b');
  await expectNothingLeft();
});

describe('an upgrade of Kubernetes is refused, with all that stands in the way,', () => {
  it('while insights find an error and add-ons do not fit', async () => {
    const { eks } = t.system.emulators;
    eks.reportInsight({
      name: 'Deprecated APIs removed in Kubernetes v1.37',
      category: 'UPGRADE_READINESS',
      status: 'ERROR',
      reason: 'Deprecated API usage detected.',
      recommendation: 'Update manifests and API clients.',
      kubernetesVersion: '1.37',
    });
    const { status, error, cause = '' } = await upgrade({ target: 'kubernetes', to: '1.37' });
    eks.withdrawInsight('Deprecated APIs removed in Kubernetes v1.37');
    expect([status, error]).toEqual(['FAILED', 'UpgradeRefused']);
    expect(cause).toContain(
      'EKS says of "Deprecated APIs removed in Kubernetes v1.37": ERROR: Deprecated API usage detected. Update manifests and API clients.',
    );
    for (const addon of ['coredns', 'kube-proxy', 'vpc-cni'])
      expect(cause).toMatch(new RegExp(`no version of the add-on ${addon} \\(v[^)]+\\) fits 1.37`));
  });

  it('past the next minor version', async () => {
    const { status, error, cause } = await upgrade({ target: 'kubernetes', to: '1.38' });
    expect([status, error]).toEqual(['FAILED', 'UpgradeRefused']);
    expect(cause).toContain('from 1.36 go to 1.37 first');
  });
});

it('every call was allowed, and is one that the permissions are tested with', async () => {
  expectRecorded('upgrade', await recordedCalls(t.system));
});
