import { modelParameter } from '../../core/protocol/upgrade.ts';
import { defineConfig, presets } from '../../infra/config/index.ts';
import { loadTemplates, type ResolvedApp } from '../../local/template/load.ts';
import config from '../../paddock.config.ts';
import { ENVIRONMENT } from '../local/template/support.ts';
import { ofType, synthesize } from './templates.ts';

/**
 * A deployment after the system has changed itself: nodes scaled, the cluster upgraded. CloudFormation compares what it
 * deploys with what it deployed before, and asks AWS for what the new template says wherever that differs.
 */

const first = synthesize(config);
const MARK_PREFIX = '/paddock/paddock/node-groups/';
const VERSION = '/paddock/paddock/kubernetes-version';
const OLLAMA = '/paddock/paddock/images/ollama';
const CPU_MODEL = config.fleets.find(({ name }) => name === 'cpu')?.models[0] ?? '';

const pools = config.fleets.flatMap((fleet) =>
  fleet.pools.map((pool) => ({ ...pool, nodegroup: `paddock-${fleet.name}-${pool.name}` })),
);
const marks = (value: string) =>
  Object.fromEntries(pools.map(({ nodegroup }) => [`${MARK_PREFIX}${nodegroup}`, value]));

/** As CloudFormation resolves the templates, with these values in Systems Manager. */
const deployed = (directory: string, ssmParameters: Record<string, string> = {}): ResolvedApp =>
  loadTemplates({ assembly: directory, ...ENVIRONMENT, ssmParameters });

/** The system's group has no name of its own. */
const nameOf = ({ name }: { name: string }): string => (name.startsWith('paddock-') ? name : 'system');

const sizes = (app: ResolvedApp) =>
  Object.fromEntries(app.nodegroups.map((group) => [nameOf(group), group.desiredSize]));

/** What each workload's pods load, and what clients ask for, in the same order: `[models, served]` by workload. */
const loaded = (app: ResolvedApp, workload: string): (string | undefined)[] => {
  const found = app.manifests.find(
    ({ kind, metadata }) => ['Deployment', 'StatefulSet'].includes(kind) && metadata.name === workload,
  );
  const text = JSON.stringify(found ?? {});
  return ['PADDOCK_MODELS', 'PADDOCK_SERVED_MODELS'].map(
    (name) => new RegExp(`"name":"${name}","value":"([^"]*)"`).exec(text)?.[1],
  );
};

/** Images of the model servers. */
const ollamaImages = (app: ResolvedApp): string[] => [
  ...new Set(
    [...JSON.stringify(app.manifests).matchAll(/"image":"([^"]*ollama[^"]*)"/g)].map(([, image]) =>
      String(image),
    ),
  ),
];

describe('the first deployment', () => {
  const app = deployed(first.directory);

  it('starts the cluster in the version of the configuration', () => {
    expect(app.clusters[0]?.version).toBe('1.36');
  });

  it('starts the model servers with the image of the configuration', () => {
    expect(ollamaImages(app)).toEqual([config.images.ollama]);
  });

  it('states the size of every node group, as EKS demands of a new one', () => {
    expect(sizes(app)).toEqual({
      system: 2,
      'paddock-cpu-base-a': 1,
      'paddock-cpu-base-b': 1,
      'paddock-cpu-spot': 0,
      'paddock-cpu-on-demand': 0,
      'paddock-gpu-on-demand': 0,
      'paddock-gpu-spot': 0,
    });
  });

  it('marks each serving group once it exists, and unmarks it before it goes', () => {
    const marked = ofType(first.cluster, 'Custom::NodegroupMark').map(([, { Properties, DependsOn }]) => {
      const group = first.cluster.Resources[DependsOn?.[0] ?? ''];
      return {
        group: group?.Properties.NodegroupName,
        create: JSON.parse(Properties.Create).parameters,
        update: Properties.Update,
        delete: JSON.parse(Properties.Delete).parameters,
      };
    });

    expect(marked).toEqual(
      pools.map(({ nodegroup }) => ({
        group: nodegroup,
        create: expect.objectContaining({ Name: `${MARK_PREFIX}${nodegroup}`, Value: 'exists' }),
        update: undefined,
        delete: expect.objectContaining({ Name: `${MARK_PREFIX}${nodegroup}`, Value: 'missing' }),
      })),
    );
  });
});

