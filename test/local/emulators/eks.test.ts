import { ACCOUNT, CLUSTER, emulate, nodegroup, refusal } from './fixtures.ts';

const NODEGROUP = { clusterName: 'paddock', nodegroupName: 'paddock-cpu-base' };

function withNodegroup(changes: Parameters<typeof nodegroup>[0] = {}, options = {}) {
  const world = emulate(options);
  const { autoScalingGroupName } = world.eks.addNodegroup(nodegroup(changes));
  const described = () => world.eks.describeNodegroup(NODEGROUP).nodegroup;
  const setDesired = (DesiredCapacity: number) =>
    world.autoscaling.setDesiredCapacity({ AutoScalingGroupName: autoScalingGroupName, DesiredCapacity });
  return { ...world, autoScalingGroupName, described, setDesired };
}

describe('DescribeCluster', () => {
  it('says where the apiserver is and how to trust it', () => {
    const { eks } = emulate();
    expect(eks.describeCluster({ name: 'paddock' }).cluster).toMatchObject({
      arn: `arn:aws:eks:us-east-1:${ACCOUNT}:cluster/paddock`,
      endpoint: CLUSTER.endpoint,
      certificateAuthority: { data: 'Q0E=' },
      version: '1.36',
      status: 'ACTIVE',
    });
  });

  it('knows no other cluster', async () => {
    const { eks } = emulate();
    expect(await refusal(() => eks.describeCluster({ name: 'other' }))).toEqual({
      code: 'ResourceNotFoundException',
      message: 'No cluster found for name: other.',
      status: 404,
    });
  });
});

describe('a node group', () => {
  it('has an Auto Scaling group with the name and tags that EKS gives', () => {
    const { autoscaling, autoScalingGroupName, described } = withNodegroup({ capacityType: 'SPOT' });
    expect(autoScalingGroupName).toMatch(/^eks-paddock-cpu-base-[0-9a-f]{8}-[0-9a-f]{4}-4/);
    expect(described().resources?.autoScalingGroups).toEqual([{ name: autoScalingGroupName }]);
    const [group] = autoscaling.describeGroups({}).AutoScalingGroups;
    expect(group?.CapacityRebalance).toBe(true);
    expect(Object.fromEntries((group?.Tags ?? []).map(({ Key, Value }) => [Key, Value]))).toMatchObject({
      'eks:cluster-name': 'paddock',
      'eks:nodegroup-name': 'paddock-cpu-base',
      'k8s.io/cluster-autoscaler/enabled': 'true',
      'k8s.io/cluster-autoscaler/paddock': 'owned',
    });
  });

  it('hands its labels and taints to its nodes, spelled as Kubernetes does', async () => {
    const { nodes, seconds } = withNodegroup({
      scalingConfig: { minSize: 1, maxSize: 2 },
      labels: { 'paddock.dev/pool': 'base' },
      taints: [{ key: 'paddock.dev/pool', value: 'cpu-base', effect: 'NO_SCHEDULE' }],
    });
    await seconds(60);
    expect([...nodes.nodes.values()]).toEqual([
      expect.objectContaining({
        labels: { 'paddock.dev/pool': 'base' },
        taints: [{ key: 'paddock.dev/pool', value: 'cpu-base', effect: 'NoSchedule' }],
      }),
    ]);
  });

  it('is refused with an instance type that is not known, an effect that is none, or a name in use', async () => {
    const { eks } = withNodegroup();
    const add = (changes: object) => () =>
      eks.addNodegroup(nodegroup({ nodegroupName: 'other', ...changes }));
    expect(add({ instanceTypes: ['x9.mega'] })).toThrow(/does not know the instance type x9\.mega/);
    expect(add({ taints: [{ key: 'a', effect: 'NoSchedule' }] })).toThrow(/Invalid taint effect NoSchedule/);
    expect((await refusal(add({ nodegroupName: 'paddock-cpu-base' }))).code).toBe('ResourceInUseException');
  });

  it('is listed in pages', () => {
    const { eks } = withNodegroup();
    eks.addNodegroup(nodegroup({ nodegroupName: 'a' }));
    const first = eks.listNodegroups({ clusterName: 'paddock', maxResults: 1 });
    expect(first.nodegroups).toEqual(['a']);
    expect(
      eks.listNodegroups({ clusterName: 'paddock', nextToken: first.nextToken ?? '' }).nodegroups,
    ).toEqual(['paddock-cpu-base']);
  });

  it('shows the desired size late', async () => {
    const { described, setDesired, seconds } = withNodegroup();
    setDesired(3);
    expect(described().scalingConfig).toEqual({ minSize: 0, maxSize: 10, desiredSize: 0 });
    await seconds(60);
    expect(described().scalingConfig?.desiredSize).toBe(3);
  });

  it('stays degraded after failed launches until one succeeds, even with nothing desired', async () => {
    const { described, setDesired, autoscaling, autoScalingGroupName, seconds } = withNodegroup();
    autoscaling.setCapacity('paddock-cpu-base', { available: 0 });
    setDesired(1);
    await seconds(61);
    expect(described()).toMatchObject({
      status: 'DEGRADED',
      health: {
        issues: [
          {
            code: 'AsgInstanceLaunchFailures',
            message: expect.stringContaining('InsufficientInstanceCapacity'),
            resourceIds: [autoScalingGroupName],
          },
        ],
      },
    });
    setDesired(0);
    await seconds(600);
    expect(described().status).toBe('DEGRADED');

    autoscaling.setCapacity('paddock-cpu-base', { available: 5 });
    setDesired(1);
    await seconds(120);
    expect(described()).toMatchObject({ status: 'ACTIVE', health: { issues: [] } });
  });
});

