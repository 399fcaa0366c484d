import fc from 'fast-check';
import { emulate, nodegroup, refusal } from './fixtures.ts';

const ASG_EVENTS = { source: ['aws.autoscaling'] };

/** A node group of `desired` instances that are all in service. */
async function running(desired: number, changes: Parameters<typeof nodegroup>[0] = {}, options = {}) {
  const world = emulate(options);
  const { autoScalingGroupName: name } = world.eks.addNodegroup(
    nodegroup({ scalingConfig: { minSize: 0, maxSize: 10, desiredSize: desired }, ...changes }),
  );
  await world.seconds(60);
  const group = () => {
    const [described] = world.autoscaling.describeGroups({ AutoScalingGroupNames: [name] }).AutoScalingGroups;
    if (!described) throw new Error('The group is gone.');
    return described;
  };
  const instances = () => group().Instances ?? [];
  const set = (DesiredCapacity: number, more = {}) =>
    world.autoscaling.setDesiredCapacity({ AutoScalingGroupName: name, DesiredCapacity, ...more });
  const activities = () => world.autoscaling.describeActivities({ AutoScalingGroupName: name }).Activities;
  return { ...world, name, group, instances, set, activities };
}

describe('a group that grows', () => {
  it('starts instances as Pending and puts them in service when their nodes have joined', async () => {
    const { set, instances, nodes, seconds } = await running(0);
    set(2);
    await seconds(1);
    expect(instances().map(({ LifecycleState }) => LifecycleState)).toEqual(['Pending', 'Pending']);
    expect(nodes.nodes.size).toBe(0);

    await seconds(40);
    expect(instances().map(({ LifecycleState }) => LifecycleState)).toEqual(['InService', 'InService']);
    const [node] = nodes.nodes.values();
    expect(node).toMatchObject({
      nodegroupName: 'paddock-cpu-base',
      capacityType: 'ON_DEMAND',
      region: 'us-east-1',
    });
    expect(node?.name).toMatch(/^ip-10-0-\d+-\d+\.ec2\.internal$/);
  });

  it('spreads over its zones', async () => {
    const { instances } = await running(4);
    const zones = instances().map(({ AvailabilityZone }) => AvailabilityZone);
    expect(zones.sort()).toEqual(['us-east-1a', 'us-east-1a', 'us-east-1b', 'us-east-1b']);
  });

  it('tells of each launch as Auto Scaling does', async () => {
    const { set, listen, seconds, name } = await running(0);
    const events = listen(ASG_EVENTS);
    set(1);
    await seconds(45);
    expect(events()).toHaveLength(1);
    expect(events()[0]).toMatchObject({
      'detail-type': 'EC2 Instance Launch Successful',
      resources: [
        expect.stringContaining(`autoScalingGroupName/${name}`),
        expect.stringContaining(':instance/i-0'),
      ],
      detail: {
        StatusCode: 'InProgress',
        AutoScalingGroupName: name,
        EC2InstanceId: expect.stringMatching(/^i-0[0-9a-f]{16}$/),
        Details: { 'Availability Zone': 'us-east-1a', 'Subnet ID': 'subnet-a' },
        Cause: expect.stringMatching(
          /a user request explicitly set group desired capacity changing the desired capacity from 0 to 1\. .*increasing the capacity from 0 to 1\.$/,
        ),
      },
    });
  });

  it('tries again when a node can not join, and says so', async () => {
    const { set, nodes, errors, instances, seconds } = await running(0);
    nodes.failures.push(new Error('apiserver is down'));
    set(1);
    await seconds(41);
    expect(errors).toEqual([new Error('apiserver is down')]);
    expect(instances()[0]?.LifecycleState).toBe('Pending');
    await seconds(5);
    expect(instances()[0]?.LifecycleState).toBe('InService');
  });

  it('starts nothing while Launch is suspended', async () => {
    const { autoscaling, set, name, group, instances, seconds } = await running(1);
    autoscaling.suspendProcesses({ AutoScalingGroupName: name, ScalingProcesses: ['Launch', 'AZRebalance'] });
    set(3);
    await seconds(120);
    expect(instances()).toHaveLength(1);
    expect(group().SuspendedProcesses?.map(({ ProcessName }) => ProcessName)).toEqual([
      'Launch',
      'AZRebalance',
    ]);

    autoscaling.resumeProcesses({ AutoScalingGroupName: name, ScalingProcesses: ['Launch'] });
    await seconds(120);
    expect(instances()).toHaveLength(3);
  });
});

