import type { KubernetesSetup } from '../contract/kubernetes.ts';
import { FakeLeases, FakeNodes, FakePods, FakeWorkloads } from './kubernetes.ts';

/** The fakes, filled the way the contract asks for. */
export function fakeKubernetes(): KubernetesSetup {
  const workloads = new FakeWorkloads();
  const pods = new FakePods();
  const leases = new FakeLeases();
  const nodes = new FakeNodes();
  return {
    workloads,
    pods,
    leases,
    nodes,
    async addWorkload(fleet, kind, name, pool, replicas) {
      workloads.items.push({ fleet, kind, name, pool, replicas });
    },
    async addPod(fleet, name, pool) {
      const uid = `uid-${name}`;
      pods.items.push({
        fleet,
        name,
        uid,
        pool,
        createdAt: Math.floor(Date.now() / 1000),
        isTerminating: false,
        isRunning: false,
        containersReady: false,
        isReady: false,
        isGateOpen: false,
      });
      return uid;
    },
    async addNode(fleet, name, instanceId) {
      nodes.items.push({ fleet, name, ...(instanceId ? { instanceId } : {}) });
    },
    async renewLease(replica, { v: _, fleet, failed: __, warmAt: ___, models: ____, ...said }) {
      const worker = { ...said, replica, renewedAt: Date.now() / 1000 };
      const lease = leases.items.find((one) => one.worker.replica === replica);
      if (!lease) leases.items.push({ fleet, worker, resourceVersion: '1' });
      else Object.assign(lease, { worker, resourceVersion: String(Number(lease.resourceVersion) + 1) });
    },
  };
}
