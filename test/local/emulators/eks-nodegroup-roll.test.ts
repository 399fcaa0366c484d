import fc from 'fast-check';
import { UpdateFailure } from '../../../local/emulators/eks-updates.ts';
import { liveInstances } from '../../../local/emulators/scaling-group.ts';
import { CLUSTER, emulate, nodegroup, refusal } from './fixtures.ts';

const OF = { clusterName: CLUSTER.name, nodegroupName: 'paddock-cpu-base' };
const NEW = '1.36.3-20261015';

/** A group with that many nodes in service, and a release that is newer than theirs. */
async function withNodes(count: number, options: { maxUnavailable?: number; maxSize?: number } = {}) {
  const world = emulate({
    nodeSettleSeconds: 60,
    drainSeconds: 900,
    nodeCreationSeconds: 300,
    bootSeconds: 40,
  });
  const { maxUnavailable = 1, maxSize = Math.max(1, count) } = options;
  const scalingConfig = { minSize: 0, maxSize, desiredSize: count };
  const { autoScalingGroupName } = world.eks.addNodegroup(nodegroup({ scalingConfig, maxUnavailable }));
  await world.seconds(60);
  world.eks.publishReleases();
  const group = world.autoscaling.group(autoScalingGroupName);
  const update = (more = {}) => world.eks.updateNodegroupVersion({ ...OF, ...more } as never).update;
  const described = () => world.eks.describeNodegroup(OF).nodegroup;
  const kubelets = () =>
    [...world.nodes.nodes.values()].map(({ kubernetesVersion }) => kubernetesVersion).sort();
  const state = (id?: string) =>
    world.eks.describeUpdate({
      name: CLUSTER.name,
      nodegroupName: OF.nodegroupName,
      ...(id && { updateId: id }),
    }).update;
  return { ...world, group, update, described, kubelets, state };
}

it('replaces every node, one at a time, and gives the group its size back', async () => {
  const { nodes, group, update, described, kubelets, state, seconds } = await withNodes(3);
  expect([described().releaseVersion, kubelets()]).toEqual([
    '1.36.2-20260901',
    Array(3).fill('1.36.2-eks-local'),
  ]);
  const old = [...nodes.nodes.keys()];
  const { id } = update();
  expect(described().status).toBe('UPDATING');
  let fewestOld = 3;
  for (let second = 0; second < 600 && described().status === 'UPDATING'; second++) {
    await seconds(1);
    const here = [...nodes.nodes.keys()];
    const left = old.filter((node) => here.includes(node)).length;
    expect(fewestOld - left).toBeLessThanOrEqual(1);
    fewestOld = left;
    // Those that serve are never fewer than before.
    expect(here.filter((node) => !nodes.drained.has(node)).length).toBeGreaterThanOrEqual(2);
  }
  await seconds(60);
  expect(state(id)).toMatchObject({ status: 'Successful', errors: [] });
  expect(kubelets()).toEqual(Array(3).fill('1.36.3-eks-local'));
  expect([group.desiredCapacity, group.maxSize]).toEqual([3, 3]);
  expect(described()).toMatchObject({ status: 'ACTIVE', version: '1.36', releaseVersion: NEW });
});

it('an old node goes only once it is empty and a minute has passed', async () => {
  const { nodes, update, described, seconds } = await withNodes(1);
  const [old = ''] = nodes.nodes.keys();
  nodes.held.add(old);
  update();
  await seconds(300);
  expect(nodes.nodes.has(old)).toBe(true);
  nodes.held.clear();
  await seconds(59);
  expect(nodes.nodes.has(old)).toBe(true);
  await seconds(5);
  expect(nodes.nodes.has(old)).toBe(false);
  expect(described().status).toBe('ACTIVE');
});

it('fails when pods do not leave in time: the node serves on, what is new stays, and another update goes on', async () => {
  const { nodes, group, update, described, state, kubelets, seconds } = await withNodes(2);
  const [first = '', second = ''] = nodes.nodes.keys();
  nodes.held.add(first).add(second);
  const { id } = update();
  await seconds(1000);
  expect(state(id)).toMatchObject({ status: 'Failed', errors: [{ errorCode: 'PodEvictionFailure' }] });
  expect(described()).toMatchObject({ status: 'ACTIVE', releaseVersion: '1.36.2-20260901' });
  expect(nodes.cordoned.has(second)).toBe(false);
  expect(group.maxSize).toBe(group.desiredCapacity);
  nodes.held.clear();
  update();
  await seconds(600);
  expect(described()).toMatchObject({ status: 'ACTIVE', releaseVersion: NEW });
  expect(new Set(kubelets())).toEqual(new Set(['1.36.3-eks-local']));
});