describe('a group that shrinks', () => {
  it('ends the oldest instance of the fullest zone, whatever it is doing', async () => {
    const { set, instances, seconds, nodes } = await running(1);
    const oldest = instances()[0];
    set(3);
    await seconds(60);
    set(2);
    await seconds(1);
    const ending = instances().filter(({ LifecycleState }) => LifecycleState === 'Terminating');
    expect(ending).toEqual([
      expect.objectContaining({ InstanceId: oldest?.InstanceId, AvailabilityZone: 'us-east-1a' }),
    ]);
    expect(nodes.nodes.size).toBe(2);
    await seconds(10);
    expect(instances()).toHaveLength(2);
  });

  it('cancels what has not started yet', async () => {
    const { set, instances, nodes, activities, seconds } = await running(0);
    set(1);
    await seconds(5);
    set(0);
    await seconds(120);
    expect(instances()).toEqual([]);
    expect(nodes.nodes.size).toBe(0);
    expect(
      activities()
        .map(({ StatusCode }) => StatusCode)
        .sort(),
    ).toEqual(['Cancelled', 'Successful']);
  });

  it('leaves no node behind when an instance ends while it joins', async () => {
    const world = await running(0);
    const join = world.nodes.join.bind(world.nodes);
    let proceed = () => {};
    world.nodes.join = async (node) => {
      await new Promise<void>((resolve) => {
        proceed = resolve;
      });
      await join(node);
    };
    world.set(1);
    await world.seconds(41);
    world.set(0);
    await world.seconds(5);
    proceed();
    await world.seconds(30);
    expect(world.nodes.nodes.size).toBe(0);
    expect(world.instances()).toEqual([]);
  });

  it('keeps the instance until its node could be removed', async () => {
    const { set, nodes, instances, errors, seconds } = await running(1);
    nodes.failures.push(new Error('no answer'), new Error('still none'));
    set(0);
    await seconds(11);
    expect(instances().map(({ LifecycleState }) => LifecycleState)).toEqual(['Terminating']);
    await seconds(10);
    expect(instances()).toEqual([]);
    expect(nodes.nodes.size).toBe(0);
    expect(errors).toHaveLength(2);
  });
});

describe('SetDesiredCapacity', () => {
  it.each([
    [11, 'New SetDesiredCapacity value 11 is above max value 10 for the AutoScalingGroup.'],
    [0, 'New SetDesiredCapacity value 0 is below min value 1 for the AutoScalingGroup.'],
  ])('refuses %i outside min..max', async (desired, message) => {
    const { set, group } = await running(1, { scalingConfig: { minSize: 1, maxSize: 10 } });
    expect(await refusal(() => set(desired))).toEqual({ code: 'ValidationError', message, status: 400 });
    expect(group().DesiredCapacity).toBe(1);
  });

  it('reads numbers and booleans from the query protocol', async () => {
    const { autoscaling, name, group } = await running(0);
    await autoscaling.handle({
      operation: 'SetDesiredCapacity',
      input: { AutoScalingGroupName: name, DesiredCapacity: '2', HonorCooldown: 'false' },
    });
    expect(group().DesiredCapacity).toBe(2);
  });

  it('waits for the cooldown when asked to', async () => {
    const { set, group, seconds } = await running(0);
    set(1);
    await seconds(1);
    expect((await refusal(() => set(2, { HonorCooldown: true }))).code).toBe('ScalingActivityInProgress');
    await seconds(60);
    expect((await refusal(() => set(2, { HonorCooldown: true }))).code).toBe('ScalingActivityInProgress');
    await seconds(300);
    set(2, { HonorCooldown: true });
    expect(group().DesiredCapacity).toBe(2);
  });

  it('meets contention as often as it is told to', async () => {
    const { set, autoscaling, name, group } = await running(0);
    autoscaling.contend(name);
    expect(await refusal(() => set(1))).toMatchObject({ code: 'ResourceContention', status: 500 });
    set(1);
    expect(group().DesiredCapacity).toBe(1);
  });

  it('refuses a group that does not exist and an operation that is not emulated', async () => {
    const { autoscaling } = await running(0);
    const unknown = () =>
      autoscaling.setDesiredCapacity({ AutoScalingGroupName: 'none', DesiredCapacity: 1 });
    expect((await refusal(unknown)).code).toBe('ValidationError');
    const missing = await refusal(() => autoscaling.handle({ operation: 'PutScalingPolicy', input: {} }));
    expect(missing.message).toContain('autoscaling:PutScalingPolicy is not emulated');
  });
});

