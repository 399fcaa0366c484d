import { UnavailableError } from '../../../adapters/errors.ts';
import { initialMemory } from '../../../core/scaling/decide.ts';
import { CLUSTER, FLEET, policy, START, World } from './world.ts';

/** A fleet of five that its load no longer needs: left alone, the next tick shrinks it. */
const overgrown = (): World => new World(5);

describe('one loop at a time', () => {
  it('leaves without observing while another loop holds the lease', async () => {
    const world = new World();
    await world.tick({ execution: 'one' });
    world.backlog(50);
    const reads = world.queue.calls.length;
    const result = await world.later(4, { execution: 'two', trigger: 'alarm' });

    expect(result).toMatchObject({ outcome: 'left', setNodes: [], terminate: [], warmUps: [], again: false });
    expect(world.queue.calls).toHaveLength(reads);
    expect(world.figures.at(-1)).not.toHaveProperty('plan');
  });

  it('renews its own lease with each tick, three ticks ahead and 20 s at least', async () => {
    const world = new World();
    world.backlog(5);
    await world.tick();
    expect(world.state.leases.get(FLEET)).toEqual({ holder: 'one', until: START + 20 });
    await world.later(15);
    expect(world.state.leases.get(FLEET)).toEqual({ holder: 'one', until: START + 35 });

    const slow = new World(1, policy({ tickSeconds: 30 }));
    slow.backlog(5);
    await slow.tick();
    expect(slow.state.leases.get(FLEET)?.until).toBe(START + 90);
  });

  it('takes over from a loop that died once its lease has run out', async () => {
    const world = new World();
    world.backlog(5);
    await world.tick({ execution: 'dead' });
    expect((await world.later(19, { execution: 'two' })).outcome).toBe('left');
    expect((await world.later(1, { execution: 'two' })).outcome).toBe('ticked');
  });

  it.each([5, 60])(
    'of ticks every %d s hands over when the next one would begin too late',
    async (tickSeconds) => {
      const world = new World(1, policy({ tickSeconds }));
      world.backlog(5);
      const startedAt = world.now;
      expect((await world.later(219 - tickSeconds, { startedAt })).handOver).toBe(false);
      expect(await world.later(1, { startedAt })).toMatchObject({ again: true, handOver: true });
    },
  );

  it('passes its lease to its successor: no other execution ticks in between', async () => {
    const world = new World();
    world.backlog(5);
    const startedAt = world.now;
    expect((await world.later(215, { startedAt })).handOver).toBe(true);
    expect((await world.later(2, { execution: 'other', trigger: 'schedule' })).outcome).toBe('left');
    const successor = { execution: 'two', trigger: 'loop', after: 'one' } as const;
    expect((await world.later(3, successor)).outcome).toBe('ticked');
    expect((await world.later(0, { ...successor, execution: 'twin' })).outcome).toBe('left');
  });

  it('does not free a lease that is no longer its own', async () => {
    const world = new World();
    world.backlog(5);
    world.decide = (...args) => {
      world.state.leases.set(FLEET, { holder: 'other', until: START + 500 });
      return new World().decide(...args);
    };
    await world.tick({ startedAt: START - 300 });

    expect(world.state.leases.get(FLEET)?.holder).toBe('other');
  });

  it('ends a loop all the same when the lease cannot be freed', async () => {
    const world = new World();
    await world.tick();
    world.state.fail('releaseLease');
    expect(await world.later(3600)).toMatchObject({ outcome: 'ticked', again: false });
    expect(world.logged).toContainEqual({
      level: 'warn',
      message: expect.stringContaining('runs out by itself'),
    });
  });
});

describe('two ticks from the same memory', () => {
  it('only one acts; the other leaves', async () => {
    const world = new World(1);
    await world.tick();
    world.backlog(40, 1);
    world.now += 5;
    // One execution run twice (Express starts at least once) shares the lease, so only the memory can tell.
    const results = await Promise.all([world.tick(), world.tick()]);

    expect(results.map((result) => result.outcome).sort()).toEqual(['left', 'ticked']);
    expect(world.workloads.callsOf('setReplicas')).toHaveLength(1);
    expect(results.flatMap((result) => result.setNodes)).toHaveLength(1);
  });

  it('a tick that was killed after it wrote the memory is repaired by the next', async () => {
    const world = new World(1);
    await world.tick();
    world.backlog(40, 1);
    world.workloads.fail('setReplicas', new Error('killed'));
    world.state.fail('storePlan');
    await world.later(5).catch(() => undefined);
    expect(world.workload.replicas).toBe(1);
    const version = world.state.memories.get(FLEET)?.version;

    world.workloads.heal();
    world.state.heal();
    const result = await world.later(5);
    expect(world.workload.replicas).toBeGreaterThan(1);
    expect(result.setNodes).toEqual([
      { autoScalingGroupName: 'eks-test-cpu-main', desiredCapacity: world.workload.replicas },
    ]);
    expect(world.state.memories.get(FLEET)?.version).toBe(Number(version) + 1);
  });

  it('repeats no step: what the first tick set, the second finds done', async () => {
    const world = new World(1);
    await world.tick();
    world.backlog(40, 1);
    await world.later(5);
    const { replicas } = world.workload;
    world.group.desired = replicas;
    await world.later(0);

    expect(world.workload.replicas).toBe(replicas);
  });
});

