import * as z from 'zod';

const at = z.number().nonnegative();
const pool = z.string().min(1);
const instanceId = z.string().min(1);

/**
 * What was learned of a fleet's capacity from outside, each kind once per time and instance, or pool. Times are
 * epoch seconds of the event itself, not of when it was heard of.
 */
export const noticeSchema = z.discriminatedUnion('kind', [
  /** EC2 takes a spot instance back at `endsAt`. */
  z.object({ kind: z.literal('interruption'), pool, instanceId, at, endsAt: at }),
  /** EC2 advises to replace a spot instance: EKS does so by itself. */
  z.object({ kind: z.literal('rebalance'), pool, instanceId, at }),
  /** A launch in the pool's node group failed. */
  z.object({ kind: z.literal('launch-failure'), pool, at, code: z.string(), message: z.string() }),
]);

export type Notice = z.infer<typeof noticeSchema>;
export type InstanceNotice = Extract<Notice, { instanceId: string }>;
export type LaunchFailure = Extract<Notice, { kind: 'launch-failure' }>;

/** What makes two notices of the same time the same one. */
export const noticeKey = (notice: Notice): string =>
  notice.kind === 'launch-failure' ? `${notice.kind}#${notice.pool}` : `${notice.kind}#${notice.instanceId}`;