describe('TerminateInstanceInAutoScalingGroup', () => {
  it('ends exactly that instance and asks for one less', async () => {
    const { autoscaling, instances, group, seconds } = await running(3);
    const chosen = instances()[1]?.InstanceId;
    const { Activity } = autoscaling.terminateInstance({
      InstanceId: chosen,
      ShouldDecrementDesiredCapacity: true,
    });
    expect(Activity).toMatchObject({
      StatusCode: 'InProgress',
      Description: `Terminating EC2 instance: ${chosen}`,
    });
    await seconds(120);
    expect(group().DesiredCapacity).toBe(2);
    expect(instances().map(({ InstanceId }) => InstanceId)).not.toContain(chosen);
    expect(instances()).toHaveLength(2);
  });

  it('replaces it when the desired capacity stays', async () => {
    const { autoscaling, instances, group, seconds } = await running(1);
    const old = instances()[0]?.InstanceId;
    autoscaling.terminateInstance({ InstanceId: old, ShouldDecrementDesiredCapacity: 'false' });
    await seconds(60);
    expect(group().DesiredCapacity).toBe(1);
    expect(instances()).toEqual([expect.objectContaining({ LifecycleState: 'InService' })]);
    expect(instances()[0]?.InstanceId).not.toBe(old);
  });

  it('counts an instance that is ending already only once', async () => {
    const { autoscaling, instances, group } = await running(3);
    const InstanceId = instances()[0]?.InstanceId;
    const first = autoscaling.terminateInstance({ InstanceId, ShouldDecrementDesiredCapacity: true });
    const second = autoscaling.terminateInstance({ InstanceId, ShouldDecrementDesiredCapacity: true });
    expect(second.Activity.ActivityId).toBe(first.Activity.ActivityId);
    expect(group().DesiredCapacity).toBe(2);
  });

  it('refuses to go below the minimum and an instance that it does not know', async () => {
    const { autoscaling, instances } = await running(1, { scalingConfig: { minSize: 1, maxSize: 3 } });
    const terminate = (InstanceId: string | undefined) => () =>
      autoscaling.terminateInstance({ InstanceId, ShouldDecrementDesiredCapacity: true });
    expect(await refusal(terminate(instances()[0]?.InstanceId))).toMatchObject({
      code: 'ValidationError',
      message: expect.stringContaining('Currently, desiredSize equals minSize (1).'),
    });
    expect(await refusal(terminate('i-unknown'))).toMatchObject({
      code: 'ValidationError',
      message: expect.stringContaining('No managed instance found'),
    });
  });
});

describe('reading groups', () => {
  it('pages, and filters by name and tag', async () => {
    const { autoscaling, eks } = emulate();
    for (const nodegroupName of ['a', 'b', 'c']) eks.addNodegroup(nodegroup({ nodegroupName }));
    const first = autoscaling.describeGroups({ MaxRecords: '2' });
    expect(first.AutoScalingGroups).toHaveLength(2);
    const second = autoscaling.describeGroups({ MaxRecords: 2, NextToken: first.NextToken });
    expect(second.AutoScalingGroups).toHaveLength(1);
    expect(second.NextToken).toBeUndefined();
    expect((await refusal(() => autoscaling.describeGroups({ NextToken: 'x' }))).code).toBe(
      'InvalidNextToken',
    );

    const tagged = autoscaling.describeGroups({
      Filters: [
        { Name: 'tag:eks:nodegroup-name', Values: ['b', 'c'] },
        { Name: 'tag-value', Values: ['c'] },
      ],
    });
    expect(tagged.AutoScalingGroups.map(({ AutoScalingGroupName }) => AutoScalingGroupName)).toEqual([
      expect.stringMatching(/^eks-c-/),
    ]);
    expect(autoscaling.describeGroups({ AutoScalingGroupNames: ['none'] }).AutoScalingGroups).toEqual([]);
  });

  it('lists activities, newest first, in pages', async () => {
    const { autoscaling, set, seconds, activities, name } = await running(0);
    set(1);
    await seconds(60);
    set(0);
    await seconds(60);
    expect(activities().map(({ Description }) => Description.slice(0, 9))).toEqual([
      'Terminati',
      'Launching',
    ]);
    const page = autoscaling.describeActivities({ AutoScalingGroupName: name, MaxRecords: 1 });
    expect(page.Activities).toHaveLength(1);
    expect(page.NextToken).toBeDefined();
  });
});

describe('UpdateAutoScalingGroup', () => {
  it('moves the desired capacity into the new bounds', async () => {
    const { autoscaling, name, group } = await running(2);
    autoscaling.updateGroup({ AutoScalingGroupName: name, MinSize: 3 });
    expect(group()).toMatchObject({ MinSize: 3, MaxSize: 10, DesiredCapacity: 3 });
    const impossible = () =>
      autoscaling.updateGroup({ AutoScalingGroupName: name, MinSize: 5, DesiredCapacity: 4 });
    expect((await refusal(impossible)).message).toBe(
      'Desired capacity:4 must be between the specified min size:5 and max size:10',
    );
  });
});

