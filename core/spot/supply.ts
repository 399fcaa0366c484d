import type {
  FleetPolicy,
  PoolObservation,
  PoolPolicy,
  ReplicaObservation,
  Seconds,
} from '../scaling/types.ts';
import type { InstanceNotice } from './notices.ts';
import { type Quarantine, type Standing, standingOf } from './quarantine.ts';

/** EC2 may be late; one that still runs a minute after its time was not taken back. */
const OVERDUE_SECONDS = 60;
/** What EKS replaces on advice is warm after one lead time; then other pools help out. */
const REBALANCE_LEADS = 1.5;
/**
 * What was interrupted is missed for this many lead times, and for as long as Auto Scaling and Kubernetes may take to see that
 * its node is gone; after that the pool's own failures tell.
 */
const RETURN_LEADS = 2;
const GONE_SECONDS = 180;

/** A replica on an instance that EC2 takes back. */
export interface Doomed {
  replica: ReplicaObservation;
  endsAt: Seconds;
}

/** What a pool can be counted on for. */
export interface Supply {
  standing: Standing;
  /** Instances that are up or on their way, and stay. */
  given: number;
  /** So many replicas serve, or have an instance to serve on; the pool fails to give the others. */
  sure: number;
  /** The pool is not asked for more replicas than this while others can serve instead. */
  ceiling: number;
  /** What others serve is brought back to it up to this. */
  probe: number;
  /** It failed so lately that it may yet give what it was asked for: what is not needed at once stays with it. */
  mayStillGive: boolean;
  /** Replicas that will be back, without being asked for: until then other pools serve in their place. */
  returning: number;
}

/** What the supply follows from. */
export interface Supplied {
  at: Seconds;
  policy: FleetPolicy;
  kind: PoolPolicy['kind'];
  observed: PoolObservation;
  /** Replicas that are not being deleted. */
  live: readonly ReplicaObservation[];
  doomed: readonly Doomed[];
  /** Replicas that stay. */
  current: number;
  warm: number;
  notices: readonly InstanceNotice[];
  quarantine: Quarantine | undefined;
  leadSeconds: Seconds;
}

/** Replicas on instances that EC2 has said to take back, and when; Kubernetes shows them for a while after their end. */
export function doomedOf(
  live: readonly ReplicaObservation[],
  { instances }: PoolObservation,
  notices: readonly InstanceNotice[],
  at: Seconds,
): Doomed[] {
  const up = new Set(
    instances.flatMap(({ instanceId, lifecycle }) => (lifecycle === 'terminating' ? [] : [instanceId])),
  );
  const ends = new Map<string, Seconds>();
  for (const notice of notices) {
    if (notice.kind !== 'interruption') continue;
    if (at >= notice.endsAt + OVERDUE_SECONDS && up.has(notice.instanceId)) continue;
    ends.set(notice.instanceId, Math.min(notice.endsAt, ends.get(notice.instanceId) ?? notice.endsAt));
  }
  return live.flatMap((replica) => {
    const endsAt = replica.instanceId === undefined ? undefined : ends.get(replica.instanceId);
    return endsAt === undefined ? [] : [{ replica, endsAt }];
  });
}

/** What a pool can be counted on for, in replicas: without bounds while it is trusted; else by what it gives, and has given. */
export function supplyOf(pool: Supplied): Supply {
  const { at, policy, current, warm, quarantine } = pool;
  const standing = standingOf(quarantine, at);
  const returning = Math.min(returns(pool), Math.max(0, current - warm));
  const up = usable(pool.observed, pool.notices);
  if (standing === 'trusted')
    return { standing, returning, given: up.length, mayStillGive: true, ...BOUNDLESS };
  const sure = Math.max(0, current - lacking(pool.observed, pool.live, pool.notices, current));
  // What comes late is used; beyond it nothing is asked for.
  const ceiling = standing === 'half-open' ? Number.POSITIVE_INFINITY : Math.max(sure, up.length);
  const probe = standing === 'half-open' ? Math.max(sure, up.length, warm + 1) : ceiling;
  const { since = 0, failures = 0 } = quarantine ?? {};
  const mayStillGive = failures === 1 && at < since + policy.fallbackDelaySeconds;
  return { standing, returning, given: up.length, sure, ceiling, probe, mayStillGive };
}

const BOUNDLESS = {
  sure: Number.POSITIVE_INFINITY,
  ceiling: Number.POSITIVE_INFINITY,
  probe: Number.POSITIVE_INFINITY,
};

/** Instances that are up or on their way, and stay. */
function usable(observed: PoolObservation, notices: readonly InstanceNotice[]): string[] {
  const leaving = new Set(notices.flatMap((one) => (one.kind === 'interruption' ? [one.instanceId] : [])));
  return observed.instances
    .filter(({ lifecycle, instanceId }) => lifecycle !== 'terminating' && !leaving.has(instanceId))
    .map(({ instanceId }) => instanceId);
}

/** How many of `current` replicas have no node, nor an instance that could become theirs. */
export function lacking(
  observed: PoolObservation,
  live: readonly ReplicaObservation[],
  notices: readonly InstanceNotice[],
  current: number,
): number {
  const taken = new Set(live.map(({ instanceId }) => instanceId));
  const spare = usable(observed, notices).filter((instanceId) => !taken.has(instanceId)).length;
  const missing = Math.max(0, observed.desiredReplicas - live.length);
  const unassigned = live.filter(({ phase }) => phase === 'unassigned').length;
  return Math.max(0, Math.min(current, unassigned + missing) - spare);
}

/**
 * Replicas whose instances are replaced on advice and not back in time; of persistent pools also those whose instances were
 * taken back, for they come back by themselves.
 */
function returns({ at, notices, doomed, leadSeconds, kind }: Supplied): number {
  const interrupted = new Set(
    notices.flatMap((one) => (one.kind === 'interruption' ? [one.instanceId] : [])),
  );
  const missed = new Set<string>();
  for (const notice of notices) {
    if (notice.kind === 'interruption') {
      const isMissed = at < notice.endsAt + GONE_SECONDS + RETURN_LEADS * leadSeconds;
      if (kind === 'persistent' && isMissed) missed.add(notice.instanceId);
    } else if (at >= notice.at + REBALANCE_LEADS * leadSeconds && !interrupted.has(notice.instanceId))
      missed.add(notice.instanceId);
  }
  return Math.max(kind === 'persistent' ? doomed.length : 0, missed.size);
}
