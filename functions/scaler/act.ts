import type { CommandResult } from '../../adapters/aws/fleet-state.ts';
import { ConflictError, NotFoundError } from '../../adapters/errors.ts';
import { DRAIN_COST } from '../../core/protocol/names.ts';
import type { Command, Plan, Seconds } from '../../core/scaling/types.ts';
import { mapLimited, messageOf } from '../shared/async.ts';
import type { TickDependencies } from './dependencies.ts';
import { isShrinking } from './memory.ts';
import type { Observation } from './observe.ts';

/** The capacity calls that the state machine makes. */
export interface CapacityCalls {
  protect: { autoScalingGroupName: string; instanceIds: string[]; isProtected: boolean }[];
  setNodes: { autoScalingGroupName: string; desiredCapacity: number }[];
  terminate: { instanceId: string }[];
  warmUps: { name: string; input: WarmupInput }[];
}

export interface WarmupInput {
  fleet: string;
  pool: string;
  replica: string;
  podUid: string;
}

export interface Acted {
  calls: CapacityCalls;
  /** One for each command, in the plan's order. */
  results: CommandResult[];
}

type Actors = Pick<TickDependencies, 'workloads' | 'pods' | 'leases'>;

/** Requests to the Kubernetes API under way at once. */
const PARALLEL = 16;

/**
 * Carries the plan out: Kubernetes here, capacity by the state machine. What adds capacity goes first, then what
 * takes it away. Each command stands alone: one that fails stops no other.
 * @param withholdReason when set, nothing shrinks, and this is why
 */
export async function act(
  actors: Actors,
  plan: Plan,
  observation: Observation,
  withholdReason?: string,
): Promise<Acted> {
  const calls: CapacityCalls = { protect: [], setNodes: [], terminate: [], warmUps: [] };
  const results = new Map<Command, CommandResult>();
  const carryOut = async (command: Command): Promise<void> => {
    results.set(command, await tryCommand(actors, command, plan.fleet, observation, calls));
  };
  const allowed = plan.commands.filter((command) => {
    if (withholdReason === undefined || !isShrinking(command)) return true;
    results.set(command, { status: 'withheld', reason: withholdReason });
    return false;
  });
  const grows = (command: Command): boolean =>
    command.kind === 'cancel-drain' || ('to' in command && command.to > command.from);
  await mapLimited(allowed.filter(grows), PARALLEL, carryOut);
  await mapLimited(
    allowed.filter((command) => !grows(command)),
    PARALLEL,
    carryOut,
  );
  return { calls, results: plan.commands.map((command) => results.get(command) as CommandResult) };
}

async function tryCommand(
  actors: Actors,
  command: Command,
  fleet: string,
  observation: Observation,
  calls: CapacityCalls,
): Promise<CommandResult> {
  try {
    switch (command.kind) {
      case 'set-replicas': {
        const workload = observation.workloads.get(command.pool);
        if (!workload) throw new Error(`the pool ${command.pool} has no workload`);
        await actors.workloads.setReplicas(workload.kind, workload.name, command.from, command.to);
        return { status: 'done' };
      }
      case 'drain':
        await markDrain(actors, command, command.deadline);
        return { status: 'done' };
      case 'cancel-drain':
        await markDrain(actors, command, null);
        return { status: 'done' };
      case 'clear-cost':
        await actors.pods.setDeletionCost(command.replica, command.podUid, null);
        return { status: 'done' };
      case 'forget-worker':
        await forget(actors, command.replica, observation.leaseVersions.get(command.replica));
        return { status: 'done' };
      case 'protect-instances': {
        const { instanceIds, isProtected } = command;
        calls.protect.push({ autoScalingGroupName: groupOf(observation, command), instanceIds, isProtected });
        return { status: 'returned' };
      }
      case 'set-nodes':
        calls.setNodes.push({
          autoScalingGroupName: groupOf(observation, command),
          desiredCapacity: command.to,
        });
        return { status: 'returned' };
      case 'terminate-instance':
        calls.terminate.push({ instanceId: command.instanceId });
        return { status: 'returned' };
      case 'warm-up': {
        const { pool, replica, podUid, attempt } = command;
        calls.warmUps.push({ name: attempt, input: { fleet, pool, replica, podUid } });
        return { status: 'returned' };
      }
      case 'replace-pod':
        await actors.pods.remove(command.replica, command.podUid);
        return { status: 'done' };
      case 'recycle-node':
        calls.terminate.push({ instanceId: command.instanceId });
        return { status: 'returned' };
    }
  } catch (error) {
    return isOvertaken(error)
      ? { status: 'overtaken', reason: messageOf(error) }
      : { status: 'failed', error: messageOf(error) };
  }
}

function groupOf({ groups }: Observation, { pool }: { pool: string }): string {
  const group = groups.get(pool);
  if (!group) throw new Error(`the pool ${pool} has no Auto Scaling group`);
  return group;
}

/** The object is gone or not as it was read: no fault of anyone. */
const isOvertaken = (error: unknown): boolean =>
  error instanceof NotFoundError || error instanceof ConflictError;

/**
 * The mark on the Lease is what the next tick goes by, so it is written last: a drain that came only half-way is decided
 * again, or its cost is cleared. A pod without a Lease yet has the deletion cost as its mark.
 */
async function markDrain(
  { pods, leases }: Actors,
  { replica, podUid }: { replica: string; podUid: string },
  deadline: Seconds | null,
): Promise<void> {
  try {
    await pods.setDeletionCost(replica, podUid, deadline === null ? null : DRAIN_COST);
    await leases.markDrain(replica, deadline);
  } catch (error) {
    if (!(isOvertaken(error) && deadline === null)) throw error;
    // Nothing is left to take back: the pod went in the meantime.
  }
}

async function forget({ leases }: Actors, replica: string, resourceVersion?: string): Promise<void> {
  if (!resourceVersion) throw new Error(`the Lease ${replica} was not listed`);
  await leases.forget(replica, resourceVersion);
}
