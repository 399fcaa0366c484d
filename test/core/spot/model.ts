import { decide, type FleetMemory, initialMemory } from '../../../core/scaling/decide.ts';
import type {
  Command,
  FleetPolicy,
  Plan,
  PoolObservation,
  PoolPolicy,
  ReplicaObservation,
  Seconds,
  Snapshot,
  WorkerObservation,
} from '../../../core/scaling/types.ts';
import type { Notice } from '../../../core/spot/notices.ts';

/** When the launched instance joins, and when the pod on it is warm, seconds. */
const BOOT = 40;
const LOAD = 20;
/** Auto Scaling tries a failed launch again after this long. */
const RETRY = 60;

interface Instance {
  id: string;
  joinsAt: Seconds;
  /** EC2 ends it then. */
  endsAt: Seconds;
  isProtected?: boolean;
  /** EC2 advised to replace it. */
  isAdvised?: boolean;
}

interface Pod {
  uid: string;
  createdAt: Seconds;
  boundAt?: Seconds;
  instance?: Instance;
  drainDeadline?: Seconds;
}

/** A pool as AWS and Kubernetes run it, in seconds. */
class Pool {
  readonly policy: PoolPolicy;
  desired = 0;
  replicas = 0;
  instances: Instance[] = [];
  pods: Pod[] = [];
  retryAt = 0;
  /** Whether EC2 has capacity, by time. */
  readonly hasCapacity: (at: Seconds) => boolean;
  /** When launches were tried, and whether they came to something. */
  readonly asked: { at: Seconds; given: boolean }[] = [];

  constructor(policy: PoolPolicy, hasCapacity: (at: Seconds) => boolean) {
    this.policy = policy;
    this.hasCapacity = hasCapacity;
  }

  isWarm(pod: Pod, at: Seconds): boolean {
    return pod.boundAt !== undefined && at >= pod.boundAt + LOAD && pod.drainDeadline === undefined;
  }

  warm(at: Seconds): number {
    return this.pods.filter((pod) => this.isWarm(pod, at)).length;
  }
}

export interface ModelOptions {
  policy: FleetPolicy;
  /** By pool; default: always. */
  capacity?: Record<string, (at: Seconds) => boolean>;
  /** When a notice becomes known after its event, seconds; several for one that comes several times. Default: at once. */
  delays?: (index: number) => Seconds[];
  /** Default 5. */
  tickSeconds?: Seconds;
}

/** A fleet in a world that may refuse capacity and take it back; the clock is in the test's hand. */
export class Model {
  at: Seconds;
  readonly start: Seconds;
  readonly policy: FleetPolicy;
  readonly pools: Map<string, Pool>;
  readonly plans: Plan[] = [];
  /** Instances that AWS ended of its own choice, because a desired capacity was lowered. */
  readonly endedByAws: string[] = [];
  readonly heard: { from: Seconds; notice: Notice }[] = [];
  memory: FleetMemory = initialMemory();
  backlog = 0;
  readonly #delays: (index: number) => Seconds[];
  readonly #tickSeconds: Seconds;
  #ids = 0;

  constructor(
    { policy, capacity = {}, delays = () => [0], tickSeconds = 5 }: ModelOptions,
    start = 1_800_000_000,
  ) {
    this.at = start;
    this.start = start;
    this.policy = policy;
    this.#delays = delays;
    this.#tickSeconds = tickSeconds;
    this.pools = new Map(
      policy.pools.map((pool) => [pool.name, new Pool(pool, capacity[pool.name] ?? (() => true))]),
    );
  }

  pool(name: string): Pool {
    return this.pools.get(name) as Pool;
  }

  get warm(): number {
    return [...this.pools.values()].reduce((total, pool) => total + pool.warm(this.at), 0);
  }

  get plan(): Plan {
    return this.plans.at(-1) as Plan;
  }

