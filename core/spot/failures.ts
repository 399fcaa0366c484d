import { leadSeconds } from '../scaling/lead.ts';
import type { FleetMemory } from '../scaling/memory.ts';
import type { FleetPolicy, PoolObservation, PoolPolicy, Seconds, Snapshot } from '../scaling/types.ts';
import type { InstanceNotice, Notice } from './notices.ts';
import { type Failure, foldFailures, type Quarantine } from './quarantine.ts';
import { lacking } from './supply.ts';

/** Pods that wait for a node longer than this are a failure of their pool, even when no event told of one. */
const PENDING_AT_LEAST_SECONDS = 180;
const PENDING_LEADS = 1.5;

/** The pools that failed, as of now: by the notices, and by replicas that have waited for a node too long. */
export function quarantinesOf(
  snapshot: Snapshot,
  policy: FleetPolicy,
  memory: FleetMemory,
): FleetMemory['quarantines'] {
  const quarantines: FleetMemory['quarantines'] = {};
  for (const pool of policy.pools) {
    const reading = snapshot.pools[pool.name];
    const observed = reading?.ok ? reading.value : undefined;
    const before = memory.quarantines[pool.name];
    const failures = [
      ...launchFailures(snapshot, pool.name),
      ...(observed ? pendingTooLong(observed, pool, snapshot, memory) : []),
    ];
    const quarantine = foldFailures(before, failures, snapshot.at, policy);
    if (quarantine) quarantines[pool.name] = proven(quarantine, observed, snapshot.at);
  }
  return quarantines;
}

const noticesOf = (snapshot: Snapshot, pool: string): Notice[] =>
  snapshot.notices?.ok ? snapshot.notices.value.filter((notice) => notice.pool === pool) : [];

export const instanceNoticesOf = (snapshot: Snapshot, pool: string): InstanceNotice[] =>
  noticesOf(snapshot, pool).filter((notice) => notice.kind !== 'launch-failure');

const launchFailures = (snapshot: Snapshot, pool: string): Failure[] =>
  noticesOf(snapshot, pool).flatMap((one) => (one.kind === 'launch-failure' ? [one] : []));

function pendingTooLong(
  observed: PoolObservation,
  pool: PoolPolicy,
  snapshot: Snapshot,
  memory: FleetMemory,
): Failure[] {
  const live = observed.replicas.filter(({ phase }) => phase !== 'terminating');
  const notices = instanceNoticesOf(snapshot, pool.name);
  const without = lacking(observed, live, notices, observed.desiredReplicas);
  if (without === 0) return [];
  const waiting = live.filter(({ phase }) => phase === 'unassigned').map(({ createdAt }) => createdAt);
  const missing = Math.max(0, observed.desiredReplicas - live.length);
  // The instances that are there go to those that have waited longest.
  const longest = waiting.sort((a, b) => a - b)[waiting.length + missing - without];
  if (longest === undefined) return [];
  const limit = Math.max(
    PENDING_AT_LEAST_SECONDS,
    PENDING_LEADS * leadSeconds(pool, memory.pools[pool.name]),
  );
  // Those that wait through a quarantine fail anew only when they have waited as long after it.
  const at = Math.max(longest, memory.quarantines[pool.name]?.until ?? 0) + limit;
  return at <= snapshot.at ? [{ at, code: 'PendingTooLong' }] : [];
}

/** An instance that is given after the quarantine proves that the pool gives capacity again, and so does a replica that found one. */
function proven(quarantine: Quarantine, observed: PoolObservation | undefined, at: Seconds): Quarantine {
  if (at < quarantine.until || !observed) return quarantine;
  const isGiven = observed.instances.some(({ lifecycle }) => lifecycle === 'pending');
  const found = observed.replicas.flatMap(({ boundAt = 0 }) =>
    boundAt >= quarantine.until ? [boundAt] : [],
  );
  return { ...quarantine, provenAt: Math.max(quarantine.provenAt, isGiven ? at : 0, ...found) };
}