describe('capacity that runs out', () => {
  it.each([
    ['SPOT', /^Could not launch Spot Instances\. InsufficientInstanceCapacity - There is no Spot capacity/],
    [
      'ON_DEMAND',
      /^Could not launch On-Demand Instances\. InsufficientInstanceCapacity - We currently do not have sufficient/,
    ],
  ] as const)(
    'fails %s launches with an activity and an event, for as long as they are wanted',
    async (capacityType, message) => {
      const { autoscaling, set, listen, instances, activities, seconds, name } = await running(0, {
        capacityType,
      });
      const events = listen({ 'detail-type': ['EC2 Instance Launch Unsuccessful'] });
      autoscaling.setCapacity('paddock-cpu-base', { available: 1 });
      set(3);
      await seconds(50);
      expect(instances()).toHaveLength(1);
      expect(activities()[0]).toMatchObject({
        StatusCode: 'Failed',
        StatusMessage: expect.stringMatching(message),
      });
      expect(events()[0]).toMatchObject({
        source: 'aws.autoscaling',
        detail: {
          StatusCode: 'Failed',
          AutoScalingGroupName: name,
          StatusMessage: expect.stringMatching(message),
        },
      });

      const before = events().length;
      await seconds(120);
      expect(events().length).toBe(before + 2);

      set(1);
      await seconds(300);
      expect(events().length).toBe(before + 2);
    },
  );

  it('delivers late when capacity comes back', async () => {
    const { autoscaling, set, instances, seconds, name } = await running(0);
    autoscaling.setCapacity(name, { available: 0 });
    set(2);
    await seconds(30);
    autoscaling.setCapacity(name, { available: Number.POSITIVE_INFINITY });
    await seconds(20);
    expect(instances()).toEqual([]);
    await seconds(60);
    expect(instances()).toHaveLength(2);
  });

  it('names the group when it is told of one that does not exist', async () => {
    const { autoscaling } = await running(0);
    expect(() => autoscaling.setCapacity('typo', { available: 0 })).toThrow(
      /no Auto Scaling group or node group typo/,
    );
  });
});

