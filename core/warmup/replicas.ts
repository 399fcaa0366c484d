import type { FailureKind } from '../protocol/warmup.ts';
import { leadSeconds } from '../scaling/lead.ts';
import type { FleetMemory } from '../scaling/memory.ts';
import { because } from '../scaling/rules.ts';
import type {
  ColdReplica,
  Command,
  Reason,
  ReplicaObservation,
  Seconds,
  WorkerObservation,
} from '../scaling/types.ts';
import type { FleetView, PoolView } from '../scaling/view.ts';

/** What becomes of the replicas that are not warm: attempts that begin, and pods or nodes that are given up. */
export interface WarmUps {
  commands: Command[];
  reasons: Reason[];
  /** For people: each one and where it stands. */
  cold: ColdReplica[];
  memory: Pick<FleetMemory, 'warmUps' | 'replacements' | 'suspects'>;
}

/** Attempts under way at once, those apart whose worker is warm already: each holds a function for a moment. */
export const AT_ONCE = 50;
/** A start that was refused is asked for again after so long; what runs already refuses a second start by its name. */
const ASK_AGAIN_SECONDS = 30;
/** An execution that died without a word is followed by another after so long; each time twice that. */
const SILENT_SECONDS = 900;
/** Pause after a failed attempt, seconds: doubles from the first to the longest. */
const FIRST_PAUSE_SECONDS = 30;
const LONGEST_PAUSE_SECONDS = 600;
/** After so many failed attempts a pod is given up. */
export const ATTEMPTS = 3;
/** A pod whose worker never came up is given up after this long, or several of its lead times. */
const NEVER_STARTED_SECONDS = 1200;
const NEVER_STARTED_LEADS = 5;
/** Between two replacements in one pool, seconds: doubles with each until one of its replicas turns warm. */
const FIRST_REPLACEMENT_PAUSE = 60;
const LONGEST_REPLACEMENT_PAUSE = 3600;
/** A second pod that fails on the same instance within this time makes the instance the suspect. */
const SUSPECT_SECONDS = 24 * 3600;

/** What another pod would fail of as well: it is reported, and tried again, but nothing is replaced for it. */
const NOT_THE_PODS_FAULT: ReadonlySet<string> = new Set<FailureKind>([
  'no-such-model',
  'source-unavailable',
  'source-refused',
]);
/** What lies on the volume comes back with it. */
const ON_THE_VOLUME: ReadonlySet<string> = new Set<FailureKind>(['disk-full', 'checksum-mismatch']);

/**
 * What is to be done about replicas that are not warm: another attempt, another pod, another node, or nothing yet.
 *
 * @param isBlind what is needed could not be read: nothing is replaced
 */
export function decideWarmUps(view: FleetView, memory: FleetMemory, isBlind: boolean): WarmUps {
  const workers = new Map(view.workers.map((worker) => [worker.podUid, worker]));
  const result: WarmUps = {
    commands: [],
    reasons: [],
    cold: [],
    memory: {
      warmUps: {},
      replacements: { ...memory.replacements },
      suspects: recent(memory.suspects, view.at),
    },
  };
  const wanting: Wanting[] = [];
  for (const pool of view.pools) {
    if (!pool.observed) {
      // Unseen is not gone: what was known of its pods is kept.
      Object.assign(result.memory.warmUps, memory.warmUps);
      continue;
    }
    forgive(pool, memory, result);
    for (const replica of pool.live) {
      if (replica.drainDeadline !== undefined || replica.phase === 'warm') continue;
      wanting.push(consider(pool, replica, workers.get(replica.podUid), view.at, memory));
    }
  }
  for (const one of wanting) giveUp(one, view, memory, result, isBlind);
  start(wanting, view.at, result);
  return result;
}

/** One replica that is not warm. */
interface Wanting {
  pool: PoolView;
  replica: ReplicaObservation;
  worker: WorkerObservation | undefined;
  known: FleetMemory['warmUps'][string];
  /** Its worker answers, and its gate is shut or it lost its models. */
  isCold: boolean;
  /** Its worker says that it is warm: opening the gate is a matter of a moment. */
  isWarm: boolean;
  notBefore: Seconds;
  reason: string;
  isGivenUp: boolean;
}

