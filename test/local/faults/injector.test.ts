import { FaultInjector } from '../../../local/faults/injector.ts';
import { emulate, nodegroup } from '../emulators/fixtures.ts';

/** Two pools of two nodes each. */
async function world() {
  const emulated = emulate();
  const { eks, autoscaling, clock, errors, seconds } = emulated;
  const scalingConfig = { minSize: 2, maxSize: 10 };
  eks.addNodegroup(nodegroup({ nodegroupName: 'ng-steady', scalingConfig }));
  eks.addNodegroup(nodegroup({ nodegroupName: 'ng-spot', capacityType: 'SPOT', scalingConfig }));
  await seconds(60);
  const faults = new FaultInjector({
    autoscaling,
    nodeGroups: new Map([
      ['steady', 'ng-steady'],
      ['spot', 'ng-spot'],
    ]),
    clock,
    onError: (error) => errors.push(error),
  });
  const group = autoscaling.group('ng-spot');
  const grow = (desired: number) =>
    autoscaling.setDesiredCapacity({ AutoScalingGroupName: group.name, DesiredCapacity: desired });
  const inService = () => [...group.instances.values()].filter(({ state }) => state === 'InService');
  return { ...emulated, faults, group, grow, inService };
}

it('interrupts the oldest spot instances, and none twice', async () => {
  const { faults, listen, seconds, inService } = await world();
  const events = listen({ source: ['aws.ec2'] });
  const [first, second] = inService().map(({ id }) => id);
  const report = faults.inject({ kind: 'spot-interrupt', pool: 'spot', count: 1 });
  expect(report.instances.map(({ instanceId }) => instanceId)).toEqual([first]);
  expect(
    faults.inject({ kind: 'spot-interrupt', pool: 'spot', count: 1 }).instances.map((i) => i.instanceId),
  ).toEqual([second]);
  expect(() => faults.inject({ kind: 'spot-interrupt', pool: 'spot', count: 1 })).toThrow(
    /The pool spot has 0 instances that can be struck, not 1/,
  );
  await seconds(1);
  expect(events().map((event) => event['detail-type'])).toEqual([
    'EC2 Spot Instance Interruption Warning',
    'EC2 Spot Instance Interruption Warning',
  ]);
  await seconds(125);
  expect(inService().every(({ gone }) => gone)).toBe(true);
});

it('says which pools there are, and which of them can be taken back', async () => {
  const { faults } = await world();
  expect(() => faults.inject({ kind: 'ice', pool: 'gpu' })).toThrow(
    "There is no pool 'gpu'. This fleet has: steady, spot.",
  );
  expect(() => faults.inject({ kind: 'rebalance', pool: 'steady', count: 1 })).toThrow(/Spot pools: spot\./);
  expect(() => faults.heal('gpu')).toThrow(/no pool 'gpu'/);
});

it('refuses launches for as long as was asked, tells of it as Auto Scaling and EKS do, then launches again', async () => {
  const { faults, eks, listen, deliveries, seconds, group, grow, inService, clock } = await world();
  listen({ source: ['aws.autoscaling'], 'detail-type': ['EC2 Instance Launch Unsuccessful'] });
  const { until } = faults.inject({ kind: 'ice', pool: 'spot', forSeconds: 240 });
  expect(until).toBe(new Date(clock.now() + 240_000).toISOString());
  grow(3);
  await seconds(70);
  const [event] = deliveries.map(({ input }) => JSON.parse(input));
  expect(event.detail).toMatchObject({
    StatusCode: 'Failed',
    AutoScalingGroupName: group.name,
    EC2InstanceId: '',
    StatusMessage: expect.stringContaining('InsufficientInstanceCapacity'),
  });
  expect(group.activities[0]).toMatchObject({ StatusCode: 'Failed' });
  const issues = () =>
    eks.describeNodegroup({ clusterName: 'paddock', nodegroupName: 'ng-spot' }).nodegroup?.health?.issues;
  expect(issues()).toMatchObject([{ code: 'AsgInstanceLaunchFailures' }]);
  expect(faults.ongoing()).toEqual([{ kind: 'ice', pool: 'spot', until }]);

  await seconds(165);
  expect(inService()).toHaveLength(2);
  await seconds(120);
  expect(inService()).toHaveLength(3);
  expect(faults.ongoing()).toEqual([]);
  await seconds(60);
  expect(issues()).toEqual([]);
});

it('of two windows without capacity the later one ends it', async () => {
  const { faults, seconds, grow, inService } = await world();
  faults.inject({ kind: 'ice', pool: 'spot', forSeconds: 300 });
  await seconds(10);
  faults.inject({ kind: 'ice', pool: 'spot', forSeconds: 20 });
  grow(3);
  await seconds(280);
  expect(inService()).toHaveLength(2);
  await seconds(120);
  expect(inService()).toHaveLength(3);
});

it('heals what would never end by itself, of one pool or all', async () => {
  const { faults, seconds, grow, inService } = await world();
  faults.inject({ kind: 'ice', pool: 'spot' });
  faults.inject({ kind: 'ice', pool: 'steady' });
  grow(3);
  await seconds(1000);
  expect(inService()).toHaveLength(2);
  expect(faults.heal('spot')).toEqual([{ kind: 'ice', pool: 'spot' }]);
  await seconds(120);
  expect(inService()).toHaveLength(3);
  expect(faults.heal()).toEqual([{ kind: 'ice', pool: 'steady' }]);
  expect(faults.heal()).toEqual([]);
});

it('keeps nodes pending: so many, or all that start meanwhile', async () => {
  const { faults, nodes, seconds, grow } = await world();
  const pending = () => [...nodes.nodes.values()].filter(({ neverReady }) => neverReady).length;
  faults.inject({ kind: 'pending', pool: 'spot', count: 1 });
  grow(4);
  await seconds(60);
  expect(pending()).toBe(1);
  faults.inject({ kind: 'pending', pool: 'spot', forSeconds: 30 });
  grow(6);
  await seconds(60);
  expect(pending()).toBe(3);
  grow(7);
  await seconds(60);
  expect(pending()).toBe(3);
  expect(() => faults.inject({ kind: 'pending', pool: 'spot', count: 1, forSeconds: 5 })).toThrow(/not both/);
});

it('tells of nodes that are to stay pending, and heals those that have not started', async () => {
  const { faults, nodes, seconds, grow } = await world();
  const pending = () => [...nodes.nodes.values()].filter(({ neverReady }) => neverReady).length;
  faults.inject({ kind: 'pending', pool: 'spot', count: 3 });
  expect(faults.ongoing()).toEqual([{ kind: 'pending', pool: 'spot', count: 3 }]);
  grow(3);
  await seconds(60);
  expect(faults.ongoing()).toEqual([{ kind: 'pending', pool: 'spot', count: 2 }]);
  expect(faults.heal('steady')).toEqual([]);
  expect(faults.heal('spot')).toEqual([{ kind: 'pending', pool: 'spot', count: 2 }]);
  expect(faults.ongoing()).toEqual([]);
  grow(4);
  await seconds(60);
  expect(pending()).toBe(1);
  faults.inject({ kind: 'pending', pool: 'spot' });
  expect(() => faults.inject({ kind: 'pending', pool: 'spot', count: 1 })).toThrow(/heal that first/);
});

it('loses nodes of any pool', async () => {
  const { faults, off } = await world();
  const { instances } = faults.inject({ kind: 'node-loss', pool: 'steady', count: 2 });
  expect(off).toEqual(instances.map(({ node }) => node));
});
