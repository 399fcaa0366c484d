import type { PoolPolicy, ReplicaObservation, Seconds } from '../scaling/types.ts';

const AT_LEAST_SECONDS = 300;

/** How long a replica may take to be warm, seconds: three times what its pool is expected to take. */
export const patience = (pool: PoolPolicy | undefined): Seconds =>
  Math.max(AT_LEAST_SECONDS, 3 * (pool?.expectedLeadSeconds ?? 0));

const isCold = ({ phase }: ReplicaObservation): boolean => phase === 'starting' || phase === 'unassigned';

export const isStarting = (replica: ReplicaObservation, pool: PoolPolicy, at: Seconds): boolean =>
  isCold(replica) && at - replica.createdAt <= patience(pool);

/** It should be warm by now; one that was, and turned cold, has as long again. */
export const isLate = (replica: ReplicaObservation, pool: PoolPolicy, at: Seconds): boolean =>
  isCold(replica) && at - notReadySince(replica) > patience(pool);

/** Since when something is not Ready that may have been before. */
export const notReadySince = (one: { createdAt: Seconds; unreadySince?: Seconds }): Seconds =>
  Math.max(one.createdAt, one.unreadySince ?? 0);
