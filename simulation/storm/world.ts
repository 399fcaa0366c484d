import type { Notice } from '../../core/spot/notices.ts';
import type { Arrivals } from '../arrivals.ts';
import { hasSpotCapacity, type StormPlan } from './plan.ts';
import { Service, type ServingPod } from './service.ts';

/** Of nodes and models, and of AWS, seconds. As in the local emulators. */
export const TIMES = {
  boot: 40,
  load: 20,
  notice: 120,
  /** Until Kubernetes takes a lost node out. */
  nodeGone: 50,
  /** Until Auto Scaling misses a lost instance. */
  healthCheck: 30,
  launchRetry: 60,
  /** A pod that is deleted finishes what fits. */
  grace: 20,
} as const;

export interface StormPool {
  name: string;
  capacityType: 'on-demand' | 'spot';
  min: number;
  max: number;
  pricePerHour: number;
}

export interface Instance {
  id: string;
  pool: string;
  launchedAt: number;
  readyAt: number;
  /** EC2 takes it back then. */
  endsAt: number;
  /** It is off, though Kubernetes or Auto Scaling may not know yet. */
  offAt: number;
  /** It is being ended on purpose. */
  isTerminating: boolean;
}

export interface Pod extends ServingPod {
  workload: string;
  createdAt: number;
  instance?: Instance;
  boundAt: number;
  drainDeadline: number;
  /** Deleted: it ends once it is idle, or then. */
  deletedAt: number;
}

const NEVER = Number.POSITIVE_INFINITY;

/** Instances, pods and a queue under a storm, second by second. What to do about it is the controller's. */
export class StormWorld {
  now = 0;
  readonly plan: StormPlan;
  readonly slots: number;
  readonly pools: readonly StormPool[];
  readonly service: Service;
  instances: Instance[] = [];
  pods: Pod[] = [];
  readonly notices: Notice[] = [];
  /** By workload. */
  readonly replicas = new Map<string, number>();
  /** Nodes wanted, by pool; a pool without is left to the controller. */
  readonly desired = new Map<string, number>();
  readonly nodeSeconds = new Map<string, number>();
  /** Where the pods of a workload may run. */
  readonly poolsOf: (workload: string) => readonly string[];
  readonly #asked = new Map<string, number>();
  readonly #retryAt = new Map<string, number>();
  #ids = 0;
  #interruptions = 0;

  constructor(options: {
    plan: StormPlan;
    arrivals: Arrivals;
    slots: number;
    pools: readonly StormPool[];
    poolsOf?: (workload: string) => readonly string[];
  }) {
    this.plan = options.plan;
    this.slots = options.slots;
    this.pools = options.pools;
    this.poolsOf = options.poolsOf ?? ((workload) => [workload]);
    this.service = new Service(options.arrivals, options.slots);
  }

  /** Lets `seconds` pass. */
  step(seconds: number): void {
    this.now += seconds;
    this.#storm();
    for (const pool of this.pools) this.#autoScaling(pool);
    this.#instances(seconds);
    this.#workloads();
    this.#pods();
    this.service.step(this.now, seconds, this.pods);
  }

  /** A warm pod on a node of its own, as if it had always been there. */
  seed(workload: string, pool: string): void {
    const instance = this.#launched(pool, -TIMES.boot - TIMES.load);
    this.instances.push(instance);
    this.pods.push({
      ...this.#pod(workload),
      createdAt: -100,
      instance,
      boundAt: -TIMES.load,
      isServing: true,
    });
    this.replicas.set(workload, (this.replicas.get(workload) ?? 0) + 1);
    this.desired.set(pool, (this.desired.get(pool) ?? 0) + 1);
  }

  isWarm = (pod: Pod): boolean =>
    pod.instance !== undefined && this.isUp(pod.instance) && this.now >= pod.boundAt + TIMES.load;

  isUp = (instance: Instance): boolean => this.now >= instance.readyAt && this.now < instance.offAt;

  /** Kubernetes still shows it, although it may be off. */
  isShown = (instance: Instance): boolean =>
    this.now >= instance.readyAt && this.now < instance.offAt + TIMES.nodeGone;

  /** @returns false when EC2 has none to give, and it was a spot pool that asked */
  launch(pool: string): boolean {
    const isSpot = this.pools.find(({ name }) => name === pool)?.capacityType === 'spot';
    if (isSpot && !hasSpotCapacity(this.plan, this.now)) return false;
    this.instances.push(this.#launched(pool, this.now));
    return true;
  }

  terminate(id: string): void {
    const instance = this.instances.find((one) => one.id === id);
    if (!instance || instance.isTerminating) return;
    instance.isTerminating = true;
    instance.offAt = Math.min(instance.offAt, this.now);
  }

  drain(pod: Pod, deadline: number): void {
    pod.drainDeadline = deadline;
  }

  /** A pod ends as when it is deleted: it takes nothing more and finishes what fits. */
  delete(pod: Pod): void {
    pod.deletedAt = Math.min(pod.deletedAt, this.now + TIMES.grace);
  }

  #launched(pool: string, at: number): Instance {
    this.#ids += 1;
    return {
      ...{ id: `i-${this.#ids}`, pool, launchedAt: at, readyAt: at + TIMES.boot },
      ...{ endsAt: NEVER, offAt: NEVER, isTerminating: false },
    };
  }