describe('UpdateNodegroupConfig', () => {
  const update = (scalingConfig: object, more = {}) => ({ ...NODEGROUP, scalingConfig, ...more });

  it('takes time, and another update has to wait', async () => {
    const { eks, described, autoscaling, seconds } = withNodegroup();
    const { update: started } = eks.updateNodegroupConfig(update({ minSize: 1, maxSize: 4, desiredSize: 2 }));
    expect(started).toMatchObject({ status: 'InProgress', type: 'ConfigUpdate' });
    expect(started.params).toContainEqual({ type: 'MaxSize', value: '4' });
    expect(described()).toMatchObject({ status: 'UPDATING', scalingConfig: { maxSize: 10 } });
    expect(await refusal(() => eks.updateNodegroupConfig(update({ maxSize: 5 })))).toEqual({
      code: 'ResourceInUseException',
      message: 'Nodegroup cannot be updated as it is currently not in Active State',
      status: 409,
    });

    await seconds(30);
    const ids = { name: 'paddock', nodegroupName: 'paddock-cpu-base', updateId: started.id ?? '' };
    expect(eks.describeUpdate(ids).update.status).toBe('Successful');
    expect(described()).toMatchObject({
      status: 'ACTIVE',
      scalingConfig: { minSize: 1, maxSize: 4, desiredSize: 2 },
    });
    expect(autoscaling.describeGroups({}).AutoScalingGroups[0]).toMatchObject({
      MinSize: 1,
      MaxSize: 4,
      DesiredCapacity: 2,
    });
  });

  it('leaves a desired size that it does not name alone', async () => {
    const { eks, autoscaling, setDesired, seconds } = withNodegroup();
    eks.updateNodegroupConfig(update({ maxSize: 8 }));
    setDesired(5);
    await seconds(30);
    expect(autoscaling.describeGroups({}).AutoScalingGroups[0]).toMatchObject({
      MaxSize: 8,
      DesiredCapacity: 5,
    });
  });

  it('changes labels and taints of later nodes', async () => {
    const { eks, described, nodes, setDesired, seconds } = withNodegroup({ labels: { old: 'x', kept: 'y' } });
    eks.updateNodegroupConfig({
      ...NODEGROUP,
      labels: { addOrUpdateLabels: { fresh: 'z' }, removeLabels: ['old'] },
      taints: { addOrUpdateTaints: [{ key: 'k', value: 'v', effect: 'NO_EXECUTE' }] },
    });
    await seconds(30);
    setDesired(1);
    await seconds(60);
    expect(described().labels).toEqual({ kept: 'y', fresh: 'z' });
    expect([...nodes.nodes.values()][0]).toMatchObject({
      labels: { kept: 'y', fresh: 'z' },
      taints: [{ key: 'k', value: 'v', effect: 'NoExecute' }],
    });
  });

  it('refuses sizes that contradict each other', async () => {
    const { eks } = withNodegroup();
    const refused = await refusal(() => eks.updateNodegroupConfig(update({ maxSize: 2, desiredSize: 3 })));
    expect(refused).toMatchObject({
      code: 'InvalidParameterException',
      message: "desired capacity 3 can't be greater than max size 2",
    });
  });

  it('fails when the group refuses, and lets the next one through', async () => {
    const { eks, autoscaling, autoScalingGroupName, described, seconds } = withNodegroup();
    const { update: started } = eks.updateNodegroupConfig(update({ maxSize: 4 }));
    autoscaling.contend(autoScalingGroupName);
    await seconds(30);
    const ids = { name: 'paddock', nodegroupName: 'paddock-cpu-base', updateId: started.id ?? '' };
    expect(eks.describeUpdate(ids).update).toMatchObject({
      status: 'Failed',
      errors: [{ errorMessage: expect.stringContaining('ResourceContention') }],
    });
    expect(described()).toMatchObject({ status: 'ACTIVE', scalingConfig: { maxSize: 10 } });
    eks.updateNodegroupConfig(update({ maxSize: 4 }));
    await seconds(30);
    expect(described().scalingConfig?.maxSize).toBe(4);
  });

  it('knows only its own updates', async () => {
    const { eks } = withNodegroup();
    const ids = { name: 'paddock', nodegroupName: 'paddock-cpu-base', updateId: 'none' };
    expect((await refusal(() => eks.describeUpdate(ids))).code).toBe('ResourceNotFoundException');
  });
});

