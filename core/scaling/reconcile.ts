import { reconcileNodes, releaseProtection } from './nodes.ts';
import type { Command, PoolObservation, ReplicaObservation, Seconds } from './types.ts';
import {
  chooseVictims,
  type Leaving,
  leavingOf,
  safelyRemovable,
  safelyRemovableOrdinals,
} from './victims.ts';
import type { FleetView, PoolView } from './view.ts';

/** Commands that bring one pool from what is observed to what is wanted. */
interface PoolCommands {
  commands: Command[];
  /** `spec.replicas` once they are carried out. */
  replicas: number;
}

/**
 * The commands from observed to wanted, for all readable pools. Only the observation counts, not what an earlier tick
 * meant to do: a tick that died half-way is repaired by the next. While blind nothing shrinks.
 *
 * @param drainSeconds by pool: how long before they must have handed back doomed replicas drain; missing: at once
 */
export function reconcile(
  view: FleetView,
  wantedByPool: Record<string, number>,
  drainDeadlineSeconds: number,
  drainSeconds: ReadonlyMap<string, Seconds> = new Map(),
): Command[] {
  const leaving = leavingOf(view, drainDeadlineSeconds);
  const blind = view.blind.length > 0;
  return view.pools.flatMap((pool) => {
    const { observed } = pool;
    if (!observed) return [];
    const wanted = withUpgrade(wantedByPool[pool.policy.name] ?? pool.current, pool, observed);
    const spareNodes = observed.upgrade?.spareNodes ?? 0;
    const change =
      pool.policy.kind === 'persistent'
        ? reconcilePersistent(pool, observed, wanted, leaving, blind)
        : reconcileElastic(pool, observed, wanted, leaving, blind);
    const drains = drainDoomed(pool, leaving, drainSeconds.get(pool.policy.name));
    return [
      ...drains,
      ...change.commands,
      ...clearStrayCosts(pool, [...drains, ...change.commands]),
      ...reconcileNodes(
        pool,
        observed,
        change.replicas + spareNodes,
        blind || observed.upgrade !== undefined,
        leaving,
      ),
      ...releaseProtection(pool),
    ];
  });
}

/** What still has to be handed back when EC2 ends the instance: two renewals of the Lease, and the calls to the queue. */
const HAND_BACK_SECONDS = 20;

/**
 * The replicas whose instances EC2 takes back, even while blind: hardly anything is worse than work that dies with its node.
 * @param seconds for how long they drain; default: from the notice on
 */
function drainDoomed(
  pool: PoolView,
  { at, drainDeadlineSeconds }: Leaving,
  seconds = Number.POSITIVE_INFINITY,
): Command[] {
  return pool.doomed.flatMap(({ replica, endsAt }): Command[] => {
    if (at < endsAt - HAND_BACK_SECONDS - seconds) return [];
    const { name, podUid, phase, drainDeadline = Number.POSITIVE_INFINITY } = replica;
    const deadline = Math.min(drainDeadline, at + drainDeadlineSeconds, endsAt - HAND_BACK_SECONDS);
    // The mark holds whole seconds.
    if (phase === 'unassigned' || at >= endsAt || Math.round(drainDeadline) <= Math.round(deadline))
      return [];
    const reason = 'EC2 takes its instance back';
    return [
      { kind: 'drain', pool: pool.policy.name, replica: name, podUid, deadline, reason, interrupted: true },
    ];
  });
}

/**
 * While an upgrade works on a pool it keeps what it has, with drains taken back, and the upgrade's own replica besides:
 * that one may go past the fleet's maximum, but not past the pool's.
 */
function withUpgrade(
  wanted: number,
  { policy }: PoolView,
  { upgrade, desiredReplicas }: PoolObservation,
): number {
  if (!upgrade) return wanted;
  return Math.max(wanted, desiredReplicas, Math.min(upgrade.replicas, policy.max));
}

/** A tick that died, or failed, between the two marks of a drain left a deletion cost; a drain decided now completes it. */
function clearStrayCosts(pool: PoolView, commands: Command[]): Command[] {
  const drained = new Set(commands.flatMap((command) => (command.kind === 'drain' ? [command.podUid] : [])));
  return pool.live
    .filter(({ hasStrayCost, podUid }) => hasStrayCost && !drained.has(podUid))
    .map(({ name, podUid }) => ({
      kind: 'clear-cost',
      pool: pool.policy.name,
      replica: name,
      podUid,
      reason: 'its drain never began and it is not to go now',
    }));
}