  #pod(workload: string): Pod {
    this.#ids += 1;
    return {
      ...{ id: `pod-${this.#ids}`, workload, createdAt: this.now, boundAt: NEVER, isServing: false },
      ...{
        drainDeadline: NEVER,
        deletedAt: NEVER,
        busy: 0,
        completed: 0,
        busySlotSeconds: 0,
        lastActiveAt: 0,
      },
    };
  }

  #storm(): void {
    const { interruptions } = this.plan;
    for (; (interruptions[this.#interruptions]?.at ?? NEVER) <= this.now; this.#interruptions += 1) {
      const spot = this.instances.filter(
        (one) =>
          this.isUp(one) &&
          one.endsAt === NEVER &&
          this.pools.find(({ name }) => name === one.pool)?.capacityType === 'spot',
      );
      const chosen = spot[Math.floor((interruptions[this.#interruptions]?.pick ?? 0) * spot.length)];
      if (!chosen) continue;
      chosen.endsAt = this.now + TIMES.notice;
      this.notices.push({
        ...{
          kind: 'interruption',
          pool: chosen.pool,
          instanceId: chosen.id,
          at: this.now,
          endsAt: chosen.endsAt,
        },
      });
    }
    for (const one of this.instances) if (this.now >= one.endsAt) one.offAt = Math.min(one.offAt, one.endsAt);
  }

  /** Launches what is missing and, refused, tries again each minute, or when it is asked for more. */
  #autoScaling({ name }: StormPool): void {
    const desired = this.desired.get(name);
    if (desired === undefined) return;
    const isRaised = desired > (this.#asked.get(name) ?? 0);
    this.#asked.set(name, desired);
    if (!isRaised && this.now < (this.#retryAt.get(name) ?? 0)) return;
    const counted = this.instances.filter(
      (one) => one.pool === name && !one.isTerminating && this.now < one.offAt + TIMES.healthCheck,
    );
    for (let missing = desired - counted.length; missing > 0; missing -= 1) {
      if (this.launch(name)) continue;
      this.#retryAt.set(name, this.now + TIMES.launchRetry);
      this.notices.push({
        ...{ kind: 'launch-failure', pool: name, at: this.now, code: 'InsufficientInstanceCapacity' },
        message: 'There is no Spot capacity available that matches your request.',
      });
      return;
    }
  }

  #instances(seconds: number): void {
    for (const { pool, offAt } of this.instances)
      if (this.now < offAt) this.nodeSeconds.set(pool, (this.nodeSeconds.get(pool) ?? 0) + seconds);
    this.instances = this.instances.filter((one) => this.now < one.offAt + TIMES.nodeGone);
  }

  /** Controllers of Kubernetes: as many pods as wanted, bound to free nodes. */
  #workloads(): void {
    for (const [workload, replicas] of this.replicas) {
      const own = this.pods.filter((pod) => pod.workload === workload && pod.deletedAt === NEVER);
      for (let missing = replicas - own.length; missing > 0; missing -= 1)
        this.pods.push(this.#pod(workload));
      const rank = (pod: Pod) =>
        pod.instance === undefined ? 0 : pod.drainDeadline < NEVER ? 1 : pod.isServing ? 3 : 2;
      const victims = own.toSorted((a, b) => rank(a) - rank(b) || b.createdAt - a.createdAt);
      for (const pod of victims.slice(0, Math.max(0, own.length - replicas))) this.delete(pod);
    }
    const taken = new Set(this.pods.map(({ instance }) => instance?.id));
    const free = this.instances.filter((one) => this.isUp(one) && one.endsAt === NEVER && !taken.has(one.id));
    for (const pod of this.pods) {
      if (pod.instance || pod.deletedAt < NEVER) continue;
      const index = free.findIndex(({ pool }) => this.poolsOf(pod.workload).includes(pool));
      if (index < 0) continue;
      pod.instance = free.splice(index, 1)[0] as Instance;
      pod.boundAt = this.now;
    }
  }

  #pods(): void {
    const gone = this.pods.filter((pod) => {
      if (pod.instance && this.now >= pod.instance.offAt) {
        this.service.cutOff(pod);
        // Its controller learns of it only when the node is taken out.
        return this.now >= pod.instance.offAt + (pod.instance.isTerminating ? 0 : TIMES.nodeGone);
      }
      if (pod.deletedAt === NEVER) return false;
      if (pod.instance === undefined || pod.busy === 0) return true;
      if (this.now < pod.deletedAt) return false;
      this.service.handBack(pod);
      return true;
    });
    this.pods = this.pods.filter((pod) => !gone.includes(pod));
    for (const pod of this.pods) {
      pod.isServing = this.isWarm(pod) && pod.drainDeadline === NEVER && pod.deletedAt === NEVER;
      if (this.now >= pod.drainDeadline) this.service.handBack(pod);
    }
  }
}