describe('access entries', () => {
  it('map a role to Kubernetes groups', async () => {
    const { eks } = emulate();
    const principalArn = `arn:aws:iam::${ACCOUNT}:role/scaler`;
    eks.addAccessEntry({ principalArn, kubernetesGroups: ['paddock:scaler'] });
    expect(eks.listAccessEntries({ clusterName: 'paddock' }).accessEntries).toEqual([principalArn]);
    expect(eks.describeAccessEntry({ clusterName: 'paddock', principalArn }).accessEntry).toMatchObject({
      kubernetesGroups: ['paddock:scaler'],
      username: `arn:aws:sts::${ACCOUNT}:assumed-role/scaler/{{SessionName}}`,
      type: 'STANDARD',
    });
    const unknown = () => eks.describeAccessEntry({ clusterName: 'paddock', principalArn: 'arn:none' });
    expect((await refusal(unknown)).code).toBe('ResourceNotFoundException');
  });
});

describe('for IAM checks', () => {
  it('resources have the ARN and tags that only the emulator knows', async () => {
    const { eks, autoscaling, nodes, autoScalingGroupName, seconds } = withNodegroup({
      scalingConfig: { minSize: 1, maxSize: 2 },
      tags: { team: 'llm' },
    });
    await seconds(60);
    const group = autoscaling.resolveResource({ kind: 'autoScalingGroup', name: autoScalingGroupName });
    expect(group).toMatchObject({
      arn: expect.stringContaining(`:autoScalingGroupName/${autoScalingGroupName}`),
      tags: { 'eks:cluster-name': 'paddock' },
    });
    const [node] = nodes.nodes.values();
    expect(autoscaling.resolveResource({ kind: 'instance', name: node?.instanceId ?? '' })).toEqual(group);
    expect(eks.resolveResource({ kind: 'cluster', name: 'paddock' })?.arn).toMatch(/:cluster\/paddock$/);
    expect(eks.resolveResource({ kind: 'nodegroup', name: 'paddock-cpu-base', parent: 'paddock' })).toEqual({
      arn: expect.stringContaining(':nodegroup/paddock/paddock-cpu-base/'),
      tags: { team: 'llm' },
    });
  });

  it('what does not exist has none', () => {
    const { eks, autoscaling } = withNodegroup();
    expect(autoscaling.resolveResource({ kind: 'autoScalingGroup', name: 'x' })).toBeUndefined();
    expect(autoscaling.resolveResource({ kind: 'instance', name: 'x' })).toBeUndefined();
    expect(eks.resolveResource({ kind: 'cluster', name: 'x' })).toBeUndefined();
    expect(eks.resolveResource({ kind: 'nodegroup', name: 'paddock-cpu-base', parent: 'x' })).toBeUndefined();
  });
});