describe('a second one after a scale-out and an upgrade', () => {
  const second = synthesize(config);
  const app = deployed(second.directory, {
    ...marks('exists'),
    [VERSION]: '1.37',
    [OLLAMA]: 'docker.io/ollama/ollama:0.18.0',
    [modelParameter('paddock', 'cpu', CPU_MODEL)]: 'llama3.2:3b',
  });

  it('has the same templates', () => {
    for (const stack of ['state', 'cluster', 'controlPlane'] as const)
      expect(second[stack]).toEqual(first[stack]);
  });

  it('asks for the version that the cluster has', () => {
    expect(app.clusters[0]?.version).toBe('1.37');
  });

  it('applies the image that the model servers have', () => {
    expect(ollamaImages(app)).toEqual(['docker.io/ollama/ollama:0.18.0']);
  });

  it('has the model that an upgrade put behind a name answer under that name', () => {
    for (const workload of ['cpu-spot', 'cpu-base-a', 'cpu-spot-canary'])
      expect([workload, loaded(app, workload)]).toEqual([workload, ['llama3.2:3b', CPU_MODEL]]);
    expect(loaded(deployed(first.directory), 'cpu-spot')).toEqual([CPU_MODEL, CPU_MODEL]);
  });

  it('says nothing of how many nodes a serving pool has, nor how few it may have', () => {
    const { system, ...serving } = sizes(app);

    expect(Object.values(serving)).toEqual(Array(5).fill(undefined));
    // Nothing but the configuration changes the system nodes.
    expect(system).toBe(2);
    for (const group of app.nodegroups) if (nameOf(group) !== 'system') expect(group.minSize).toBe(0);
  });

  it('says nothing of which releases nodes and add-ons run', () => {
    for (const { Properties } of Object.values(second.cluster.Resources)) {
      expect(Properties ?? {}).not.toHaveProperty('ReleaseVersion');
      expect(Properties ?? {}).not.toHaveProperty('AddonVersion');
    }
    for (const [, { Properties }] of ofType(second.cluster, 'AWS::EKS::Nodegroup'))
      expect(Properties).not.toHaveProperty('Version');
    for (const [, { Properties }] of ofType(second.cluster, 'AWS::EC2::LaunchTemplate'))
      expect(Properties.LaunchTemplateData).not.toHaveProperty('ImageId');
  });

  it('says nothing of how many replicas an elastic pool has', () => {
    const elastic = app.manifests.filter(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.namespace === 'paddock',
    );
    const serving = elastic.filter(
      ({ metadata }) => 'paddock.dev/pool' in ((metadata.labels as object) ?? {}),
    );

    expect(serving.map(({ metadata }) => metadata.name).toSorted()).toEqual([
      'cpu-on-demand',
      'cpu-spot',
      'gpu-on-demand',
      'gpu-spot',
    ]);
    for (const { spec } of serving) expect(spec).not.toHaveProperty('replicas');
  });
});

describe('a change of the configuration', () => {
  it('of versions changes nothing that exists', () => {
    const other = synthesize(
      defineConfig({
        region: 'us-east-1',
        cluster: { name: 'paddock', version: '1.35' },
        images: { ollama: 'docker.io/ollama/ollama:0.16.0' },
        fleets: [presets.cpu(), presets.gpu()],
      }),
    );
    const [, value] = ofType(other.state, 'Custom::InitialValue').find(([, { Properties }]) =>
      Properties.Create.includes(VERSION),
    ) ?? ['', undefined];

    expect(other.cluster).toEqual(first.cluster);
    expect(other.controlPlane).toEqual(first.controlPlane);
    // Made if it is missing, and never written again.
    expect(JSON.parse(value?.Properties.Create).parameters).toMatchObject({
      Value: '1.35',
      Overwrite: false,
    });
    expect(JSON.parse(value?.Properties.Create).ignoreErrorCodesMatching).toBe('ParameterAlreadyExists');
    expect(value?.Properties).not.toHaveProperty('Update');
  });

  it("of a pool's bounds reaches its node group without its size", () => {
    const pools = presets
      .gpu()
      .pools.map((pool) => (pool.name === 'on-demand' ? { ...pool, min: 1, max: 9 } : pool));
    const wider = synthesize(
      defineConfig({ region: 'us-east-1', fleets: [presets.cpu(), presets.gpu({ pools })] }),
    );
    const group = deployed(wider.directory, { ...marks('exists') }).nodegroups.find(
      ({ name }) => name === 'paddock-gpu-on-demand',
    );

    expect(group).toMatchObject({ minSize: 0, maxSize: 9, desiredSize: undefined });
  });

  it('that adds a pool states the size of its group alone', () => {
    const { pools } = presets.cpu();
    const another = pools
      .filter(({ name }) => name === 'base-a')
      .map((pool) => ({ ...pool, name: 'base-c', zones: ['c'] }));
    const more = synthesize(
      defineConfig({
        region: 'us-east-1',
        fleets: [presets.cpu({ policy: { minReplicas: 3 }, pools: [...pools, ...another] }), presets.gpu()],
      }),
    );
    const app = deployed(more.directory, marks('exists'));

    expect(Object.entries(sizes(app)).filter(([, size]) => size !== undefined)).toEqual([
      ['system', 2],
      ['paddock-cpu-base-c', 1],
    ]);
  });
});