it('by force it ends pods that do not leave', async () => {
  const { nodes, update, described, seconds } = await withNodes(1);
  for (const node of nodes.nodes.keys()) nodes.held.add(node);
  update({ force: true });
  await seconds(1000);
  expect(described().releaseVersion).toBe(NEW);
});

it('fails when EC2 has no capacity for new nodes, and touches no old one', async () => {
  const { autoscaling, nodes, update, state, seconds } = await withNodes(2);
  autoscaling.setCapacity(OF.nodegroupName, { available: 0 });
  const { id } = update();
  await seconds(310);
  expect(state(id)).toMatchObject({ status: 'Failed', errors: [{ errorCode: 'NodeCreationFailure' }] });
  expect([nodes.drained.size, nodes.cordoned.size]).toEqual([0, 0]);
});

it('fails when new nodes do not become Ready', async () => {
  const { autoscaling, update, state, seconds } = await withNodes(1);
  autoscaling.setUnready(OF.nodegroupName, 1);
  const { id } = update();
  await seconds(310);
  expect(state(id).errors).toMatchObject([{ errorCode: 'NodeCreationFailure' }]);
});

it('that is to fail does so half-way, and another one takes the rest', async () => {
  const { eks, update, described, kubelets, state, seconds } = await withNodes(3);
  eks.failNextUpdate(new UpdateFailure('AsgInstanceLaunchFailures' as never, 'half-way'), OF);
  const { id } = update();
  await seconds(400);
  expect(state(id).status).toBe('Failed');
  expect(new Set(kubelets()).size).toBe(2);
  update();
  await seconds(600);
  expect(described().releaseVersion).toBe(NEW);
  expect(new Set(kubelets())).toEqual(new Set(['1.36.3-eks-local']));
});

it.each([
  [{ version: '1.37' }, 'equal to or less than the cluster'],
  [{ releaseVersion: '1.35.3-20261015' }, 'not valid for kubernetes version 1.36'],
  [{ releaseVersion: 'newest' }, 'not valid'],
])('%j is refused', async (input, message) => {
  const { update } = await withNodes(0);
  expect(await refusal(() => update(input))).toMatchObject({
    code: 'InvalidParameterException',
    message: expect.stringContaining(message),
  });
});

it('one at a time, and not beside a change of its configuration', async () => {
  const { eks, update } = await withNodes(1);
  update();
  const inUse = { code: 'ResourceInUseException', status: 409 };
  expect(await refusal(() => update())).toMatchObject(inUse);
  expect(
    await refusal(() => eks.updateNodegroupConfig({ ...OF, scalingConfig: { maxSize: 3 } })),
  ).toMatchObject(inUse);
});

it('where all are new already, nothing is replaced', async () => {
  const { nodes, update, state, seconds } = await withNodes(2);
  update();
  await seconds(600);
  const before = [...nodes.nodes.keys()];
  const { id } = update();
  await seconds(5);
  expect(state(id).status).toBe('Successful');
  expect([...nodes.nodes.keys()]).toEqual(before);
});

it('any group ends with as many nodes as it had, all new, however it grows meanwhile', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 3 }),
      async (count, maxUnavailable, growth) => {
        const { autoscaling, group, update, described, seconds, errors } = await withNodes(count, {
          maxUnavailable,
          maxSize: 12,
        });
        update();
        for (const after of growth) {
          await seconds(after);
          autoscaling.setDesiredCapacity({
            AutoScalingGroupName: group.name,
            DesiredCapacity: Math.min(group.maxSize, group.desiredCapacity + 1),
          });
        }
        await seconds(1500);
        expect(described()).toMatchObject({ status: 'ACTIVE', releaseVersion: NEW });
        expect([group.desiredCapacity, group.maxSize]).toEqual([count + growth.length, 12]);
        expect(liveInstances(group).map(({ release, state }) => [release, state])).toEqual(
          Array(count + growth.length).fill([NEW, 'InService']),
        );
        expect(errors).toEqual([]);
      },
    ),
    { numRuns: 40 },
  );
});
