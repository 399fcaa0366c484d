import type { PodObservation } from '../../../adapters/kubernetes/pods.ts';
import type { ReplicaObservation } from '../../../core/scaling/types.ts';
import { observe } from '../../../functions/scaler/observe.ts';
import { CLUSTER, policy, QUEUE, START, World } from './world.ts';

const parameters = (fleet = policy()) => ({
  policy: fleet,
  clusterName: CLUSTER,
  queueUrl: QUEUE,
});

async function pool(world: World, fleet = policy()) {
  const { snapshot } = await observe(world.dependencies(), parameters(fleet), START, 1000);
  const reading = snapshot.pools.main;
  if (!reading?.ok) throw new Error(reading?.error ?? 'no pool');
  return reading.value;
}

/** One replica, as the snapshot shows it after the pod was changed. */
async function replica(change: Partial<PodObservation>, prepare: (world: World) => void = () => {}) {
  const world = new World(1);
  Object.assign(world.pods.items[0] ?? {}, change);
  prepare(world);
  const [only] = (await pool(world)).replicas;
  return only as ReplicaObservation;
}

describe('the mark of an upgrade on a workload', () => {
  const marked = (until: number) => {
    const world = new World(1);
    const upgrade = { v: 1 as const, holder: 'arn', until, spareNodes: 1, replicas: 2 };
    Object.assign(world.workloads.items[0] ?? {}, { upgrade });
    return pool(world);
  };

  it('tells what it wants kept, until its time is over', async () => {
    expect((await marked(START + 1)).upgrade).toEqual({ spareNodes: 1, replicas: 2 });
    expect((await marked(START)).upgrade).toBeUndefined();
  });
});

const lease = (world: World) => {
  const [first] = world.leases.items;
  if (!first) throw new Error('no lease');
  return first;
};

describe('the phase of a replica', () => {
  it('is warm with Ready and the gate, and knows since when and where', async () => {
    expect(await replica({})).toEqual({
      name: 'cpu-main-0',
      podUid: 'uid-cpu-main-0',
      phase: 'warm',
      isReady: true,
      awaitingWarmup: false,
      createdAt: START - 600,
      boundAt: START - 590,
      warmAt: START - 500,
      node: 'node-0',
      instanceId: 'i-00',
    });
  });

  it('is starting again when its worker stopped answering the probe, gate or not', async () => {
    expect((await replica({ isReady: false, containersReady: false })).phase).toBe('starting');
  });

  it('is starting while Ready without the gate', async () => {
    expect((await replica({ isGateOpen: false })).phase).toBe('starting');
  });

  it('is terminating from its deletion on, whatever else holds', async () => {
    expect((await replica({ isTerminating: true }, (w) => (lease(w).drainDeadline = START))).phase).toBe(
      'terminating',
    );
  });

  it('is unassigned without a node', async () => {
    const world = new World(1);
    const pod = world.pods.items[0];
    if (pod) delete pod.node;
    expect((await pool(world)).replicas[0]).toMatchObject({ phase: 'unassigned' });
  });

  it('is draining by the mark on its own Lease', async () => {
    const drained = await replica({}, (world) => (lease(world).drainDeadline = START + 60));
    expect(drained).toMatchObject({ phase: 'draining', drainDeadline: START + 60 });
  });

  it('is not draining by a mark meant for a former pod of its name', async () => {
    const reborn = await replica({}, (world) => {
      lease(world).drainDeadline = START + 60;
      lease(world).worker.podUid = 'uid-of-the-former';
    });
    expect(reborn.phase).toBe('warm');
  });

  it('is still draining by its deletion cost when the Leases cannot be read', async () => {
    const drained = await replica({ deletionCost: -1000 }, (world) => world.leases.fail('list'));
    expect(drained).toMatchObject({ phase: 'draining', drainDeadline: START + 120 });
  });

  it('is draining by its deletion cost while its worker has no Lease yet', async () => {
    const cold = { isReady: false, isGateOpen: false, containersReady: false, deletionCost: -1000 };
    expect((await replica(cold, (world) => world.leases.items.pop())).phase).toBe('draining');
  });

  it('is not draining by a deletion cost alone once its worker has a Lease, nor by one that is not ours', async () => {
    expect(await replica({ deletionCost: -1000 })).toMatchObject({ phase: 'warm', hasStrayCost: true });
    const theirs = await replica({ deletionCost: -5 }, (world) => world.leases.items.pop());
    expect(theirs).toMatchObject({ phase: 'warm' });
    expect(theirs).not.toHaveProperty('hasStrayCost');
  });
});

describe('a replica awaits its warm-up', () => {
  const cold: Partial<PodObservation> = { isReady: false, isGateOpen: false, containersReady: false };

  it('while its worker loads, as the heartbeat says', async () => {
    expect(await replica(cold, (w) => (lease(w).worker.state = 'loading'))).toMatchObject({
      awaitingWarmup: true,
    });
  });

  it('once its probe answers, heartbeat or not', async () => {
    expect(
      await replica({ ...cold, containersReady: true }, (world) => world.leases.items.pop()),
    ).toMatchObject({ awaitingWarmup: true });
  });

  it.each<[string, Partial<PodObservation>, (world: World) => unknown]>([
    ['before its containers run', { isRunning: false }, () => {}],
    ['before its worker says anything', {}, (world) => world.leases.items.pop()],
    ['by the heartbeat of a former pod', {}, (world) => (lease(world).worker.podUid = 'other')],
    ['while it is deleted', { isTerminating: true }, () => {}],
    ['with its gate open', { isGateOpen: true }, () => {}],
  ])('not %s', async (_, change, prepare) => {
    expect(await replica({ ...cold, ...change }, prepare)).toMatchObject({ awaitingWarmup: false });
  });
});

describe('a pool', () => {
  it('joins the group, its instances and their nodes', async () => {
    const world = new World(1);
    world.group.instances.push({ instanceId: 'i-new', lifecycle: 'pending' });

    expect(await pool(world)).toMatchObject({
      desiredNodes: 1,
      minNodes: 0,
      maxNodes: 20,
      desiredReplicas: 1,
      instances: [
        { instanceId: 'i-00', lifecycle: 'in-service', node: 'node-0' },
        { instanceId: 'i-new', lifecycle: 'pending' },
      ],
    });
  });

  it('knows the ordinals of a StatefulSet', async () => {
    const [first] = policy().pools;
    const persistent = policy({ pools: [{ ...first, kind: 'persistent' } as never] });
    expect((await pool(new World(2), persistent)).replicas.map((one) => one.ordinal)).toEqual([0, 1]);
  });

  it('is not another fleet’s', async () => {
    const world = new World(1);
    world.pods.items.push({ ...(world.pods.items[0] as never as object), fleet: 'gpu' } as never);
    expect((await pool(world)).replicas).toHaveLength(1);
  });
});