/** Elastic: any replica may go; drains are cancelled before a replica is added. */
function reconcileElastic(
  pool: PoolView,
  observed: PoolObservation,
  wanted: number,
  leaving: Leaving,
  blind: boolean,
): PoolCommands {
  const change = wanted - pool.current;
  if (change > 0) {
    const kept = pool.draining.filter(lasts(pool)).toSorted(byLatestDeadline).slice(0, change);
    return grow(pool, observed, observed.desiredReplicas + change - kept.length, kept);
  }
  if (blind) return unchanged(observed);
  const missing = Math.max(0, observed.desiredReplicas - pool.live.length);
  const notCreated = Math.min(missing, -change);
  const victims = chooseVictims(pool, -change - notCreated, leaving);
  const drains = victims.filter(({ phase }) => phase !== 'unassigned');
  const unassigned = victims.length - drains.length;
  const going = unassigned + pool.draining.length;
  const pods = Math.min(going, safelyRemovable(pool, unassigned, leaving));
  // While the controller is behind, lowering `replicas` would take another pod than the one that is meant.
  const settled = pool.live.length === observed.desiredReplicas - notCreated;
  return shrink(pool, observed, notCreated + (settled ? pods : 0), drains, leaving);
}

/** Whether EC2 leaves the replica its instance. */
const lasts = ({ doomed }: PoolView): ((replica: ReplicaObservation) => boolean) => {
  const isDoomed = new Set(doomed.map(({ replica }) => replica.podUid));
  return ({ podUid }) => !isDoomed.has(podUid);
};

/** Persistent: ordinals below the wanted number stay, the others go. */
function reconcilePersistent(
  pool: PoolView,
  observed: PoolObservation,
  wanted: number,
  leaving: Leaving,
  blind: boolean,
): PoolCommands {
  const stays = (replica: ReplicaObservation) => (replica.ordinal ?? 0) < wanted;
  const kept = pool.draining.filter(stays);
  if (wanted > observed.desiredReplicas) return grow(pool, observed, wanted, kept);
  if (blind) return grow(pool, observed, observed.desiredReplicas, kept);
  const drains = pool.live.filter(
    (replica) => !stays(replica) && replica.drainDeadline === undefined && replica.phase !== 'unassigned',
  );
  const surplus = observed.desiredReplicas - wanted;
  const removable = Math.min(surplus, safelyRemovableOrdinals(pool, leaving));
  const change = shrink(pool, observed, removable, drains, leaving);
  return { ...change, commands: [...kept.map((replica) => cancelDrain(pool, replica)), ...change.commands] };
}

const byLatestDeadline = (a: ReplicaObservation, b: ReplicaObservation): number =>
  (b.drainDeadline ?? 0) - (a.drainDeadline ?? 0);

const unchanged = (observed: PoolObservation): PoolCommands => ({
  commands: [],
  replicas: observed.desiredReplicas,
});

function grow(
  pool: PoolView,
  observed: PoolObservation,
  replicas: number,
  kept: ReplicaObservation[],
): PoolCommands {
  const commands = kept.map((replica) => cancelDrain(pool, replica));
  if (replicas > observed.desiredReplicas) {
    commands.push({
      kind: 'set-replicas',
      pool: pool.policy.name,
      from: observed.desiredReplicas,
      to: replicas,
      reason: 'more replicas are wanted than there are',
    });
  }
  return { commands, replicas };
}

const cancelDrain = (pool: PoolView, replica: ReplicaObservation): Command => ({
  kind: 'cancel-drain',
  pool: pool.policy.name,
  replica: replica.name,
  podUid: replica.podUid,
  reason: 'it is wanted again',
});

/** Drain first; lower `replicas` only by what the controller can remove without harm. */
function shrink(
  pool: PoolView,
  observed: PoolObservation,
  removable: number,
  drains: ReplicaObservation[],
  { at, drainDeadlineSeconds }: Leaving,
): PoolCommands {
  const commands: Command[] = drains.map((replica) => ({
    kind: 'drain',
    pool: pool.policy.name,
    replica: replica.name,
    podUid: replica.podUid,
    deadline: at + drainDeadlineSeconds,
    reason: 'fewer replicas are wanted than there are',
  }));
  const replicas = observed.desiredReplicas - removable;
  if (replicas < observed.desiredReplicas) {
    commands.push({
      kind: 'set-replicas',
      pool: pool.policy.name,
      from: observed.desiredReplicas,
      to: replicas,
      reason: 'the replicas to go are drained, or never ran',
    });
  }
  return { commands, replicas };
}
