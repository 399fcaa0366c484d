import { decide, type FleetMemory, initialMemory } from '../../core/scaling/decide.ts';
import type { Command, FleetPolicy } from '../../core/scaling/types.ts';
import { EPOCH, observeStorm } from './observe.ts';
import type { Pod, StormWorld } from './world.ts';

/** Looks at the world every second and does something about it. */
export interface Controller {
  second(world: StormWorld): void;
}

/**
 * The real core.
 * @param hears AWS's notices; without, it only sees what is there
 * @param carryOut how its commands are carried out
 */
export class CoreController implements Controller {
  readonly #policy: FleetPolicy;
  readonly #hears: boolean;
  readonly #carryOut: (world: StormWorld, command: Command) => void;
  #memory: FleetMemory = initialMemory();
  #nextTick = 0;

  constructor(policy: FleetPolicy, hears: boolean, carryOut = carryOutCommand) {
    this.#policy = policy;
    this.#hears = hears;
    this.#carryOut = carryOut;
  }

  second(world: StormWorld): void {
    if (world.now < this.#nextTick) return;
    this.#nextTick = world.now + this.#policy.tickSeconds;
    const workloads = this.#policy.pools.map(({ name }) => name);
    const { plan, memory } = decide(observeStorm(world, workloads, this.#hears), this.#policy, this.#memory);
    this.#memory = memory;
    for (const command of plan.commands) this.#carryOut(world, command);
  }
}

const NEVER = Number.POSITIVE_INFINITY;
const named = (world: StormWorld, id: string): Pod | undefined => world.pods.find((pod) => pod.id === id);

export function carryOutCommand(world: StormWorld, command: Command): void {
  switch (command.kind) {
    case 'set-replicas':
      world.replicas.set(command.pool, command.to);
      break;
    case 'set-nodes':
      world.desired.set(command.pool, command.to);
      break;
    case 'terminate-instance': {
      const isThere = world.instances.some(
        ({ id, isTerminating }) => id === command.instanceId && !isTerminating,
      );
      if (!isThere) break;
      world.terminate(command.instanceId);
      world.desired.set(command.pool, Math.max(0, (world.desired.get(command.pool) ?? 0) - 1));
      break;
    }
    case 'drain': {
      const pod = named(world, command.replica);
      if (pod) pod.drainDeadline = command.deadline - EPOCH;
      break;
    }
    case 'cancel-drain': {
      const pod = named(world, command.replica);
      if (pod) pod.drainDeadline = NEVER;
      break;
    }
    default:
      break;
  }
}

/** Its batch of pods ends when none was added for a second; here those of a batch come at once. */
const BATCH_SECONDS = 1;
const REMEMBERED_SECONDS = 180;

/**
 * As Karpenter provisions: a spot notice drains the node at once, and a node is started for each pod once it is pending; spot
 * while there is any, and on-demand while a launch without capacity is remembered (three minutes). How many pods there are is
 * the same core's decision. Nothing goes back to spot but by scaling in and out.
 * Source: Karpenter, 'Disruption: interruption' and 'Scheduling: batching', pkg/cache (unavailable offerings).
 */
export class PendingPodController implements Controller {
  readonly #core: CoreController;
  readonly #spot: string;
  readonly #onDemand: string;
  #refusedAt = Number.NEGATIVE_INFINITY;

  constructor(policy: FleetPolicy, pools: { spot: string; onDemand: string }) {
    this.#spot = pools.spot;
    this.#onDemand = pools.onDemand;
    this.#core = new CoreController(policy, false, (world, command) => {
      // Nodes follow the pods.
      if (command.kind === 'set-nodes') return;
      if (command.kind === 'terminate-instance') world.terminate(command.instanceId);
      else carryOutCommand(world, command);
    });
  }

  second(world: StormWorld): void {
    for (const pod of world.pods) {
      const endsAt = pod.instance?.endsAt ?? NEVER;
      if (endsAt < NEVER && pod.deletedAt === NEVER) world.delete(pod);
    }
    const used = new Set(world.pods.map(({ instance }) => instance?.id));
    for (const one of world.instances) if (one.endsAt < NEVER && !used.has(one.id)) world.terminate(one.id);
    this.#provision(world);
    this.#core.second(world);
  }

  #provision(world: StormWorld): void {
    const pending = world.pods.filter(
      ({ instance, createdAt, deletedAt }) =>
        !instance && deletedAt === NEVER && world.now - createdAt >= BATCH_SECONDS,
    );
    const taken = new Set(world.pods.map(({ instance }) => instance?.id));
    const coming = world.instances.filter(
      (one) => !one.isTerminating && one.offAt === NEVER && one.endsAt === NEVER && !taken.has(one.id),
    );
    for (let missing = pending.length - coming.length; missing > 0; missing -= 1) {
      const isRemembered = world.now - this.#refusedAt < REMEMBERED_SECONDS;
      if (!isRemembered && world.launch(this.#spot)) continue;
      if (!isRemembered) this.#refusedAt = world.now;
      world.launch(this.#onDemand);
    }
  }
}
