import type { Verdict } from '../protocol/verdict.ts';
import type { Seconds } from '../scaling/types.ts';

/** What there is to upgrade, and what may stand in its way, read before an upgrade begins. */
export interface Inventory {
  at: Seconds;
  cluster: ClusterState;
  /** Only read for `kubernetes` and `nodes`. */
  nodegroups?: NodegroupState[] | undefined;
  addons?: AddonState[] | undefined;
  insights?: Insight[] | undefined;
  fleets: FleetState[];
  /** The image that the model servers should run, by the parameter that a deployment reads. */
  ollamaImage: string;
  /** The health check's word; undefined where it could not be asked. */
  health: Health | undefined;
  /** APIs that what is installed asks for: `apps/v1`. */
  usedApis: string[];
  /** An execution of the same upgrade did not come to its end: this one goes on. */
  resumes?: boolean | undefined;
}

export interface ClusterState {
  name: string;
  /** `1.35`. */
  version: string;
  status: string;
}

export interface NodegroupState {
  name: string;
  /** Kubernetes version of its nodes. */
  version: string;
  release: string;
  status: string;
  issues: string[];
}

export interface AddonState {
  name: string;
  version: string;
  status: string;
  /** Versions that fit the Kubernetes version that is asked for, newest first: before all others those that fit the present one too. */
  fitting: string[];
}

/** Of EKS: what it found that stands against an upgrade. */
export interface Insight {
  name: string;
  status: 'PASSING' | 'WARNING' | 'ERROR' | 'UNKNOWN';
  reason: string;
}

export interface FleetState {
  name: string;
  /** What clients ask for, and the model behind it. */
  models: { served: string; actual: string }[];
  pools: PoolState[];
}

export interface PoolState {
  name: string;
  capacityType: 'on-demand' | 'spot';
  kind: 'persistent' | 'elastic';
  max: number;
  /** `spec.replicas` of its workload. */
  desired: number;
  /** Replicas that serve. */
  ready: number;
  /** Replicas that the scaler takes away. */
  draining: number;
  image: string;
  models: string[];
  /** Nodes that the group may have at most, and has asked for. */
  maxNodes: number;
  desiredNodes: number;
  /** Another pods' disruption that its budget allows now; undefined: it has none. */
  disruptionsAllowed?: number | undefined;
  /** An earlier execution left its mark, or its canary. */
  isMarked?: boolean | undefined;
  /** It holds that execution's extra replica. */
  isSpare?: boolean | undefined;
}

/** As much of the health check's verdict as the state machine carries. */
export type Health = Pick<Verdict, 'verdict' | 'checks'>;

/** What is not healthy. */
export const ailing = ({ checks }: Health): Health['checks'] =>
  checks.filter(({ status }) => status !== 'healthy');

/** The same for a person: `pool cpu/spot is degraded (2 of 3 replicas warm)`. */
export const ailmentsOf = (health: Health): string =>
  ailing(health)
    .map(({ name, status, evidence }) => `${name} is ${status} (${evidence})`)
    .join('; ');

/** Something of an execution that did not come to its end. */
export const hasLeftovers = ({ pools }: FleetState): boolean =>
  pools.some(({ isMarked, isSpare }) => isMarked || isSpare);

/** Where an upgrade's extra replica can run: where it is already, then on-demand before spot, elastic before persistent. */
export function sparePool(fleet: FleetState): PoolState | undefined {
  const rank = (pool: PoolState): number =>
    pool.isSpare ? -1 : Number(pool.capacityType === 'spot') * 2 + Number(pool.kind === 'persistent');
  return fleet.pools.filter((pool) => pool.isSpare || hasRoom(pool)).toSorted((a, b) => rank(a) - rank(b))[0];
}

const hasRoom = ({ desired, desiredNodes, max, maxNodes }: PoolState): boolean =>
  Math.max(desired, desiredNodes) + 1 <= Math.min(max, maxNodes);
