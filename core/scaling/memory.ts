import * as z from 'zod';
import { quarantineSchema } from '../spot/quarantine.ts';

const amount = z.number().nonnegative();

/** A point of a history: `[at, value]`, epoch seconds and replicas of the reference pool. */
const point = z.tuple([amount, amount]);

const countersSchema = z.strictObject({
  pool: z.string(),
  completedQueue: amount,
  /** Completions of either kind, requests in progress counted half. */
  credit: amount,
  busySlotSeconds: amount,
  /** When the worker was last in a reading. */
  seenAt: amount,
});

const leadPartsSchema = z.strictObject({
  boot: amount,
  image: amount,
  fill: amount,
  load: amount,
  firstToken: amount,
  other: amount,
});

const poolMemorySchema = z.strictObject({
  /** Requests and busy slot-seconds of about the last five busy minutes: the evidence for the service rate. */
  requests: amount,
  busySlotSeconds: amount,
  /** Learned seconds from creation to warm; 0 while nothing was learned. */
  leadSeconds: amount,
  /** Its parts, which add up to it, and the mean distance of a replica's lead time from it. Missing: not measured yet. */
  leadParts: leadPartsSchema.optional(),
  leadDeviation: amount.optional(),
  /** Pods whose lead time was learned, as long as they exist. */
  leadLearnedFrom: z.array(z.string()),
  /** Replicas last seen here that were not on their way out, for ticks that can't read the pool. */
  current: amount,
});

/** What is known of a replica that is not warm. */
const warmUpSchema = z.strictObject({
  /** Name of the attempt that was asked for last, and when. */
  asked: z.string(),
  askedAt: amount,
  /** Attempts that failed, and when the last one did. */
  failures: z.int().nonnegative(),
  failedAt: amount,
});

const memorySchema = z.strictObject({
  v: z.literal(1),
  /** The last tick, epoch seconds; 0 before the first. */
  at: amount,
  arrivals: z.strictObject({
    /** Backlog + in flight at the last complete reading; null before the first. */
    level: amount.nullable(),
    /** When that was. */
    levelAt: amount,
    /** Queue completions folded since then (workers were read, the queue was not). */
    completedSince: amount,
    /** Exponential averages, requests per second. */
    fast: amount,
    slow: amount,
  }),
  /** By worker id. */
  counters: z.record(z.string(), countersSchema),
  /** By pool name. */
  pools: z.record(z.string(), poolMemorySchema),
  /** Demand of the last quarter of an hour, oldest first. */
  demand: z.array(point),
  /** Needs that still hold replicas: falling values, oldest first. */
  needs: z.array(point),
  /** When there was last anything to do; 0 before the first tick. */
  lastWorkAt: amount,
  /** By pool name: not asked for capacity until then. */
  quarantines: z.record(z.string(), quarantineSchema),
  /** By pod UID, as long as it is not warm. */
  warmUps: z.record(z.string(), warmUpSchema).default({}),
  /** By pool name: replicas replaced because they could not be warmed, since one of the pool turned warm. */
  replacements: z.record(z.string(), z.strictObject({ count: z.int().positive(), at: amount })).default({}),
  /** By instance: when a pod on it was given up. */
  suspects: z.record(z.string(), amount).default({}),
});

export type FleetMemory = z.infer<typeof memorySchema>;
export type WorkerCounters = z.infer<typeof countersSchema>;
export type PoolMemory = z.infer<typeof poolMemorySchema>;
export type Point = z.infer<typeof point>;

/** What a fleet remembers before its first tick. */
export function initialMemory(): FleetMemory {
  return {
    v: 1,
    at: 0,
    arrivals: { level: null, levelAt: 0, completedSince: 0, fast: 0, slow: 0 },
    counters: {},
    pools: {},
    demand: [],
    needs: [],
    lastWorkAt: 0,
    quarantines: {},
    warmUps: {},
    replacements: {},
    suspects: {},
  };
}

/**
 * What the table gave back, checked.
 *
 * @throws Error that names the fields that make no sense.
 */
export function parseMemory(json: unknown): FleetMemory {
  const parsed = memorySchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Error(`The fleet's memory can't be understood:\n${z.prettifyError(parsed.error)}`);
}