describe('an endpoint that is down', () => {
  it('shrinks a fleet that is not needed (or the tests below prove nothing)', async () => {
    const world = overgrown();
    await world.later(0);
    expect(world.shrank()).toBe(true);
  });

  const partly: [string, (world: World) => { fail(method: string): void; heal(): void }, string][] = [
    ['the queue', (world) => world.queue, 'read'],
    ['the Leases', (world) => world.leases, 'list'],
  ];
  it.each(partly)(
    '%s: no shrink, an error that names it, recovery without a restart',
    async (_, fake, method) => {
      const world = overgrown();
      fake(world).fail(method);
      const result = await world.later(0);

      expect(world.shrank()).toBe(false);
      expect(result).toMatchObject({ again: true, terminate: [], setNodes: [] });
      expect(result.failures).toEqual([expect.stringContaining(`${method}: ECONNREFUSED`)]);
      expect(world.state.plans.at(-1)?.record).toMatchObject({
        plan: { summary: 'blind' },
        failures: result.failures,
      });
      expect(world.figures.at(-1)?.readingFailures).toBe(1);

      fake(world).heal();
      await world.later(5);
      expect(world.shrank()).toBe(true);
    },
  );

  const wholly: [string, (world: World) => { fail(method: string): void; heal(): void }, string][] = [
    ['Auto Scaling', (world) => world.nodeGroups, 'list'],
    ['the workloads', (world) => world.workloads, 'list'],
    ['the pods', (world) => world.pods, 'list'],
    ['the nodes', (world) => world.nodes, 'list'],
    ['the parameter', (world) => world.parameters, 'read'],
    ['the lease in the table', (world) => world.state, 'takeLease'],
    ['the memory in the table', (world) => world.state, 'readMemory'],
    ['the memory to write', (world) => world.state, 'writeMemory'],
  ];
  it.each(wholly)(
    '%s: the tick fails and says so, nothing shrinks, and then it recovers',
    async (_, fake, method) => {
      const world = overgrown();
      fake(world).fail(method);

      await expect(world.later(0)).rejects.toMatchObject({
        name: 'TickError',
        message: expect.stringContaining(`${method}: ECONNREFUSED`),
      });
      expect(world.shrank()).toBe(false);
      expect(world.workloads.callsOf('setReplicas')).toEqual([]);
      expect(world.failed).toBe(1);

      fake(world).heal();
      await world.later(5);
      expect(world.shrank()).toBe(true);
    },
  );

  it('keeps its plan although the tick failed', async () => {
    const world = overgrown();
    world.pods.fail('list');
    await world.later(0).catch(() => undefined);

    expect(world.state.plans.at(-1)?.record.failures).toEqual([
      expect.stringContaining('list: ECONNREFUSED'),
    ]);
  });

  it('does not wait for a reading that never answers', async () => {
    const world = overgrown();
    world.readingTimeoutMs = 10;
    world.queue.read = () => new Promise(() => {});
    const result = await world.later(0);

    expect(result.failures).toEqual([expect.stringMatching(/the queue .*: no answer within 10 ms/)]);
    expect(world.shrank()).toBe(false);
  });

  it('leaves a pool alone whose group is missing, and says what to do', async () => {
    const world = overgrown();
    world.nodeGroups.groups.set(CLUSTER, []);

    await expect(world.later(0)).rejects.toThrow(
      'the node group test-cpu-main has no Auto Scaling group: is the stack deployed?',
    );
  });

  it('says it when every command was refused', async () => {
    const world = overgrown();
    world.pods.fail('setDeletionCost', new UnavailableError('set the deletion cost: HTTP 503', '503'));

    await expect(world.later(0)).rejects.toThrow('drain: set the deletion cost: HTTP 503');
  });
});

describe('a memory that is broken', () => {
  it.each([
    ['not JSON', { version: 7, memory: '{' }],
    ['of another shape', { version: 7, memory: JSON.stringify({ v: 9 }) }],
    ['no text', { version: 7, memory: { v: 1 } }],
    ['of no version', { version: 'seven', memory: JSON.stringify(initialMemory()) }],
  ])('%s: is kept and replaced, and nothing shrinks for a quarter of an hour', async (_, broken) => {
    const world = overgrown();
    world.state.memories.set(FLEET, broken);
    const result = await world.later(0);

    expect(result.failures[0]).toContain("the fleet's memory was broken and begins anew");
    expect(world.state.broken).toEqual([{ fleet: FLEET, at: world.now, memory: broken }]);
    expect(world.shrank()).toBe(false);

    // A later tick reads a sound memory, and still holds.
    await world.later(890);
    expect(world.shrank()).toBe(false);
    expect(world.state.broken).toHaveLength(1);
    const withheld = world.state.plans.at(-1)?.record.results.filter((one) => one.status === 'withheld');
    expect(withheld?.length).toBeGreaterThan(0);

    await world.later(20);
    expect(world.shrank()).toBe(true);
  });

  it('still grows', async () => {
    const world = new World(1);
    world.state.memories.set(FLEET, { version: 1, memory: 'garbage' });
    await world.tick();
    world.backlog(40, 1);
    await world.later(5);

    expect(world.workload.replicas).toBeGreaterThan(1);
  });
});
