/**
 * The words of the scaling decision. Times are seconds since the Unix epoch, durations are seconds,
 * rates are per second, prices are US dollars per node-hour.
 */

import type { WarmupSummary } from '../protocol/warmup.ts';
import type { Notice } from '../spot/notices.ts';

export type Seconds = number;

/** A reading that may have failed. A failed reading is an error, never zero. */
export type Reading<T> = { ok: true; value: T } | { ok: false; error: string };

/** SQS counters: approximate, and up to a minute late. */
export interface QueueCounts {
  /** Messages that wait (`ApproximateNumberOfMessages`). */
  backlog: number;
  /** Messages that are being served (`ApproximateNumberOfMessagesNotVisible`). */
  inFlight: number;
}

/** What a worker says of itself in its Lease (see core/protocol/heartbeat.ts). */
export interface WorkerObservation {
  replica: string;
  /** One worker process; counters are folded by it. */
  workerId: string;
  podUid: string;
  pool: string;
  state: 'loading' | 'warm' | 'draining';
  slots: number;
  busyQueue: number;
  busyInteractive: number;
  /** Counters since the worker started. */
  completedQueue: number;
  completedInteractive: number;
  /** Integral of busy slots over time since the worker started, slot-seconds. */
  busySlotSeconds: number;
  renewedAt: Seconds;
  /** When the last completion was counted or the last slot became busy; 0 if never. */
  lastActiveAt: Seconds;
  /** How far its warm-up is and what it took; missing: an older worker. */
  warmUp?: WarmupSummary | undefined;
}

export interface ReplicaObservation {
  name: string;
  podUid: string;
  /** `unassigned`: bound to no node. `starting`: bound, not warm. `warm`: Ready with its gate set. */
  phase: 'unassigned' | 'starting' | 'warm' | 'draining' | 'terminating';
  /** True once the worker answers its probe although the warm gate is not set yet. */
  awaitingWarmup: boolean;
  createdAt: Seconds;
  node?: string;
  instanceId?: string;
  boundAt?: Seconds;
  /** When the run of its worker's container began that goes on now. */
  workerStartedAt?: Seconds;
  /** When the warm gate turned true. */
  warmAt?: Seconds;
  /** The last attempt to warm it failed, then and so; its gate is shut. */
  warmupFailure?: { at: Seconds; kind: string; reason: string };
  /** Since when its containers answer no probe. */
  unreadySince?: Seconds;
  /** What a container waits for, in the kubelet's words. */
  waitingFor?: string;
  /** The drain mark on it, if any. */
  drainDeadline?: Seconds;
  /** It carries the deletion cost of a drain whose mark never reached its Lease: nobody drains it. */
  hasStrayCost?: boolean;
  /** Ready in Kubernetes' own sense: a controller removes unready pods first. */
  isReady?: boolean;
  /** StatefulSet ordinal (persistent pools): the highest goes first. */
  ordinal?: number;
}

export interface InstanceObservation {
  instanceId: string;
  lifecycle: 'pending' | 'in-service' | 'terminating';
  /** Auto Scaling does not choose it when the group's desired capacity is lowered. */
  isProtected?: boolean;
  /** Name of the Kubernetes Node it became, once it joined. */
  node?: string;
}

export interface PoolObservation {
  /** `desiredCapacity` of the node group's Auto Scaling group. */
  desiredNodes: number;
  minNodes: number;
  maxNodes: number;
  instances: InstanceObservation[];
  /** `spec.replicas` of the pool's workload. */
  desiredReplicas: number;
  replicas: ReplicaObservation[];
  /** An upgrade works on it: it may grow, and nothing of it shrinks. */
  upgrade?: { spareNodes: number; replicas: number };
}

export interface Snapshot {
  at: Seconds;
  queue: Reading<QueueCounts>;
  workers: Reading<WorkerObservation[]>;
  /** By pool name; a pool whose reading failed is neither grown nor shrunk. */
  pools: Record<string, Reading<PoolObservation>>;
  /** What AWS told of the fleet's capacity in the last half hour. What can't be read is not acted on. */
  notices?: Reading<Notice[]>;
}

export interface PoolPolicy {
  name: string;
  capacityType: 'on-demand' | 'spot';
  /** `persistent`: a StatefulSet, highest ordinal goes first. `elastic`: a Deployment. */
  kind: 'persistent' | 'elastic';
  min: number;
  max: number;
  slots: number;
  pricePerHour: number;
  /** What the same node costs on-demand; missing in what an older stack wrote. */
  onDemandPricePerHour?: number | undefined;
  /** The stated guesses, used until they are learned. */
  expectedSecondsPerRequest: number;
  expectedLeadSeconds: number;
}

/** A floor whose replicas are warm while local time in `timeZone` is within the window. */
export interface ScheduleFloor {
  /** ISO weekdays 1 (Monday) to 7. */
  days: number[];
  /** `HH:MM`, inclusive. */
  from: string;
  /** `HH:MM`, exclusive; earlier than `from` means the next day. */
  to: string;
  timeZone: string;
  replicas: number;
}

