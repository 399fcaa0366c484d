import { decide } from '../../../core/scaling/decide.ts';
import type { Command, Plan } from '../../../core/scaling/types.ts';
import { FLEET, policy, START, World } from './world.ts';

/** A decision of the test's own. */
function deciding(world: World, commands: Command[], overrides: Partial<Plan> = {}): void {
  const real = world.decide;
  world.decide = (snapshot, policy, memory) => {
    const { plan, memory: next } = real(snapshot, policy, memory);
    return { plan: { ...plan, commands, again: true, ...overrides }, memory: next };
  };
}

const drain = (replica: string): Command => ({
  kind: 'drain',
  pool: 'main',
  replica,
  podUid: `uid-${replica}`,
  deadline: START + 120,
  reason: 'test',
});

describe('a tick', () => {
  it('scales out on a backlog: replicas here, nodes by the state machine, the plan on record', async () => {
    const world = new World(1);
    await world.tick();
    world.backlog(40, 1);
    const result = await world.later(5);

    const [, name, from, to] = world.workloads.callsOf('setReplicas')[0] ?? [];
    expect({ name, from }).toEqual({ name: 'cpu-main', from: 1 });
    expect(to).toBeGreaterThan(1);
    expect(result).toMatchObject({
      outcome: 'ticked',
      fleet: FLEET,
      again: true,
      handOver: false,
      failures: [],
    });
    expect(result.setNodes).toEqual([{ autoScalingGroupName: 'eks-test-cpu-main', desiredCapacity: to }]);
    const record = world.state.plans.at(-1)?.record;
    expect(record).toMatchObject({ trigger: 'schedule', execution: 'one', plan: { summary: 'scale-out' } });
    expect(record?.results).toHaveLength(record?.plan.commands.length ?? 0);
    expect(world.figures.at(-1)).toMatchObject({ commandFailures: 0, readingFailures: 0 });
  });

  it('rests with the lease freed when there is nothing to do', async () => {
    const world = new World(1);
    await world.tick();
    const result = await world.later(3600, { execution: 'two' });

    expect(result).toMatchObject({ again: false, handOver: false });
    expect(world.state.leases.get(FLEET)).toBeUndefined();
  });

  it('drains by deletion cost and mark, and undoes both', async () => {
    const world = new World(2);
    deciding(world, [drain('cpu-main-1')]);
    await world.tick();
    expect(world.pods.items[1]?.deletionCost).toBe(-1000);
    expect(world.leases.items[1]?.drainDeadline).toBe(START + 120);

    const { kind: _, deadline: __, ...rest } = drain('cpu-main-1') as Extract<Command, { kind: 'drain' }>;
    deciding(world, [{ kind: 'cancel-drain', ...rest }]);
    await world.later(5);
    expect(world.pods.items[1]).not.toHaveProperty('deletionCost');
    expect(world.leases.items[1]).not.toHaveProperty('drainDeadline');
  });

  it('clears the deletion cost of a drain whose mark failed when the replica is to stay', async () => {
    const world = new World(2, policy({ minReplicas: 2 }));
    deciding(world, [drain('cpu-main-1')]);
    world.leases.fail('markDrain');
    await world.tick().catch(() => undefined);
    expect(world.pods.items[1]?.deletionCost).toBe(-1000);

    world.leases.heal();
    world.decide = decide;
    const result = await world.later(5);
    expect(world.pods.items[1]).not.toHaveProperty('deletionCost');
    expect(world.state.plans.at(-1)?.record.plan.summary).toBe('repair');
    expect(result.failures).toEqual([]);
  });

  it('adds capacity before it takes any away', async () => {
    const world = new World(2);
    world.workloads.items.push({
      fleet: FLEET,
      kind: 'StatefulSet',
      name: 'cpu-base',
      pool: 'base',
      replicas: 1,
    });
    deciding(world, [
      { kind: 'set-replicas', pool: 'main', from: 2, to: 1, reason: 'test' },
      { kind: 'set-replicas', pool: 'base', from: 1, to: 3, reason: 'test' },
    ]);
    await world.tick();

    expect(world.workloads.callsOf('setReplicas').map(([, name]) => name)).toEqual(['cpu-base', 'cpu-main']);
  });

  it('carries out the other commands when one fails, and records which did', async () => {
    const world = new World(2);
    world.pods.fail('setDeletionCost');
    deciding(world, [
      drain('cpu-main-1'),
      { kind: 'set-replicas', pool: 'main', from: 2, to: 3, reason: 'test' },
      { kind: 'terminate-instance', pool: 'main', instanceId: 'i-01', reason: 'test' },
      { kind: 'forget-worker', replica: 'cpu-main-0', reason: 'test' },
    ]);
    const result = await world.tick();

    expect(world.workload.replicas).toBe(3);
    expect(world.leases.items.map((lease) => lease.worker.replica)).toEqual(['cpu-main-1']);
    expect(result.terminate).toEqual([{ instanceId: 'i-01' }]);
    expect(result.failures).toEqual([expect.stringMatching(/^drain: setDeletionCost: ECONNREFUSED/)]);
    expect(world.state.plans.at(-1)?.record.results.map((one) => one.status)).toEqual([
      'failed',
      'done',
      'returned',
      'done',
    ]);
    expect(world.figures.at(-1)?.commandFailures).toBe(1);
  });

  it('gives up a replica that never came up, although it has no Lease to mark', async () => {
    const world = new World(2);
    const stuck = world.pods.items[1];
    if (stuck) {
      Object.assign(stuck, { isReady: false, containersReady: false, isRunning: false, isGateOpen: false });
      delete stuck.gateOpenedAt;
    }
    world.leases.items.pop();
    for (let round = 0; round < 40 && world.workload.replicas > 1; round += 1) await world.later(5);

    expect(world.workload.replicas).toBe(1);
  });

  it('spares the Lease of a worker that was renewed after it was listed', async () => {
    const world = new World(1);
    deciding(world, [{ kind: 'forget-worker', replica: 'cpu-main-0', reason: 'test' }, drain('cpu-main-0')]);
    const list = world.leases.list.bind(world.leases);
    world.leases.list = async (fleet) => {
      const listed = await list(fleet);
      const lease = world.leases.items[0];
      if (lease) lease.resourceVersion = '2';
      return listed;
    };
    await world.tick();

    expect(world.leases.items).toHaveLength(1);
  });

  it('never lowers a workload that someone else has raised since it was read', async () => {
    const world = new World(2);
    deciding(world, [{ kind: 'set-replicas', pool: 'main', from: 2, to: 3, reason: 'test' }]);
    const list = world.workloads.list.bind(world.workloads);
    world.workloads.list = async (fleet) => {
      const listed = await list(fleet);
      world.workload.replicas = 9;
      return listed;
    };

    expect(await world.tick()).toMatchObject({ outcome: 'ticked', failures: [] });
    expect(world.workload.replicas).toBe(9);
    expect(world.state.plans.at(-1)?.record.results).toEqual([
      { status: 'overtaken', reason: expect.stringContaining('has 9 replicas, not 2') },
    ]);
  });

  it('names a warm-up after pod and attempt, and asks for it anew only after a failure or a long silence', async () => {
    const world = new World(1);
    const pod = world.pods.items[0];
    if (!pod) throw new Error('there is no pod');
    Object.assign(pod, { isGateOpen: false, isReady: false, createdAt: START });
    delete pod.gateOpenedAt;
    const name = async (after: number) => (await world.later(after)).warmUps.map((one) => one.name);

    expect(await name(0)).toEqual(['uid-cpu-main-0-first']);
    expect(await name(5)).toEqual([]);
    expect(await name(60)).toEqual(['uid-cpu-main-0-first']);
    expect(await name(1800)).toEqual(['uid-cpu-main-0-first-2']);
    pod.warmupFailure = { at: START + 1900, kind: 'load-failed', reason: 'out of memory' };
    expect(await name(36)).toEqual([`uid-cpu-main-0-after-${START + 1900}`]);
  });

  it('still returns its calls when the plan cannot be stored, and logs the plan', async () => {
    const world = new World(1);
    world.state.fail('storePlan');
    deciding(world, [{ kind: 'set-nodes', pool: 'main', from: 1, to: 2, reason: 'test' }]);
    const result = await world.tick();

    expect(result.setNodes).toHaveLength(1);
    expect(world.logged).toContainEqual({
      level: 'error',
      message: expect.stringContaining('plan was not stored'),
    });
  });
});
