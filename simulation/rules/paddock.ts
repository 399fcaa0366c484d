import { decide, type FleetMemory, initialMemory } from '../../core/scaling/decide.ts';
import type {
  Command,
  FleetPolicy,
  InstanceObservation,
  Plan,
  ReplicaObservation,
  Snapshot,
  WorkerObservation,
} from '../../core/scaling/types.ts';
import type { SimulatedFleet, SimulatedReplica } from '../fleet.ts';
import type { ScalingRule } from './rule.ts';

/** Second 0 of a simulation as an epoch time. */
const EPOCH = 1_700_000_000;

/**
 * The real core: it sees the fleet as a snapshot and its commands are carried out as Kubernetes and Auto Scaling would.
 *
 * @param policy has exactly one pool
 * @param onPlan is told each plan
 */
export function paddock(policy: FleetPolicy, onPlan?: (plan: Plan) => void): ScalingRule {
  const pool = policy.pools[0];
  if (!pool || policy.pools.length > 1) throw new Error('A simulation has exactly one pool.');
  let memory: FleetMemory = initialMemory();
  const nodes = new Nodes();
  return {
    name: 'paddock',
    tickSeconds: policy.tickSeconds,
    tick(fleet) {
      nodes.follow(fleet);
      const decision = decide(observe(fleet, pool.name, nodes), policy, memory);
      memory = decision.memory;
      onPlan?.(decision.plan);
      for (const command of decision.plan.commands) carryOut(fleet, nodes, command);
    },
  };
}

/** One node per replica; one whose replica is gone stays until it is terminated. */
class Nodes {
  desired = 1;
  empty: string[] = [];
  #byReplica = new Map<number, string>();
  #launched = 0;

  of(replica: SimulatedReplica): string {
    return this.#byReplica.get(replica.id) ?? '';
  }

  /** Binds new replicas to nodes, empty ones first, and notes whose replica is gone. */
  follow(fleet: SimulatedFleet): void {
    const here = new Set(fleet.replicas.map((replica) => replica.id));
    for (const [id, node] of this.#byReplica) {
      if (here.has(id)) continue;
      this.#byReplica.delete(id);
      this.empty.push(node);
    }
    for (const replica of fleet.replicas) {
      if (!this.#byReplica.has(replica.id))
        this.#byReplica.set(replica.id, this.empty.pop() ?? this.#launch());
    }
  }

  terminate(node: string): void {
    this.empty = this.empty.filter((other) => other !== node);
    this.desired -= 1;
  }

  #launch(): string {
    this.#launched += 1;
    return `i-${this.#launched}`;
  }
}

function observe(fleet: SimulatedFleet, pool: string, nodes: Nodes): Snapshot {
  const at = EPOCH + fleet.now;
  const { replicas } = fleet;
  return {
    at,
    queue: { ok: true, value: fleet.readCounters() },
    workers: { ok: true, value: replicas.map((replica) => observeWorker(fleet, replica, pool, at)) },
    pools: {
      [pool]: {
        ok: true,
        value: {
          desiredNodes: nodes.desired,
          minNodes: 0,
          maxNodes: fleet.options.maxReplicas,
          instances: observeInstances(replicas, nodes),
          desiredReplicas: replicas.length,
          replicas: replicas.map((replica) => observeReplica(replica, nodes)),
        },
      },
    },
  };
}

function observeInstances(replicas: SimulatedReplica[], nodes: Nodes): InstanceObservation[] {
  const ids = [...replicas.map((replica) => nodes.of(replica)), ...nodes.empty];
  return ids.map((instanceId) => ({ instanceId, lifecycle: 'in-service', node: instanceId }));
}

function observeReplica(replica: SimulatedReplica, nodes: Nodes): ReplicaObservation {
  const node = nodes.of(replica);
  return {
    name: `replica-${replica.id}`,
    podUid: `uid-${replica.id}`,
    phase: replica.draining ? 'draining' : replica.warm ? 'warm' : 'starting',
    awaitingWarmup: false,
    createdAt: EPOCH + replica.createdAt,
    node,
    instanceId: node,
    ...(replica.warm && { warmAt: EPOCH + replica.warmAt }),
    ...(replica.draining && { drainDeadline: replica.drainDeadline }),
  };
}

function observeWorker(
  fleet: SimulatedFleet,
  replica: SimulatedReplica,
  pool: string,
  at: number,
): WorkerObservation {
  return {
    replica: `replica-${replica.id}`,
    workerId: `worker-${replica.id}`,
    podUid: `uid-${replica.id}`,
    pool,
    state: replica.draining ? 'draining' : replica.warm ? 'warm' : 'loading',
    slots: fleet.options.slots,
    busyQueue: replica.busy,
    busyInteractive: 0,
    completedQueue: replica.completed,
    completedInteractive: 0,
    busySlotSeconds: fleet.busySlotSeconds(replica),
    renewedAt: at,
    lastActiveAt: replica.lastActiveAt === 0 ? 0 : EPOCH + replica.lastActiveAt,
  };
}

function carryOut(fleet: SimulatedFleet, nodes: Nodes, command: Command): void {
  const named = (name: string) => fleet.replicas.find((replica) => `replica-${replica.id}` === name);
  switch (command.kind) {
    case 'set-replicas':
      setReplicas(fleet, command.to);
      break;
    case 'set-nodes':
      nodes.desired = command.to;
      break;
    case 'terminate-instance':
      nodes.terminate(command.instanceId);
      break;
    case 'drain': {
      const replica = named(command.replica);
      if (replica) fleet.drain(replica, command.deadline);
      break;
    }
    case 'cancel-drain': {
      const replica = named(command.replica);
      if (replica) fleet.cancelDrain(replica);
      break;
    }
    default:
      break;
  }
}

/** Removes as a ReplicaSet does: unready first, then the marked, the youngest first among equals. */
function setReplicas(fleet: SimulatedFleet, count: number): void {
  fleet.add(Math.max(0, count - fleet.replicas.length));
  while (fleet.replicas.length > count) {
    const rank = (replica: SimulatedReplica) => (replica.draining ? 1 : replica.warm ? 2 : 0);
    const [next] = fleet.replicas.toSorted((a, b) => rank(a) - rank(b) || b.createdAt - a.createdAt);
    if (!next) return;
    fleet.remove(next);
  }
}
