import { UpdateFailure } from '../../../local/emulators/eks-updates.ts';
import { CLUSTER, emulate, refusal } from './fixtures.ts';

const clusterName = CLUSTER.name;

function withAddons(version = '1.35') {
  const world = emulate({ cluster: { ...CLUSTER, version }, addonUpdateSeconds: 60 });
  for (const addon of ['coredns', 'kube-proxy']) world.eks.addAddon(addon);
  const addon = (addonName = 'coredns') => world.eks.describeAddon({ clusterName, addonName }).addon;
  const update = (more: object) =>
    world.eks.updateAddon({ clusterName, addonName: 'coredns', ...more } as never);
  return { ...world, addon, update };
}

it('an add-on that is made without a version gets the one that EKS prefers for the cluster', () => {
  const { addon, eks } = withAddons();
  expect(eks.listAddons({ clusterName })).toEqual({ addons: ['coredns', 'kube-proxy'] });
  expect(addon()).toMatchObject({
    addonVersion: 'v1.12.4-eksbuild.6',
    status: 'ACTIVE',
    health: { issues: [] },
  });
  const { addons } = eks.describeAddonVersions({ addonName: 'coredns', kubernetesVersion: '1.35' });
  const preferred = addons[0]?.addonVersions?.filter(
    ({ compatibilities }) => compatibilities?.[0]?.defaultVersion,
  );
  expect(preferred?.map(({ addonVersion }) => addonVersion)).toEqual(['v1.12.4-eksbuild.6']);
});

it('versions are told for one Kubernetes version, newest first', () => {
  const { eks } = withAddons();
  const { addons } = eks.describeAddonVersions({ addonName: 'coredns', kubernetesVersion: '1.36' });
  expect(
    addons.map(({ addonName, addonVersions }) => [addonName, addonVersions?.map((one) => one.addonVersion)]),
  ).toEqual([['coredns', ['v1.14.2-eksbuild.1', 'v1.13.2-eksbuild.4']]]);
  expect(eks.describeAddonVersions({ addonName: 'coredns', kubernetesVersion: '1.40' })).toEqual({
    addons: [],
  });
});

it('an update takes its time and excludes others', async () => {
  const { addon, update, seconds, eks } = withAddons();
  const { update: begun } = update({ addonVersion: 'v1.13.2-eksbuild.4', resolveConflicts: 'PRESERVE' });
  expect(begun).toMatchObject({ type: 'AddonUpdate', status: 'InProgress' });
  expect(addon()).toMatchObject({ addonVersion: 'v1.12.4-eksbuild.6', status: 'UPDATING' });
  expect(await refusal(() => update({ addonVersion: 'v1.13.2-eksbuild.4' }))).toMatchObject({
    code: 'ResourceInUseException',
  });
  await seconds(60);
  expect(addon()).toMatchObject({ addonVersion: 'v1.13.2-eksbuild.4', status: 'ACTIVE' });
  const { status } = eks.describeUpdate({
    name: clusterName,
    addonName: 'coredns',
    updateId: begun.id ?? '',
  }).update;
  expect(status).toBe('Successful');
});

it.each([
  ['v9', 'Addon version specified is not supported'],
  ['v1.14.2-eksbuild.1', 'not supported: coredns in cluster version 1.34'],
])('an update to %s, which does not fit, is refused', async (addonVersion, message) => {
  const { update } = withAddons('1.34');
  expect(await refusal(() => update({ addonVersion }))).toMatchObject({
    code: 'InvalidParameterException',
    message: expect.stringContaining(message),
  });
});

it('one that nobody installed is not found, one that EKS does not have neither', async () => {
  const { addon, update, eks } = withAddons();
  const notFound = { code: 'ResourceNotFoundException' };
  expect(await refusal(() => addon('vpc-cni'))).toMatchObject(notFound);
  expect(await refusal(() => update({ addonName: 'vpc-cni' }))).toMatchObject(notFound);
  expect(await refusal(() => eks.describeAddonVersions({ addonName: 'mine' }))).toMatchObject(notFound);
});

it('an update that fails is told by the add-on, and another one mends it', async () => {
  const { addon, update, seconds, eks } = withAddons();
  eks.failNextUpdate(new UpdateFailure('ConfigurationConflict', 'Conflicts found'), { addonName: 'coredns' });
  update({ addonVersion: 'v1.13.2-eksbuild.4' });
  await seconds(60);
  expect(addon()).toMatchObject({
    addonVersion: 'v1.12.4-eksbuild.6',
    status: 'UPDATE_FAILED',
    health: { issues: [{ message: 'Conflicts found' }] },
  });
  update({ addonVersion: 'v1.13.2-eksbuild.4' });
  await seconds(60);
  expect(addon()).toMatchObject({
    addonVersion: 'v1.13.2-eksbuild.4',
    status: 'ACTIVE',
    health: { issues: [] },
  });
});
