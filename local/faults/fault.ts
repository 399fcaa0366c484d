import { z } from 'zod';

const count = z.int().min(1);
const seconds = z.number().positive();
const pool = z.string().min(1);

/** What can be done to the running system's capacity. */
export const faultSchema = z.discriminatedUnion('kind', [
  /** EC2 warns, and takes the spot instances back two minutes later. */
  z.strictObject({ kind: z.literal('spot-interrupt'), pool, count }),
  /** EC2 advises to replace spot instances; EKS does so, then drains and ends the old ones. */
  z.strictObject({ kind: z.literal('rebalance'), pool, count }),
  /** Launches fail for want of capacity; without `forSeconds` until it is healed. */
  z.strictObject({ kind: z.literal('ice'), pool, forSeconds: seconds.optional() }),
  /** Instances are gone without notice. */
  z.strictObject({ kind: z.literal('node-loss'), pool, count }),
  /** Instances start and their nodes never become Ready: `count` of them, or all that start in `forSeconds`. */
  z.strictObject({
    kind: z.literal('pending'),
    pool,
    count: count.optional(),
    forSeconds: seconds.optional(),
  }),
]);

export type Fault = z.infer<typeof faultSchema>;
export type FaultKind = Fault['kind'];

export interface Struck {
  instanceId: string;
  node: string;
}

/** What a fault has done. */
export interface FaultReport {
  kind: FaultKind;
  pool: string;
  /** The instances that it struck; none for a fault of those yet to come. */
  instances: Struck[];
  /** ISO 8601; missing: until it is healed, or it has no duration. */
  until?: string;
  /** Of nodes yet to start: how many. */
  count?: number;
}

/** A fault that goes on. */
export interface OngoingFault {
  kind: 'ice' | 'pending';
  pool: string;
  /** ISO 8601; missing: until it is healed. */
  until?: string;
  /** It ends after so many nodes more; missing: it strikes all. */
  count?: number;
}