describe('harm to instances', () => {
  const spot = { capacityType: 'SPOT', instanceTypes: ['c6i.4xlarge', 'c6a.4xlarge'] } as const;

  it('warns two minutes before a spot instance is taken back, and the group replaces it late', async () => {
    const { autoscaling, listen, instances, nodes, off, seconds } = await running(1, {
      ...spot,
      instanceTypes: [...spot.instanceTypes],
    });
    const events = listen({ source: ['aws.ec2'] });
    const id = instances()[0]?.InstanceId ?? '';
    autoscaling.interruptSpot(id);
    await seconds(119);
    expect(events()[0]).toMatchObject({
      'detail-type': 'EC2 Spot Instance Interruption Warning',
      resources: [`arn:aws:ec2:us-east-1a:instance/${id}`],
      detail: { 'instance-id': id, 'instance-action': 'terminate' },
    });
    expect(nodes.nodes.size).toBe(1);

    expect(off).toEqual([]);
    await seconds(2);
    expect(off).toEqual([[...nodes.nodes.keys()][0]]);
    expect(instances()).toEqual([expect.objectContaining({ InstanceId: id, LifecycleState: 'InService' })]);
    // Nobody drained it: EKS does that only for an instance that it had advice for.
    expect(nodes.drained.size).toBe(0);
    await seconds(47);
    expect([...nodes.nodes.keys()]).toEqual(off);

    await seconds(45);
    expect([...nodes.nodes.keys()]).not.toContain(off[0]);
    expect(instances()).toEqual([expect.objectContaining({ LifecycleState: 'InService' })]);
    expect(instances()[0]?.InstanceId).not.toBe(id);
  });

  it('drains a node with advice at its warning, replaced or not', async () => {
    const { autoscaling, instances, nodes, seconds } = await running(1, {
      ...spot,
      instanceTypes: [...spot.instanceTypes],
    });
    const [node = ''] = nodes.nodes.keys();
    const id = instances()[0]?.InstanceId ?? '';
    autoscaling.setCapacity('paddock-cpu-base', { available: 0 });
    autoscaling.rebalance(id);
    await seconds(60);
    expect(nodes.drained.size).toBe(0);
    autoscaling.interruptSpot(id);
    await seconds(2);
    expect(nodes.drained).toEqual(new Set([node]));
    // Drained is not ended: that is EC2's to do.
    expect(instances().map(({ LifecycleState }) => LifecycleState)).toEqual(['InService']);
  });

  it('waits with the end of a replaced instance until its node is empty, for 15 minutes at most', async () => {
    const { autoscaling, instances, nodes, seconds } = await running(1, {
      ...spot,
      instanceTypes: [...spot.instanceTypes],
    });
    const [node = ''] = nodes.nodes.keys();
    const id = instances()[0]?.InstanceId ?? '';
    nodes.held.add(node);
    autoscaling.rebalance(id);
    await seconds(45);
    expect(nodes.drained).toEqual(new Set([node]));
    await seconds(850);
    expect(instances().map(({ InstanceId }) => InstanceId)).toContain(id);
    await seconds(70);
    expect(instances().map(({ InstanceId }) => InstanceId)).not.toContain(id);
  });

  it('starts as many instances as asked whose nodes never become ready', async () => {
    const { autoscaling, nodes, set, instances, seconds } = await running(1);
    autoscaling.setUnready('paddock-cpu-base', 1);
    set(3);
    await seconds(60);
    expect([...nodes.nodes.values()].map(({ neverReady }) => neverReady)).toEqual([false, true, false]);
    expect(instances().every(({ LifecycleState }) => LifecycleState === 'InService')).toBe(true);
  });

  it('replaces a spot instance on advice before it ends the old one', async () => {
    const { autoscaling, listen, instances, nodes, group, seconds } = await running(1, {
      ...spot,
      instanceTypes: [...spot.instanceTypes],
    });
    const events = listen({ source: ['aws.ec2'] });
    const id = instances()[0]?.InstanceId ?? '';
    autoscaling.rebalance(id);
    await seconds(20);
    expect(events()[0]).toMatchObject({
      'detail-type': 'EC2 Instance Rebalance Recommendation',
      detail: { 'instance-id': id },
    });
    expect(instances().map(({ LifecycleState }) => LifecycleState)).toEqual(['InService', 'Pending']);
    await seconds(60);
    expect(instances().map(({ InstanceId }) => InstanceId)).not.toContain(id);
    expect(group().DesiredCapacity).toBe(1);
    expect(nodes.nodes.size).toBe(1);
  });

  it('interrupts spot instances only', async () => {
    const { autoscaling, instances } = await running(1);
    expect(() => autoscaling.interruptSpot(instances()[0]?.InstanceId ?? '')).toThrow(/is no spot instance/);
  });

  it('loses a node without notice and replaces it after a health check', async () => {
    const { autoscaling, instances, nodes, off, activities, seconds } = await running(1);
    const id = instances()[0]?.InstanceId ?? '';
    autoscaling.loseNode(id);
    expect(off).toEqual([...nodes.nodes.keys()]);
    await seconds(90);
    expect(nodes.nodes.size).toBe(1);
    expect([...nodes.nodes.keys()]).not.toEqual(off);
    expect(activities().map(({ Cause }) => Cause)).toContainEqual(
      expect.stringContaining('EC2 health check'),
    );
  });
});

it('always settles at the desired capacity, with one node per instance', async () => {
  const step = fc.oneof(
    fc.record({ set: fc.integer({ min: 0, max: 6 }) }),
    fc.record({ end: fc.nat(), decrement: fc.boolean() }),
    fc.record({ lose: fc.nat() }),
    fc.record({ wait: fc.integer({ min: 1, max: 90 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const world = await running(2);
      const pick = (index: number) =>
        world.instances()[index % Math.max(1, world.instances().length)]?.InstanceId;
      for (const action of steps) {
        if ('set' in action) world.set(action.set);
        else if ('wait' in action) await world.seconds(action.wait);
        else if ('lose' in action) {
          const id = pick(action.lose);
          if (id) world.autoscaling.loseNode(id);
        } else {
          const InstanceId = pick(action.end);
          const decrement = action.decrement && (world.group().DesiredCapacity ?? 0) > 0;
          if (InstanceId)
            world.autoscaling.terminateInstance({ InstanceId, ShouldDecrementDesiredCapacity: decrement });
        }
      }
      await world.seconds(300);
      const inService = world.instances().filter(({ LifecycleState }) => LifecycleState === 'InService');
      expect(world.instances()).toHaveLength(world.group().DesiredCapacity ?? -1);
      expect(inService).toHaveLength(world.nodes.nodes.size);
      expect(world.nodes.nodes.size).toBe(world.instances().length);
      expect(world.errors).toEqual([]);
    }),
    { numRuns: 40 },
  );
});
