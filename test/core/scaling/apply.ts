import type { Command, PoolObservation, ReplicaObservation, Snapshot } from '../../../core/scaling/types.ts';

/** The snapshot as it would read right after the commands were carried out, with nothing else having happened. */
export function apply(snapshot: Snapshot, commands: Command[]): Snapshot {
  const next = structuredClone(snapshot);
  for (const command of commands) applyOne(next, command);
  return next;
}

function applyOne(snapshot: Snapshot, command: Command): void {
  if (command.kind === 'forget-worker') {
    if (!snapshot.workers.ok) return;
    snapshot.workers.value = snapshot.workers.value.filter((worker) => worker.replica !== command.replica);
    return;
  }
  const reading = snapshot.pools[command.pool];
  if (!reading?.ok) throw new Error(`a command for the pool ${command.pool}, which can't be read`);
  const pool = reading.value;
  const named = (podUid: string): ReplicaObservation => {
    const found = pool.replicas.find((replica) => replica.podUid === podUid);
    if (!found) throw new Error(`a command for ${podUid}, which does not exist`);
    return found;
  };
  switch (command.kind) {
    case 'set-replicas':
      for (const replica of removedBy(pool, command.to)) replica.phase = 'terminating';
      pool.desiredReplicas = command.to;
      break;
    case 'set-nodes':
      pool.desiredNodes = command.to;
      break;
    case 'protect-instances':
      for (const instance of pool.instances)
        if (command.instanceIds.includes(instance.instanceId)) instance.isProtected = command.isProtected;
      break;
    case 'terminate-instance':
      pool.instances = pool.instances.filter(({ instanceId }) => instanceId !== command.instanceId);
      pool.desiredNodes -= 1;
      break;
    case 'drain':
      Object.assign(named(command.podUid), { phase: 'draining', drainDeadline: command.deadline });
      delete named(command.podUid).hasStrayCost;
      break;
    case 'cancel-drain': {
      const replica = named(command.podUid);
      delete replica.drainDeadline;
      replica.phase = replica.warmAt === undefined ? 'starting' : 'warm';
      break;
    }
    case 'clear-cost':
      delete named(command.podUid).hasStrayCost;
      break;
    case 'warm-up':
      named(command.podUid).awaitingWarmup = false;
  }
}

/**
 * The pods that the workload's controller deletes when `replicas` becomes `to`. A StatefulSet's are told by their
 * ordinals; a ReplicaSet's by: unassigned, unready, lowest deletion cost, youngest.
 */
export function removedBy(pool: PoolObservation, to: number, persistent = false): ReplicaObservation[] {
  const live = pool.replicas.filter((replica) => replica.phase !== 'terminating');
  if (persistent) {
    const removed = ({ ordinal = 0 }: ReplicaObservation) => ordinal >= to && ordinal < pool.desiredReplicas;
    return live.filter(removed);
  }
  const rank = ({ phase, drainDeadline, hasStrayCost }: ReplicaObservation) =>
    phase === 'unassigned'
      ? 0
      : phase === 'starting'
        ? 1
        : drainDeadline !== undefined || hasStrayCost
          ? 2
          : 3;
  const order = live.toSorted((a, b) => rank(a) - rank(b) || b.createdAt - a.createdAt);
  return order.slice(0, Math.max(0, live.length - to));
}
