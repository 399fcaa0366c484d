import { ConflictError, NotFoundError } from '../../adapters/errors.ts';
import type { Leases } from '../../adapters/kubernetes/leases.ts';
import type { Nodes } from '../../adapters/kubernetes/nodes.ts';
import type { Pods } from '../../adapters/kubernetes/pods.ts';
import type { WorkloadKind, Workloads } from '../../adapters/kubernetes/workloads.ts';
import type { Heartbeat } from '../../core/protocol/heartbeat.ts';

/** Makes objects and adapters. Fleets and names are the test's own, so that tests share a cluster. */
export interface KubernetesSetup {
  workloads: Workloads;
  pods: Pods;
  leases: Leases;
  nodes: Nodes;
  addWorkload(fleet: string, kind: WorkloadKind, name: string, pool: string, replicas: number): Promise<void>;
  /** A pod that no node runs; the answer is its uid. */
  addPod(fleet: string, name: string, pool: string): Promise<string>;
  addNode(fleet: string, name: string, instanceId?: string): Promise<void>;
  /** What a worker does with each renewal. */
  renewLease(name: string, heartbeat: Heartbeat): Promise<void>;
}

const heartbeat = (fleet: string, changes: Partial<Heartbeat> = {}): Heartbeat => ({
  v: 1,
  workerId: 'worker-1',
  podUid: 'uid-1',
  fleet,
  pool: 'main',
  state: 'warm',
  slots: 4,
  busyQueue: 2,
  busyInteractive: 1,
  completedQueue: 17,
  completedInteractive: 5,
  failed: 0,
  busySlotSeconds: 123.5,
  lastActiveAt: 1_800_000_000,
  warmAt: 1_799_999_000,
  models: ['llama3.1:8b'],
  ...changes,
});

