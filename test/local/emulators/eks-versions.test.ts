import { UpdateFailure } from '../../../local/emulators/eks-updates.ts';
import { CLUSTER, emulate, nodegroup, refusal } from './fixtures.ts';

const name = CLUSTER.name;
const DAY = 86_400;

/** A cluster of 1.35 with one node group, and what its control plane was told. */
function withCluster(options: Parameters<typeof emulate>[0] = {}) {
  const changes: string[] = [];
  const world = emulate({
    cluster: { ...CLUSTER, version: '1.35' },
    changeVersion: async (version) => void changes.push(version),
    clusterUpdateSeconds: 100,
    ...options,
  });
  world.eks.addNodegroup(nodegroup({ scalingConfig: { minSize: 0, maxSize: 4 } }));
  const described = () => world.eks.describeCluster({ name }).cluster;
  const update = (version: string, more = {}) =>
    world.eks.updateClusterVersion({ name, version, ...more } as { name: string }).update;
  const state = (id?: string) => world.eks.describeUpdate({ name, ...(id && { updateId: id }) }).update;
  /** Node groups follow, so that the next update is not refused for their sake. */
  const rollNodes = async (version: string) => {
    const nodegroupName = nodegroup().nodegroupName;
    world.eks.updateNodegroupVersion({ clusterName: name, nodegroupName, version } as never);
    await world.seconds(5);
  };
  return { ...world, changes, described, update, state, rollNodes };
}

describe('UpdateClusterVersion', () => {
  it('takes its time, replaces the control plane, and only then says the new version', async () => {
    const { changes, described, update, state, seconds } = withCluster();
    const { id, type, params, status } = update('1.36');
    expect({ type, status, params }).toEqual({
      type: 'VersionUpdate',
      status: 'InProgress',
      params: [
        { type: 'Version', value: '1.36' },
        { type: 'PlatformVersion', value: 'eks.1' },
      ],
    });
    await seconds(99);
    expect([described().version, described().status, changes]).toEqual(['1.35', 'UPDATING', []]);
    await seconds(1);
    expect([described().version, described().status, changes]).toEqual(['1.36', 'ACTIVE', ['1.36']]);
    expect(state(id)).toMatchObject({ status: 'Successful', errors: [] });
  });

  it.each([
    ['1.35', 'Unsupported Kubernetes minor version update from 1.35 to 1.35'],
    ['1.33', 'Unsupported Kubernetes minor version update from 1.35 to 1.33'],
    ['1.37', 'unsupported Kubernetes version'],
    ['latest', 'unsupported Kubernetes version'],
  ])('to %s is refused', async (version, message) => {
    const { update } = withCluster();
    expect(await refusal(() => update(version))).toMatchObject({
      code: 'InvalidParameterException',
      message,
    });
  });

  it('without a version is refused, and of another cluster', async () => {
    const { eks } = withCluster();
    const message = expect.stringContaining("'version'");
    expect(await refusal(() => eks.updateClusterVersion({ name }))).toMatchObject({
      code: 'InvalidParameterException',
      message,
    });
    expect(await refusal(() => eks.updateClusterVersion({ name: 'other' }))).toMatchObject({
      code: 'ResourceNotFoundException',
    });
  });

  it('excludes another one meanwhile', async () => {
    const { update } = withCluster();
    update('1.36');
    expect(await refusal(() => update('1.36'))).toMatchObject({
      code: 'ResourceInUseException',
      status: 409,
    });
  });

  it('wants the node groups at the version of the control plane', async () => {
    const { update, seconds, eks } = withCluster({ cluster: { ...CLUSTER, version: '1.34' } });
    update('1.35');
    await seconds(100);
    expect(await refusal(() => update('1.36'))).toMatchObject({
      code: 'InvalidRequestException',
      message:
        'Nodegroups paddock-cpu-base must be updated to match cluster version 1.35 before updating cluster version',
    });
    expect(
      eks.describeNodegroup({ clusterName: name, nodegroupName: 'paddock-cpu-base' }).nodegroup.version,
    ).toBe('1.34');
  });

  it('that fails leaves the version as it was, says why, and can be asked for again', async () => {
    const { eks, changes, described, update, state, seconds } = withCluster();
    eks.failNextUpdate(new UpdateFailure('InsufficientFreeAddresses', 'No free addresses', ['subnet-a']));
    const { id } = update('1.36');
    await seconds(100);
    expect([described().version, described().status, changes]).toEqual(['1.35', 'ACTIVE', []]);
    expect(state(id)).toMatchObject({
      status: 'Failed',
      errors: [
        {
          errorCode: 'InsufficientFreeAddresses',
          errorMessage: 'No free addresses',
          resourceIds: ['subnet-a'],
        },
      ],
    });
    update('1.36');
    await seconds(100);
    expect(described().version).toBe('1.36');
  });

  it('fails when the new control plane does not come up', async () => {
    const changeVersion = async () => Promise.reject(new Error('kube-apiserver ended'));
    const { described, update, state, seconds } = withCluster({ changeVersion });
    const { id } = update('1.36');
    await seconds(100);
    expect(described().version).toBe('1.35');
    expect(state(id).errors).toMatchObject([
      { errorCode: 'Unknown', errorMessage: 'Error: kube-apiserver ended' },
    ]);
  });
});

