import type { Finding } from '../../../local/emulators/eks-insights.ts';
import { CLUSTER, emulate, nodegroup, refusal } from './fixtures.ts';

const clusterName = CLUSTER.name;

const DEPRECATED: Finding = {
  name: 'Deprecated APIs removed in Kubernetes v1.36',
  category: 'UPGRADE_READINESS',
  status: 'ERROR',
  reason: 'Deprecated API usage detected within last 30 days.',
  recommendation: 'Update manifests and API clients.',
  kubernetesVersion: '1.36',
};

function withInsights() {
  const world = emulate({
    cluster: { ...CLUSTER, version: '1.35' },
    insightsSeconds: 30,
    clusterUpdateSeconds: 0,
  });
  world.eks.addNodegroup(nodegroup());
  world.eks.addAddon('coredns');
  const refresh = async () => {
    world.eks.startInsightsRefresh({ clusterName });
    await world.seconds(30);
  };
  const list = (filter?: object) =>
    world.eks
      .listInsights({ clusterName, filter })
      .insights.map(({ name, insightStatus }) => [name, insightStatus?.status]);
  return { ...world, refresh, list };
}

it('a refresh takes its time, and one at a time', async () => {
  const { eks, seconds } = withInsights();
  expect(await refusal(() => eks.describeInsightsRefresh({ clusterName }))).toMatchObject({
    code: 'ResourceNotFoundException',
  });
  expect(eks.startInsightsRefresh({ clusterName })).toMatchObject({ status: 'IN_PROGRESS' });
  expect(eks.describeInsightsRefresh({ clusterName })).toMatchObject({ status: 'IN_PROGRESS' });
  expect(await refusal(() => eks.startInsightsRefresh({ clusterName }))).toMatchObject({
    code: 'InvalidRequestException',
  });
  await seconds(30);
  expect(eks.describeInsightsRefresh({ clusterName })).toMatchObject({ status: 'COMPLETED' });
});

it('nothing is known before the first look, then what stands against the next version', async () => {
  const { refresh, list } = withInsights();
  expect(list()).toEqual([]);
  await refresh();
  expect(list()).toEqual([
    ['Kubelet version skew', 'PASSING'],
    ['EKS add-on version compatibility', 'WARNING'],
  ]);
  expect(list({ categories: ['ROLLBACK_READINESS'] })).toEqual([]);
  expect(list({ statuses: ['WARNING'] })).toEqual([['EKS add-on version compatibility', 'WARNING']]);
});

it('after an upgrade they tell what stands against the way back', async () => {
  const { eks, refresh, list, seconds } = withInsights();
  eks.updateClusterVersion({ name: clusterName, version: '1.36' } as never);
  await seconds(1);
  await refresh();
  expect(list({ categories: ['ROLLBACK_READINESS'] })).toEqual([
    ['Kubelet version rollback compatibility', 'PASSING'],
    ['EKS add-on version rollback compatibility', 'PASSING'],
  ]);
});

it('what is reported is found at the next look, keeps its id, and goes when it is withdrawn', async () => {
  const { eks, refresh, list } = withInsights();
  await refresh();
  eks.reportInsight(DEPRECATED);
  expect(list({ statuses: ['ERROR'] })).toEqual([]);
  await refresh();
  const [{ id } = {}] = eks.listInsights({ clusterName, filter: { statuses: ['ERROR'] } }).insights;
  expect(eks.describeInsight({ clusterName, id: id ?? '' }).insight).toMatchObject({
    name: DEPRECATED.name,
    insightStatus: { status: 'ERROR', reason: DEPRECATED.reason },
    recommendation: DEPRECATED.recommendation,
  });
  await refresh();
  expect(eks.describeInsight({ clusterName, id: id ?? '' }).insight.name).toBe(DEPRECATED.name);
  eks.withdrawInsight(DEPRECATED.name);
  await refresh();
  expect(list({ statuses: ['ERROR'] })).toEqual([]);
});

it('they look by themselves once a day', async () => {
  const { list, seconds } = withInsights();
  await seconds(86_400);
  expect(list()).not.toEqual([]);
});

it('nonsense is refused', async () => {
  const { eks } = withInsights();
  expect(await refusal(() => eks.listInsights({ clusterName, filter: { statuses: ['BAD'] } }))).toMatchObject(
    { code: 'InvalidParameterException' },
  );
  expect(await refusal(() => eks.describeInsight({ clusterName, id: 'none' }))).toMatchObject({
    code: 'ResourceNotFoundException',
  });
  expect(await refusal(() => eks.listInsights({ clusterName: 'other' }))).toMatchObject({
    code: 'ResourceNotFoundException',
  });
});