function consider(
  pool: PoolView,
  replica: ReplicaObservation,
  worker: WorkerObservation | undefined,
  at: Seconds,
  memory: FleetMemory,
): Wanting {
  const before = memory.warmUps[replica.podUid] ?? { asked: '', askedAt: 0, failures: 0, failedAt: 0 };
  const failure = replica.warmupFailure;
  const isNew = failure !== undefined && failure.at > before.failedAt;
  const known = isNew ? { ...before, failures: before.failures + 1, failedAt: failure.at } : before;
  const isWarm = worker?.state === 'warm';
  const pause =
    known.failures === 0 || isWarm ? 0 : doubling(known.failures, FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS);
  const lostIt = replica.warmAt !== undefined && worker?.state === 'loading';
  return {
    ...{ pool, replica, worker, known, isWarm, isGivenUp: false },
    isCold: replica.awaitingWarmup || lostIt,
    notBefore: known.failedAt + pause,
    reason: reasonOf(replica, worker, lostIt, at),
  };
}

function reasonOf(
  replica: ReplicaObservation,
  worker: WorkerObservation | undefined,
  lostIt: boolean,
  at: Seconds,
): string {
  const { warmupFailure, waitingFor, phase } = replica;
  const said = worker?.warmUp?.failure;
  if (said) return `${said.kind}: ${said.reason}`;
  if (warmupFailure) return `${warmupFailure.kind}: ${warmupFailure.reason}`;
  if (waitingFor) return waitingFor;
  if (phase === 'unassigned') return 'waits for a node';
  if (!worker) return 'its worker has not been heard of';
  if (worker.state === 'warm') {
    if (replica.awaitingWarmup || replica.warmAt === undefined)
      return 'its worker is warm, its gate is about to open';
    const heard = Math.round(Math.max(0, at - worker.renewedAt));
    return `its gate is open, its pod is not Ready; its worker was last heard of ${heard} s ago`;
  }
  const { completedBytes = 0, totalBytes = 0, parts } = worker.warmUp ?? {};
  const prefix = lostIt ? 'lost its models: ' : '';
  if (parts?.load !== undefined) return `${prefix}loading`;
  if (totalBytes > 0) return `${prefix}filling: ${Math.round((completedBytes / totalBytes) * 100)} %`;
  return `${prefix}its worker is up for ${Math.round(Math.max(0, at - (worker.warmUp?.startedAt ?? at)))} s`;
}

/** A pool in which a replica turned warm has nothing against itself any more. */
function forgive(pool: PoolView, memory: FleetMemory, { memory: next }: WarmUps): void {
  const last = memory.replacements[pool.policy.name];
  const warm = pool.observed?.replicas.some(
    ({ warmAt, phase }) => phase === 'warm' && (warmAt ?? 0) > (last?.at ?? 0),
  );
  if (last && warm) delete next.replacements[pool.policy.name];
}

/** Gives a pod up after its last attempt; its instance too when an earlier pod failed there. One at a time in a pool. */
function giveUp(
  one: Wanting,
  { at }: FleetView,
  before: FleetMemory,
  result: WarmUps,
  isBlind: boolean,
): void {
  const { pool, replica, known } = one;
  const { name } = pool.policy;
  const why = whyGiveUp(one, at, before);
  const { replacements, suspects } = result.memory;
  const last = replacements[name];
  const isTooSoon =
    last !== undefined &&
    at < last.at + doubling(last.count, FIRST_REPLACEMENT_PAUSE, LONGEST_REPLACEMENT_PAUSE);
  report(one, at, result, why);
  if (!why || isBlind || isTooSoon) return;
  const instance = pool.observed?.instances.find(({ instanceId }) => instanceId === replica.instanceId);
  // It goes with its instance, which is going already.
  if (instance?.lifecycle === 'terminating') return;
  one.isGivenUp = true;
  replacements[name] = { count: (last?.count ?? 0) + 1, at };
  const target = { pool: name, replica: replica.name, podUid: replica.podUid };
  const isSuspect = instance !== undefined && suspects[instance.instanceId] !== undefined;
  if (isSuspect) {
    const reason = `${why}, and so did the pod before it on this node`;
    result.commands.push({ kind: 'recycle-node', ...target, instanceId: instance.instanceId, reason });
    delete suspects[instance.instanceId];
  } else {
    result.commands.push({ kind: 'replace-pod', ...target, reason: why });
    if (instance) suspects[instance.instanceId] = at;
  }
  result.memory.warmUps[replica.podUid] = known;
}