describe('the way back', () => {
  const upgraded = async () => {
    const world = withCluster();
    world.update('1.36');
    await world.seconds(100);
    return world;
  };

  it('is open for seven days', async () => {
    const { changes, described, update, seconds } = await upgraded();
    await seconds(7 * DAY);
    expect(update('1.35').type).toBe('VersionRollback');
    await seconds(100);
    expect([described().version, changes]).toEqual(['1.35', ['1.36', '1.35']]);
  });

  it('is closed afterwards, also by force', async () => {
    const { update, seconds } = await upgraded();
    await seconds(7 * DAY + 1);
    expect(await refusal(() => update('1.35', { force: true }))).toMatchObject({
      code: 'InvalidRequestException',
      message: expect.stringContaining('7 days'),
    });
  });

  it('is closed for a cluster that began with its version, and for one that went back already', async () => {
    const { update } = withCluster();
    const refused = { code: 'InvalidRequestException', message: expect.stringContaining('was not upgraded') };
    expect(await refusal(() => update('1.34'))).toMatchObject(refused);
    const back = await upgraded();
    back.update('1.35');
    await back.seconds(100);
    expect(await refusal(() => back.update('1.34'))).toMatchObject(refused);
  });

  it('is blocked by nodes that are newer, until they are back', async () => {
    const { update, rollNodes } = await upgraded();
    await rollNodes('1.36');
    expect(await refusal(() => update('1.35'))).toMatchObject({
      code: 'InvalidRequestException',
      message: expect.stringContaining('Kubelet version rollback compatibility: paddock-cpu-base (1.36)'),
    });
    await rollNodes('1.35');
    expect(update('1.35').status).toBe('InProgress');
  });

  it('is blocked by a single node that is newer', async () => {
    const { eks, update, seconds, autoscaling } = await upgraded();
    const nodegroupName = nodegroup().nodegroupName;
    autoscaling.setDesiredCapacity({
      AutoScalingGroupName: autoscaling.group(nodegroupName).name,
      DesiredCapacity: 2,
    });
    await seconds(60);
    eks.failNextUpdate(new UpdateFailure('PodEvictionFailure', 'Pods do not leave'), { nodegroupName });
    eks.updateNodegroupVersion({ clusterName: name, nodegroupName, version: '1.36' } as never);
    await seconds(300);
    expect(eks.describeNodegroup({ clusterName: name, nodegroupName }).nodegroup.version).toBe('1.35');
    expect(await refusal(() => update('1.35'))).toMatchObject({
      message: expect.stringContaining('paddock-cpu-base (1.36)'),
    });
  });

  it('can be forced past what insights say', async () => {
    const { update, rollNodes } = await upgraded();
    await rollNodes('1.36');
    expect(update('1.35', { force: true }).status).toBe('InProgress');
  });
});
