import type { Canary } from '../protocol/canary.ts';
import type { FleetPolicy, PoolObservation, Reading, Seconds, WorkerObservation } from '../scaling/types.ts';

/** What a verdict is made of. Each reading may fail without the others; what was not read is unknown, never healthy. */

/** An issue in EKS's own words. Source: Amazon EKS API, 'Issue' and 'ClusterIssue'. */
export interface Issue {
  code: string;
  message: string;
}

export interface ClusterHealth {
  /** `ACTIVE`, `UPDATING`, `FAILED` … */
  status: string;
  /** Kubernetes version, `1.36`. */
  version: string;
  issues: Issue[];
}

export interface NodeGroupHealth {
  name: string;
  /** `ACTIVE`, `UPDATING`, `DEGRADED`, `CREATE_FAILED` … */
  status: string;
  issues: Issue[];
  /** Names of the groups that launch its instances: one. */
  autoScalingGroups: string[];
}

/** A pod of a fleet, as far as it is in trouble. */
export interface PodHealth {
  name: string;
  pool: string;
  createdAt: Seconds;
  isReady: boolean;
  /** Since when its containers answer no probe. */
  unreadySince?: Seconds;
  isTerminating: boolean;
  /** It is to go: it takes nothing any more, and is not Ready for that. */
  isDraining: boolean;
  node?: string;
  /** Why it is in no node, or what its container waits for: `CrashLoopBackOff: …`. */
  trouble?: string;
}

export interface NodeHealth {
  name: string;
  /** Since when it is not Ready, and why; absent: it is. */
  notReady?: { since: Seconds; why: string };
}

export interface QueueHealth {
  backlog: number;
  inFlight: number;
  /** Of the oldest message, seconds; undefined: nothing waits, or CloudWatch has no figure yet. */
  oldestSeconds?: number;
}

/** The last tick that was stored. */
export interface TickHealth {
  at: Seconds;
  failures: string[];
  /** Replicas wanted. */
  wanted: number;
  /** Pools that are not asked for capacity now. */
  quarantined: string[];
}

/** What a worker answered to the canary. */
export interface CanaryAnswer {
  replica: string;
  answer: Reading<Canary>;
}

export interface FleetHealth {
  fleet: string;
  policy: FleetPolicy;
  pools: Readonly<Record<string, Reading<PoolObservation>>>;
  pods: Reading<PodHealth[]>;
  nodes: Reading<NodeHealth[]>;
  workers: Reading<WorkerObservation[]>;
  /** Empty: no replica was warm to be asked. */
  canaries: readonly CanaryAnswer[];
  queue: Reading<QueueHealth>;
  /** Messages in the dead-letter queue. */
  deadLetters: Reading<number>;
  /** Undefined: none is stored. */
  tick: Reading<TickHealth | undefined>;
}

export interface HealthObservation {
  at: Seconds;
  clusterName: string;
  cluster: Reading<ClusterHealth>;
  nodeGroups: Reading<NodeGroupHealth[]>;
  /** By fleet: its own readings, or why its parameter could not be read. */
  fleets: Readonly<Record<string, Reading<FleetHealth>>>;
}