export function kubernetesContract(name: string, make: () => KubernetesSetup): void {
  describe(`${name}: workloads`, () => {
    it('are the fleet’s own, of either kind', async () => {
      const { workloads, addWorkload } = make();
      await addWorkload('w1', 'Deployment', 'w1-burst', 'burst', 2);
      await addWorkload('w1', 'StatefulSet', 'w1-base', 'base', 0);
      await addWorkload('w2', 'Deployment', 'w2-burst', 'burst', 9);

      const found = await workloads.list('w1');
      expect(found.sort((a, b) => a.name.localeCompare(b.name))).toEqual([
        { kind: 'StatefulSet', name: 'w1-base', pool: 'base', replicas: 0 },
        { kind: 'Deployment', name: 'w1-burst', pool: 'burst', replicas: 2 },
      ]);
    });

    it.each<WorkloadKind>(['Deployment', 'StatefulSet'])(
      '%s: replicas go up, down, to zero and back',
      async (kind) => {
        const { workloads, addWorkload } = make();
        const fleet = `scale-${kind.toLowerCase()}`;
        await addWorkload(fleet, kind, fleet, 'main', 1);
        for (const [from, to] of [
          [1, 3],
          [3, 2],
          [2, 0],
          [0, 1],
        ] as const) {
          await workloads.setReplicas(kind, fleet, from, to);
          expect(await workloads.list(fleet)).toMatchObject([{ replicas: to }]);
        }
      },
    );

    it('keep their replicas when they are not as many as was thought', async () => {
      const { workloads, addWorkload } = make();
      await addWorkload('w3', 'Deployment', 'w3-main', 'main', 5);

      await expect(workloads.setReplicas('Deployment', 'w3-main', 3, 2)).rejects.toBeInstanceOf(
        ConflictError,
      );
      expect(await workloads.list('w3')).toMatchObject([{ replicas: 5 }]);
    });

    it('that do not exist are an error', async () => {
      const { workloads } = make();
      await expect(workloads.setReplicas('Deployment', 'nobody', 1, 2)).rejects.toBeInstanceOf(NotFoundError);
    });
  });

  describe(`${name}: pods`, () => {
    it('are the fleet’s own, as they were made', async () => {
      const { pods, addPod } = make();
      const uid = await addPod('p1', 'p1-main-0', 'main');
      await addPod('p2', 'p2-main-0', 'main');

      const found = await pods.list('p1');
      // Besides, the real one tells why a pod waits.
      expect(found).toMatchObject([
        {
          name: 'p1-main-0',
          uid,
          pool: 'main',
          createdAt: expect.any(Number),
          isTerminating: false,
          isRunning: false,
          containersReady: false,
          isReady: false,
          isGateOpen: false,
        },
      ]);
      expect(await pods.get('p1-main-0')).toMatchObject({ name: 'p1-main-0', uid });
      expect(await pods.get('nobody')).toBeUndefined();
    });

    it('carry a deletion cost until it is taken back', async () => {
      const { pods, addPod } = make();
      const uid = await addPod('p3', 'p3-main-0', 'main');
      await pods.setDeletionCost('p3-main-0', uid, -1000);
      expect(await pods.get('p3-main-0')).toMatchObject({ deletionCost: -1000 });
      await pods.setDeletionCost('p3-main-0', uid, null);
      await pods.setDeletionCost('p3-main-0', uid, null);
      expect(await pods.get('p3-main-0')).not.toHaveProperty('deletionCost');
    });

    it('have their gate opened once, at a time that stays', async () => {
      const { pods, addPod } = make();
      const uid = await addPod('p4', 'p4-main-0', 'main');
      await pods.openGate('p4-main-0', uid, 1_800_000_000.7, 'every model has answered');
      expect(await pods.get('p4-main-0')).toMatchObject({ isGateOpen: true, gateOpenedAt: 1_800_000_000 });
    });

    it('have their gate shut with the reason, and opened again', async () => {
      const { pods, addPod } = make();
      const uid = await addPod('p6', 'p6-main-0', 'main');
      const failure = { kind: 'disk-full', reason: 'tiny needs 5 GB' };
      await pods.openGate('p6-main-0', uid, 1_800_000_000, 'every model has answered');
      await pods.shutGate('p6-main-0', uid, 1_800_000_060.5, failure);
      const shut = await pods.get('p6-main-0');
      expect(shut).toMatchObject({
        isGateOpen: false,
        warmupFailure: { at: 1_800_000_060, ...failure },
      });
      expect(shut).not.toHaveProperty('gateOpenedAt');
      await pods.shutGate('p6-main-0', uid, 1_800_000_120, { ...failure, kind: 'unknown' });
      expect(await pods.get('p6-main-0')).toMatchObject({
        warmupFailure: { at: 1_800_000_120, kind: 'unknown' },
      });
      await pods.openGate('p6-main-0', uid, 1_800_000_180, 'every model has answered');
      const open = await pods.get('p6-main-0');
      expect(open).toMatchObject({ isGateOpen: true, gateOpenedAt: 1_800_000_180 });
      expect(open).not.toHaveProperty('warmupFailure');
    });

    it('are deleted only if they are the ones that are meant', async () => {
      const { pods, addPod } = make();
      const uid = await addPod('p8', 'p8-main-0', 'main');
      const other = '00000000-0000-4000-8000-000000000000';
      await expect(pods.remove('p8-main-0', other)).rejects.toBeInstanceOf(ConflictError);
      await pods.remove('p8-main-0', uid);
      expect(await pods.get('p8-main-0')).toBeUndefined();
      await expect(pods.remove('p8-main-0', uid)).rejects.toBeInstanceOf(NotFoundError);
    });

    it('take notes for people', async () => {
      const { pods, addPod } = make();
      const uid = await addPod('p7', 'p7-main-0', 'main');
      const event = { type: 'Warning', reason: 'WarmupFailed', message: 'x'.repeat(3000) } as const;
      await pods.note({ name: 'p7-main-0', uid }, event, 1_800_000_000.5);
    });

    it('of another uid are not touched', async () => {
      const { pods, addPod } = make();
      await addPod('p5', 'p5-main-0', 'main');
      const other = '00000000-0000-4000-8000-000000000000';

      await expect(pods.setDeletionCost('p5-main-0', other, -1000)).rejects.toBeInstanceOf(ConflictError);
      await expect(pods.openGate('p5-main-0', other, 1, 'no')).rejects.toBeInstanceOf(ConflictError);
      expect(await pods.get('p5-main-0')).toMatchObject({ isGateOpen: false });
    });

    it('that do not exist are an error to change', async () => {
      const { pods } = make();
      await expect(pods.setDeletionCost('nobody', 'uid', 1)).rejects.toBeInstanceOf(NotFoundError);
      await expect(pods.openGate('nobody', 'uid', 1, 'no')).rejects.toBeInstanceOf(NotFoundError);
      await expect(
        pods.shutGate('nobody', 'uid', 1, { kind: 'unknown', reason: 'no' }),
      ).rejects.toBeInstanceOf(NotFoundError);
    });
  });

  describe(`${name}: Leases`, () => {
    it('say what the worker says', async () => {
      const { leases, renewLease } = make();
      const before = Math.floor(Date.now() / 1000) - 1;
      await renewLease('l1-main-0', heartbeat('l1'));
      await renewLease('l2-main-0', heartbeat('l2'));

      const found = await leases.list('l1');
      expect(found).toEqual([
        {
          worker: {
            replica: 'l1-main-0',
            workerId: 'worker-1',
            podUid: 'uid-1',
            pool: 'main',
            state: 'warm',
            slots: 4,
            busyQueue: 2,
            busyInteractive: 1,
            completedQueue: 17,
            completedInteractive: 5,
            busySlotSeconds: 123.5,
            lastActiveAt: 1_800_000_000,
            renewedAt: expect.any(Number),
          },
          resourceVersion: expect.any(String),
        },
      ]);
      expect(found[0]?.worker.renewedAt).toBeGreaterThan(before);
    });

    it('carry a drain mark that a renewal keeps, until it is taken back', async () => {
      const { leases, renewLease } = make();
      await renewLease('l3-main-0', heartbeat('l3'));
      await leases.markDrain('l3-main-0', 1_800_000_120.4);
      await renewLease('l3-main-0', heartbeat('l3', { state: 'draining' }));
      expect(await leases.list('l3')).toMatchObject([
        { drainDeadline: 1_800_000_120, worker: { state: 'draining' } },
      ]);
      await leases.markDrain('l3-main-0', null);
      expect((await leases.list('l3'))[0]).not.toHaveProperty('drainDeadline');
    });

    it('that do not exist cannot be marked', async () => {
      await expect(make().leases.markDrain('nobody', 1)).rejects.toBeInstanceOf(NotFoundError);
    });

    it('are forgotten, twice if need be', async () => {
      const { leases, renewLease } = make();
      await renewLease('l4-main-0', heartbeat('l4'));
      const [{ resourceVersion = '' } = {}] = await leases.list('l4');
      await leases.forget('l4-main-0', resourceVersion);
      await leases.forget('l4-main-0', resourceVersion);
      expect(await leases.list('l4')).toEqual([]);
    });

    it('are not forgotten when they were renewed in the meantime', async () => {
      const { leases, renewLease } = make();
      await renewLease('l5-main-0', heartbeat('l5'));
      const [{ resourceVersion = '' } = {}] = await leases.list('l5');
      await renewLease('l5-main-0', heartbeat('l5', { completedQueue: 18 }));

      await expect(leases.forget('l5-main-0', resourceVersion)).rejects.toBeInstanceOf(ConflictError);
      expect(await leases.list('l5')).toMatchObject([{ worker: { completedQueue: 18 } }]);
    });
  });

  describe(`${name}: nodes`, () => {
    it('are the fleet’s own, with the instance that each is', async () => {
      const { nodes, addNode } = make();
      await addNode('n1', 'n1-node-0', 'i-0123456789abcdef0');
      await addNode('n1', 'n1-node-1');
      await addNode('n2', 'n2-node-0', 'i-0fedcba9876543210');

      const found = await nodes.list('n1');
      // Besides, the real one tells since when and why a node is not ready.
      expect(found.sort((a, b) => a.name.localeCompare(b.name))).toMatchObject([
        { name: 'n1-node-0', instanceId: 'i-0123456789abcdef0' },
        { name: 'n1-node-1' },
      ]);
    });
  });
}
