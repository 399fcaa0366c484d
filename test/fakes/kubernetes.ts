import { ConflictError, NotFoundError } from '../../adapters/errors.ts';
import type { LeaseObservation, Leases } from '../../adapters/kubernetes/leases.ts';
import type { NodeObservation, Nodes } from '../../adapters/kubernetes/nodes.ts';
import type { GateFailure, PodNote, PodObservation, Pods } from '../../adapters/kubernetes/pods.ts';
import type { WorkloadKind, WorkloadObservation, Workloads } from '../../adapters/kubernetes/workloads.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { Recorder } from './recorder.ts';

/** Each fake holds `{ fleet, … }` entries that a test may change as it likes. */
export class FakeWorkloads extends Recorder implements Workloads {
  readonly items: (WorkloadObservation & { fleet: string })[] = [];

  async list(fleet: string): Promise<WorkloadObservation[]> {
    this.enter('list', fleet);
    return this.items.filter((one) => one.fleet === fleet).map(({ fleet: _, ...one }) => ({ ...one }));
  }

  async setReplicas(kind: WorkloadKind, name: string, from: number, to: number): Promise<void> {
    this.enter('setReplicas', kind, name, from, to);
    const item = this.items.find((one) => one.kind === kind && one.name === name);
    if (!item) throw new NotFoundError(`there is no ${kind} ${name}`, '404');
    if (from !== 0 && item.replicas !== from) {
      throw new ConflictError(`the ${kind} ${name} has ${item.replicas} replicas, not ${from}`, '422');
    }
    item.replicas = to;
  }
}

export class FakePods extends Recorder implements Pods {
  readonly items: (PodObservation & { fleet: string })[] = [];

  async list(fleet: string): Promise<PodObservation[]> {
    this.enter('list', fleet);
    return this.items.filter((one) => one.fleet === fleet).map(({ fleet: _, ...one }) => ({ ...one }));
  }

  async get(name: string): Promise<PodObservation | undefined> {
    this.enter('get', name);
    const item = this.items.find((one) => one.name === name);
    if (!item) return undefined;
    const { fleet: _, ...pod } = item;
    return { ...pod };
  }

  async setDeletionCost(name: string, uid: string, cost: number | null): Promise<void> {
    this.enter('setDeletionCost', name, uid, cost);
    const pod = this.#find(name, uid);
    if (cost === null) delete pod.deletionCost;
    else pod.deletionCost = cost;
  }

  async openGate(name: string, uid: string, at: Seconds, message: string): Promise<void> {
    this.enter('openGate', name, uid, at, message);
    const pod = this.#find(name, uid);
    pod.isGateOpen = true;
    pod.gateOpenedAt ??= Math.floor(at);
    pod.isReady = pod.containersReady;
    delete pod.warmupFailure;
  }

  async shutGate(name: string, uid: string, at: Seconds, { kind, reason }: GateFailure): Promise<void> {
    this.enter('shutGate', name, uid, at, { kind, reason });
    const pod = this.#find(name, uid);
    Object.assign(pod, { isGateOpen: false, isReady: false });
    delete pod.gateOpenedAt;
    pod.warmupFailure = { at: Math.floor(at), kind, reason };
  }

  async remove(name: string, uid: string): Promise<void> {
    this.enter('remove', name, uid);
    this.items.splice(this.items.indexOf(this.#find(name, uid) as (typeof this.items)[number]), 1);
  }

  async note(pod: { name: string; uid: string }, event: PodNote, at: Seconds): Promise<void> {
    this.enter('note', pod.name, pod.uid, event, at);
  }

  #find(name: string, uid: string): PodObservation {
    const pod = this.items.find((one) => one.name === name);
    if (!pod) throw new NotFoundError(`there is no pod ${name}`, '404');
    if (pod.uid !== uid) throw new ConflictError(`the pod ${name} has the uid ${pod.uid}, not ${uid}`, '409');
    return pod;
  }
}

export class FakeLeases extends Recorder implements Leases {
  readonly items: (LeaseObservation & { fleet: string })[] = [];

  async list(fleet: string): Promise<LeaseObservation[]> {
    this.enter('list', fleet);
    return this.items
      .filter((one) => one.fleet === fleet)
      .map(({ fleet: _, ...one }) => structuredClone(one));
  }

  async markDrain(replica: string, deadline: Seconds | null): Promise<void> {
    this.enter('markDrain', replica, deadline);
    const lease = this.items.find((one) => one.worker.replica === replica);
    if (!lease) throw new NotFoundError(`there is no Lease ${replica}`, '404');
    if (deadline === null) delete lease.drainDeadline;
    else lease.drainDeadline = Math.round(deadline);
    lease.resourceVersion = String(Number(lease.resourceVersion) + 1);
  }

  async forget(replica: string, resourceVersion: string): Promise<void> {
    this.enter('forget', replica, resourceVersion);
    const index = this.items.findIndex((one) => one.worker.replica === replica);
    if (index < 0) return;
    if (this.items[index]?.resourceVersion !== resourceVersion) {
      throw new ConflictError(`the Lease ${replica} was renewed in the meantime`, '409');
    }
    this.items.splice(index, 1);
  }
}

export class FakeNodes extends Recorder implements Nodes {
  readonly items: (NodeObservation & { fleet: string })[] = [];

  async list(fleet: string): Promise<NodeObservation[]> {
    this.enter('list', fleet);
    return this.items.filter((one) => one.fleet === fleet).map(({ fleet: _, ...one }) => ({ ...one }));
  }
}