export interface FleetPolicy {
  fleet: string;
  /** A request should start within this time. */
  targetWaitSeconds: number;
  /** Share of requests that should. */
  attainment: number;
  minReplicas: number;
  maxReplicas: number;
  /** Backlog that wakes a fleet that sleeps at zero. */
  activationBacklog: number;
  /** A fleet whose minimum is 0 sleeps after this long without work. */
  idleSeconds: number;
  schedule: ScheduleFloor[];
  /** No plan may cost more than this per hour; 0 means no cap. */
  costCapPerHour: number;
  /** Replicas added / removed by one tick at most; 0 means no limit. */
  maxStepOut: number;
  maxStepIn: number;
  /** Share of the replicas that may be spot, 0 to 1. */
  spotShare: number;
  /** Replicas that are always on-demand. */
  onDemandBase: number;
  tickSeconds: number;
  /** A drained replica that is still busy after this long hands its work back. */
  drainDeadlineSeconds: number;
  /** Need stays with a pool that failed to give capacity for this long before other pools take it over. */
  fallbackDelaySeconds: number;
  /** A pool that failed is not asked again for this long; each failure soon after the last lengthens it by a quarter, up to `quarantineMaxSeconds`. */
  quarantineSeconds: number;
  quarantineMaxSeconds: number;
  pools: PoolPolicy[];
}

/** Why a number is what it is: shown by `paddock explain`. */
export interface Reason {
  /** Name of the rule, kebab-case, stable. */
  rule: string;
  /** One sentence for an on-call engineer. */
  text: string;
  numbers: Record<string, number>;
  /** Which pool it is about, when it is about one that fails. */
  pool?: string;
}

export type Command =
  | { kind: 'set-replicas'; pool: string; from: number; to: number; reason: string }
  | { kind: 'set-nodes'; pool: string; from: number; to: number; reason: string }
  | {
      kind: 'drain';
      pool: string;
      replica: string;
      podUid: string;
      deadline: Seconds;
      reason: string;
      /** EC2 takes its node back: it drains whatever is wanted, and comes back on another. */
      interrupted?: true;
    }
  | { kind: 'cancel-drain'; pool: string; replica: string; podUid: string; reason: string }
  /** A deletion cost without a drain: a ReplicaSet would remove the replica although it may be busy. */
  | { kind: 'clear-cost'; pool: string; replica: string; podUid: string; reason: string }
  /** Whether Auto Scaling may choose these instances when the group's desired capacity is lowered. */
  | { kind: 'protect-instances'; pool: string; instanceIds: string[]; isProtected: boolean; reason: string }
  | { kind: 'terminate-instance'; pool: string; instanceId: string; reason: string }
  /** `attempt` names the execution: a second start of the same is refused. */
  | { kind: 'warm-up'; pool: string; replica: string; podUid: string; attempt: string; reason: string }
  /** The pod is deleted, its controller makes another one. */
  | { kind: 'replace-pod'; pool: string; replica: string; podUid: string; reason: string }
  /** The instance is terminated under its pod; the next tick asks for another one. */
  | {
      kind: 'recycle-node';
      pool: string;
      replica: string;
      podUid: string;
      instanceId: string;
      reason: string;
    }
  /** The Lease of a replica that no longer exists, its counters folded. */
  | { kind: 'forget-worker'; replica: string; reason: string };

/** A replica that is not warm, for people. */
export interface ColdReplica {
  pool: string;
  replica: string;
  /** Where it stands, or what it failed of. */
  reason: string;
  /** Failed attempts to warm it. */
  failures: number;
  /** Its age. */
  seconds: Seconds;
  /** Of a fill that is under way. */
  completedBytes?: number;
  totalBytes?: number;
}

/** The lead time of a pool, part by part, in the order in which a replica goes through them. */
export interface LeadParts {
  /** Until it is bound to a node. */
  boot: Seconds;
  /** Until its worker runs. */
  image: Seconds;
  fill: Seconds;
  load: Seconds;
  firstToken: Seconds;
  /** What is left: the gate, and what could not be measured. So the parts always add up to the whole. */
  other: Seconds;
}

/** What was learned of a pool's lead time. */
export interface LearnedLead {
  /** The sum of the parts. */
  seconds: Seconds;
  parts: LeadParts;
  /** Mean distance of a replica's lead time from it. */
  deviation: Seconds;
}

export interface Plan {
  fleet: string;
  at: Seconds;
  summary: 'hold' | 'scale-out' | 'scale-in' | 'repair' | 'blind';
  commands: Command[];
  reasons: Reason[];
  /** Replicas wanted, whole fleet and by pool. */
  wanted: number;
  wantedByPool: Record<string, number>;
  /** What it saw and learned, for `explain` and metrics. */
  numbers: Record<string, number>;
  /** Dollars per hour of the replicas wanted. */
  pricePerHour: number;
  /** Of the instances that there are now: those that start or end are paid for too. Pools that could not be read are missing. */
  pricePerHourNow?: number;
  /** How many instances those are. */
  nodesByPool?: Record<string, number>;
  /** Replicas that are on their way or can't be warmed; missing in plans of older versions, like what follows. */
  cold?: ColdReplica[];
  /** By pool, where anything was learned. */
  leads?: Record<string, LearnedLead>;
  /** False when the fleet rests: nothing waits, nothing moves, no arrivals; the loop may end. */
  again: boolean;
}

export interface Decision<M> {
  plan: Plan;
  memory: M;
}