  /** EC2 warns that it takes back one of the pool's instances in use; false when there is none. */
  interrupt(name: string, pick = 0): boolean {
    const pool = this.pool(name);
    const used = pool.instances.filter((one) => one.endsAt === Number.POSITIVE_INFINITY);
    const instance = used[pick % Math.max(1, used.length)];
    if (!instance) return false;
    instance.endsAt = this.at + 120;
    this.#tell({
      kind: 'interruption',
      pool: name,
      instanceId: instance.id,
      at: this.at,
      endsAt: this.at + 120,
    });
    return true;
  }

  /** EC2 advises to replace one of the pool's instances: its group does so, and then ends it. */
  advise(name: string, pick = 0): void {
    const used = this.pool(name).instances.filter((one) => one.endsAt === Number.POSITIVE_INFINITY);
    const instance = used[pick % Math.max(1, used.length)];
    if (!instance) return;
    instance.isAdvised = true;
    this.#tell({ kind: 'rebalance', pool: name, instanceId: instance.id, at: this.at });
  }

  /** Lets so many seconds pass, with `each` called before each tick. */
  run(seconds: Seconds, each: (at: Seconds) => void = () => {}): void {
    for (const end = this.at + seconds; this.at < end; this.at += 1) {
      for (const pool of this.pools.values()) this.#live(pool);
      if ((this.at - this.start) % this.#tickSeconds === 0) {
        each(this.at);
        this.tick();
      }
    }
  }

  tick(): void {
    const { plan, memory } = decide(this.#snapshot(), this.policy, this.memory);
    this.memory = memory;
    this.plans.push(plan);
    for (const command of plan.commands) this.#apply(command);
  }

  #tell(notice: Notice): void {
    const index = this.heard.length;
    for (const delay of this.#delays(index)) this.heard.push({ from: this.at + delay, notice });
  }

  #id(what: string): string {
    this.#ids += 1;
    return `${what}-${this.#ids}`;
  }

  #live(pool: Pool): void {
    pool.instances = pool.instances.filter((instance) => instance.endsAt > this.at);
    pool.pods = pool.pods.filter(({ instance }) => !instance || pool.instances.includes(instance));
    while (pool.pods.length < pool.replicas) pool.pods.push({ uid: this.#id('pod'), createdAt: this.at });
    const counted = () => pool.instances.filter(({ isAdvised }) => !isAdvised);
    if (counted().filter(({ joinsAt }) => this.at >= joinsAt).length >= pool.desired)
      pool.instances = counted();
    if (counted().length < pool.desired && this.at >= pool.retryAt) {
      const given = pool.hasCapacity(this.at);
      pool.asked.push({ at: this.at, given });
      if (given) {
        while (counted().length < pool.desired)
          pool.instances.push({
            id: this.#id('i'),
            joinsAt: this.at + BOOT,
            endsAt: Number.POSITIVE_INFINITY,
          });
      } else {
        pool.retryAt = this.at + RETRY;
        this.#tell({
          ...{ kind: 'launch-failure', pool: pool.policy.name, at: this.at },
          ...{ code: 'InsufficientInstanceCapacity', message: '' },
        });
      }
    }
    for (const pod of pool.pods.filter(({ instance }) => !instance)) {
      const free = pool.instances.find(
        (one) => this.at >= one.joinsAt && !pool.pods.some(({ instance }) => instance === one),
      );
      if (free) Object.assign(pod, { instance: free, boundAt: this.at });
    }
  }

  #snapshot(): Snapshot {
    const workers: WorkerObservation[] = [];
    const pools: Snapshot['pools'] = {};
    for (const [name, pool] of this.pools) {
      pools[name] = { ok: true, value: this.#observe(pool, workers) };
    }
    const notices = this.heard.filter(({ from }) => from <= this.at).map(({ notice }) => notice);
    return {
      at: this.at,
      queue: { ok: true, value: { backlog: this.backlog, inFlight: 0 } },
      workers: { ok: true, value: workers },
      pools,
      notices: { ok: true, value: notices.filter(({ at }) => at >= this.at - 1800) },
    };
  }

  #observe(pool: Pool, workers: WorkerObservation[]): PoolObservation {
    const replicas = pool.pods.map((pod): ReplicaObservation => {
      const warm = pool.isWarm(pod, this.at);
      const { instance, boundAt, drainDeadline } = pod;
      const draining = drainDeadline !== undefined;
      if (instance && (warm || draining)) workers.push(workerOf(pod, pool.policy.name, draining, this.at));
      return {
        ...{ name: pod.uid, podUid: pod.uid, awaitingWarmup: false, createdAt: pod.createdAt },
        phase: !instance ? 'unassigned' : draining ? 'draining' : warm ? 'warm' : 'starting',
        isReady: warm,
        ...(instance && { node: `node-${instance.id}`, instanceId: instance.id }),
        ...(boundAt !== undefined && { boundAt }),
        ...(boundAt !== undefined && this.at >= boundAt + LOAD && { warmAt: boundAt + LOAD }),
        ...(drainDeadline !== undefined && { drainDeadline }),
      };
    });
    return {
      ...{
        desiredNodes: pool.desired,
        minNodes: 0,
        maxNodes: pool.policy.max,
        desiredReplicas: pool.replicas,
      },
      replicas,
      instances: pool.instances.map(({ id, joinsAt, isProtected }) => ({
        instanceId: id,
        ...(isProtected && { isProtected }),
        ...(this.at >= joinsAt
          ? { lifecycle: 'in-service' as const, node: `node-${id}` }
          : { lifecycle: 'pending' as const }),
      })),
    };
  }

  #apply(command: Command): void {
    if (command.kind === 'forget-worker') return;
    const pool = this.pool(command.pool);
    const pod = (uid: string) => pool.pods.find((one) => one.uid === uid) as Pod;
    switch (command.kind) {
      case 'set-replicas':
        pool.replicas = command.to;
        pool.pods = this.#removalOrder(pool).slice(Math.max(0, pool.pods.length - command.to));
        break;
      case 'set-nodes':
        pool.desired = command.to;
        this.#shrink(pool);
        pool.retryAt = Math.min(pool.retryAt, this.at + (command.to > command.from ? 0 : RETRY));
        break;
      case 'protect-instances':
        for (const one of pool.instances)
          if (command.instanceIds.includes(one.id)) one.isProtected = command.isProtected;
        break;
      case 'drain':
        pod(command.podUid).drainDeadline = command.deadline;
        break;
      case 'cancel-drain':
        delete pod(command.podUid).drainDeadline;
        break;
      case 'terminate-instance':
        pool.instances = pool.instances.filter(({ id }) => id !== command.instanceId);
        pool.desired -= 1;
        this.#shrink(pool);
    }
  }

  /** AWS chooses what goes, and does not ask what is on it. */
  #shrink(pool: Pool): void {
    const counted = pool.instances.filter(({ isAdvised }) => !isAdvised);
    for (const { id } of counted
      .filter(({ isProtected }) => !isProtected)
      .slice(0, Math.max(0, counted.length - pool.desired))) {
      pool.instances = pool.instances.filter((one) => one.id !== id);
      this.endedByAws.push(id);
    }
  }

  /** As a ReplicaSet removes them: unassigned, unready, drained, youngest. */
  #removalOrder(pool: Pool): Pod[] {
    const rank = (pod: Pod) =>
      !pod.instance ? 0 : pod.drainDeadline !== undefined ? 2 : this.#ready(pool, pod);
    return pool.pods.toSorted((a, b) => rank(a) - rank(b) || b.createdAt - a.createdAt);
  }

  #ready(pool: Pool, pod: Pod): number {
    return pool.isWarm(pod, this.at) ? 3 : 1;
  }
}

const workerOf = (pod: Pod, pool: string, draining: boolean, at: Seconds): WorkerObservation => ({
  ...{ replica: pod.uid, workerId: pod.uid, podUid: pod.uid, pool, slots: 1 },
  state: draining ? 'draining' : 'warm',
  ...{ busyQueue: 0, busyInteractive: 0, completedQueue: 0, completedInteractive: 0, busySlotSeconds: 0 },
  ...{ renewedAt: at, lastActiveAt: 0 },
});
