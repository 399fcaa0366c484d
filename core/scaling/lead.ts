import type { FleetMemory, PoolMemory } from './memory.ts';
import type {
  LeadParts,
  LearnedLead,
  PoolObservation,
  PoolPolicy,
  ReplicaObservation,
  Seconds,
  WorkerObservation,
} from './types.ts';

/** In the order in which a replica goes through them. */
export const LEAD_PARTS = [
  'boot',
  'image',
  'fill',
  'load',
  'firstToken',
  'other',
] as const satisfies (keyof LeadParts)[];
export type LeadPart = (typeof LEAD_PARTS)[number];

/** Weight of one newly warm replica against what was learned before. */
const WEIGHT = 0.3;

const ZERO: LeadParts = { boot: 0, image: 0, fill: 0, load: 0, firstToken: 0, other: 0 };

const total = (parts: LeadParts): Seconds => LEAD_PARTS.reduce((sum, part) => sum + parts[part], 0);

/** What was learned; a memory from before the parts were measured knows the whole alone. */
const learnedParts = (memory: PoolMemory | undefined): LeadParts =>
  memory?.leadParts ?? { ...ZERO, other: memory?.leadSeconds ?? 0 };

/** For people: rounded to tenths of a second, the whole as the sum of what is shown. Undefined: nothing was learned. */
export function learnedLead(memory: PoolMemory | undefined): LearnedLead | undefined {
  if (!memory || memory.leadSeconds === 0) return undefined;
  const parts = { ...learnedParts(memory) };
  for (const part of LEAD_PARTS) parts[part] = tenths(parts[part]);
  return { seconds: tenths(total(parts)), parts, deviation: tenths(memory.leadDeviation ?? 0) };
}

const tenths = (seconds: Seconds): Seconds => Math.round(seconds * 10) / 10;

/** Seconds from the decision to add a replica of the pool until it is warm. */
export const leadSeconds = (pool: PoolPolicy, learned: PoolMemory | undefined): Seconds =>
  learned && learned.leadSeconds > 0 ? learned.leadSeconds : pool.expectedLeadSeconds;

/** How far a replica's lead time usually is from the learned one; a stated guess may be off by a quarter. */
export const leadDeviation = (pool: PoolPolicy, learned: PoolMemory | undefined): Seconds =>
  learned && learned.leadSeconds > 0 ? (learned.leadDeviation ?? 0) : pool.expectedLeadSeconds / 4;

/**
 * How long each part of a replica's way took that is warm by now. What was not seen (a pod whose binding was not, a worker
 * of an older version) is taken to have lasted as long as usual, and no longer than there was time for.
 */
export function partsOf(
  replica: ReplicaObservation,
  warmAt: Seconds,
  worker: WorkerObservation | undefined,
  usual: LeadParts,
): LeadParts {
  let left = Math.max(0, warmAt - replica.createdAt);
  const take = (seconds: Seconds): Seconds => {
    const taken = Math.min(left, Math.max(0, seconds));
    left -= taken;
    return taken;
  };
  const startedAt = replica.workerStartedAt ?? worker?.warmUp?.startedAt;
  const { boundAt = (startedAt ?? warmAt) - usual.image, createdAt } = replica;
  const seen = worker?.warmUp?.parts;
  return {
    boot: take(replica.boundAt === undefined && startedAt === undefined ? usual.boot : boundAt - createdAt),
    image: take(startedAt === undefined ? usual.image : startedAt - Math.max(boundAt, createdAt)),
    fill: take(seen ? (seen.fill ?? 0) : usual.fill),
    load: take(seen ? (seen.load ?? 0) : usual.load),
    firstToken: take(seen ? (seen.firstToken ?? 0) : usual.firstToken),
    other: left,
  };
}

/** Learns a pool's lead time from the replicas that turned warm since the last tick. */
export function learnLead(
  before: PoolMemory,
  pool: { observed: PoolObservation | undefined },
  memory: FleetMemory,
  workers: ReadonlyMap<string, WorkerObservation>,
): Pick<PoolMemory, 'leadSeconds' | 'leadParts' | 'leadDeviation' | 'leadLearnedFrom'> {
  const { leadSeconds: whole, leadDeviation: deviation, leadLearnedFrom: learnedFrom } = before;
  const usual = learnedParts(before);
  const unchanged = { leadSeconds: whole, leadParts: usual, leadDeviation: deviation ?? 0 };
  if (!pool.observed) return { ...unchanged, leadLearnedFrom: learnedFrom };
  const known = new Set(learnedFrom);
  const leadLearnedFrom: string[] = [];
  const samples: LeadParts[] = [];
  for (const replica of pool.observed.replicas) {
    const { podUid, warmAt } = replica;
    if (known.has(podUid)) leadLearnedFrom.push(podUid);
    else if (warmAt !== undefined) {
      leadLearnedFrom.push(podUid);
      // One that was warm before this memory began may have been restarted since, and one whose warm-up failed first took
      // as long as the repair did: neither says anything of the next.
      const isTypical = memory.at > 0 && warmAt > memory.at && (memory.warmUps[podUid]?.failures ?? 0) === 0;
      if (isTypical) samples.push(partsOf(replica, warmAt, workers.get(podUid), usual));
    }
  }
  if (samples.length === 0) return { ...unchanged, leadLearnedFrom };
  const weight = whole === 0 ? 1 : 1 - (1 - WEIGHT) ** samples.length;
  const leadParts = blend(usual, samples, weight);
  // Of the parts: so the two never disagree.
  const learned = total(leadParts);
  const off = mean(samples.map((sample) => Math.abs(total(sample) - (whole === 0 ? learned : whole))));
  const leadDeviation = (deviation ?? 0) + (off - (deviation ?? 0)) * weight;
  return { leadSeconds: learned, leadParts, leadDeviation, leadLearnedFrom };
}

function blend(before: LeadParts, samples: LeadParts[], weight: number): LeadParts {
  const parts = { ...ZERO };
  for (const part of LEAD_PARTS) {
    parts[part] = before[part] + (mean(samples.map((sample) => sample[part])) - before[part]) * weight;
  }
  return parts;
}

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/**
 * Seconds until a replica that is on its way is warm: the lead time less its age, but never less than the parts that are
 * still before it usually take. One that has waited long for its node is not nearly warm.
 * @param replica undefined: not created yet
 */
export function secondsToWarm(
  replica: ReplicaObservation | undefined,
  worker: WorkerObservation | undefined,
  pool: PoolPolicy,
  learned: PoolMemory | undefined,
  at: Seconds,
): Seconds {
  const lead = leadSeconds(pool, learned);
  if (!replica) return lead;
  const { image, fill, load, firstToken } = learned && learned.leadSeconds > 0 ? learnedParts(learned) : ZERO;
  const byAge = Math.max(0, lead - Math.max(0, at - replica.createdAt));
  const warmUp = worker?.warmUp;
  let ahead = 0;
  if (replica.node === undefined) ahead = image + fill + load + firstToken;
  else if (!warmUp) ahead = fill + load + firstToken;
  else if (warmUp.parts.load === undefined) {
    const filled = warmUp.totalBytes > 0 ? warmUp.completedBytes / warmUp.totalBytes : 0;
    ahead = fill * (1 - Math.min(1, filled)) + load + firstToken;
  } else if (warmUp.parts.firstToken === undefined) ahead = firstToken;
  return Math.max(byAge, ahead);
}