function whyGiveUp(
  { pool, replica, worker, known, isCold, isWarm }: Wanting,
  at: Seconds,
  memory: FleetMemory,
): string | undefined {
  if (isWarm || replica.phase === 'unassigned') return undefined;
  if (!isCold && !worker) {
    const limit = Math.max(
      NEVER_STARTED_SECONDS,
      NEVER_STARTED_LEADS * leadSeconds(pool.policy, memory.pools[pool.policy.name]),
    );
    const since = replica.boundAt ?? replica.createdAt;
    return at - since >= limit ? `its worker has not come up within ${Math.round(at - since)} s` : undefined;
  }
  const kind = replica.warmupFailure?.kind ?? '';
  if (known.failures < ATTEMPTS || NOT_THE_PODS_FAULT.has(kind)) return undefined;
  if (pool.policy.kind === 'persistent' && ON_THE_VOLUME.has(kind)) return undefined;
  return `${known.failures} attempts to warm it failed (${kind})`;
}

function report(one: Wanting, at: Seconds, result: WarmUps, why: string | undefined): void {
  const { pool, replica, worker, known, notBefore, reason } = one;
  const { completedBytes, totalBytes } = worker?.warmUp ?? {};
  result.cold.push({
    ...{ pool: pool.policy.name, replica: replica.name, reason, failures: known.failures },
    seconds: Math.max(0, Math.round(at - replica.createdAt)),
    ...(totalBytes ? { completedBytes: completedBytes ?? 0, totalBytes } : {}),
  });
  if (known.failures === 0 && !why) return;
  const next =
    why ??
    (notBefore > at
      ? `the next attempt begins in ${Math.ceil(notBefore - at)} s`
      : 'another attempt is under way');
  result.reasons.push(
    because(
      'warm-up',
      `${replica.name} can't be warmed: ${reason}. ${next.charAt(0).toUpperCase()}${next.slice(1)}.`,
      {
        failures: known.failures,
        retryInSeconds: Math.max(0, notBefore - at),
      },
    ),
  );
}

/** Starts attempts: where the worker is warm already at once, for the others as many as may be under way. */
function start(wanting: Wanting[], at: Seconds, result: WarmUps): void {
  const { warmUps } = result.memory;
  let underWay = 0;
  const byUrgency = wanting
    .filter(({ isGivenUp }) => !isGivenUp)
    .sort((a, b) => Number(b.isWarm) - Number(a.isWarm) || a.replica.createdAt - b.replica.createdAt);
  for (const { pool, replica, known, isCold, isWarm, notBefore } of byUrgency) {
    warmUps[replica.podUid] = known;
    if (!isCold || at < notBefore) continue;
    if (!isWarm) {
      underWay += 1;
      if (underWay > AT_ONCE) continue;
    }
    const attempt = attemptName(replica, known.failedAt, at);
    if (known.asked === attempt && at - known.askedAt < ASK_AGAIN_SECONDS) continue;
    warmUps[replica.podUid] = { ...known, asked: attempt, askedAt: at };
    result.commands.push({
      ...{ kind: 'warm-up', pool: pool.policy.name, replica: replica.name, podUid: replica.podUid, attempt },
      reason: isWarm
        ? 'its worker is warm, its gate is shut'
        : 'its worker answers, its models are not confirmed yet',
    });
  }
}

/**
 * The same for all ticks of an attempt, so that a second start is refused, and without any memory. 80 characters at most.
 * Source: Step Functions, StartExecution.
 */
export function attemptName(replica: ReplicaObservation, failedAt: Seconds, at: Seconds): string {
  const { podUid, createdAt, warmAt, unreadySince } = replica;
  const failed = Math.max(failedAt, replica.warmupFailure?.at ?? 0);
  const [what, since] =
    failed > 0
      ? [`after-${Math.round(failed)}`, failed]
      : warmAt !== undefined
        ? [`again-${Math.round(unreadySince ?? warmAt)}`, unreadySince ?? warmAt]
        : ['first', createdAt];
  const silent = Math.max(0, at - since) / SILENT_SECONDS;
  return silent < 1 ? `${podUid}-${what}` : `${podUid}-${what}-${1 + Math.floor(Math.log2(silent))}`;
}

const doubling = (count: number, first: Seconds, longest: Seconds): Seconds =>
  Math.min(longest, first * 2 ** Math.min(30, Math.max(0, count - 1)));

const recent = (suspects: FleetMemory['suspects'], at: Seconds): FleetMemory['suspects'] =>
  Object.fromEntries(Object.entries(suspects).filter(([, since]) => at - since < SUSPECT_SECONDS));
