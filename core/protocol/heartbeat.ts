import * as z from 'zod';
import { warmupSummarySchema } from './warmup.ts';

/**
 * What a worker writes into its Lease every few seconds (annotation `paddock.dev/heartbeat`).
 * Counters start at zero with the worker process; the scaler folds them by `workerId`. Fields that are not known are let
 * through: in a deployment a new worker may speak before the new scaler listens. What can't be ignored raises `v`.
 */
export const heartbeatSchema = z.object({
  v: z.literal(1),
  /** One worker process: a container restart begins a new one, with new counters. */
  workerId: z.string().min(1),
  podUid: z.string().min(1),
  fleet: z.string().min(1),
  pool: z.string().min(1),
  state: z.enum(['loading', 'warm', 'draining']),
  slots: z.int().positive(),
  busyQueue: z.int().nonnegative(),
  busyInteractive: z.int().nonnegative(),
  completedQueue: z.int().nonnegative(),
  completedInteractive: z.int().nonnegative(),
  /** Attempts that ended without a result (handed back, cut off, refused by the server). */
  failed: z.int().nonnegative(),
  /** Integral of busy slots over time, slot-seconds. */
  busySlotSeconds: z.number().nonnegative(),
  /** Epoch seconds; 0 if never active. */
  lastActiveAt: z.number().nonnegative(),
  /** Epoch seconds when the models were loaded and had answered one token; 0 before. */
  warmAt: z.number().nonnegative(),
  models: z.array(z.string()),
  /** Missing: an older worker. */
  warmUp: warmupSummarySchema.optional(),
});

export type Heartbeat = z.infer<typeof heartbeatSchema>;
