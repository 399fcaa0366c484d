import type { Timers } from './clock.ts';
import { UpdateFailure } from './eks-updates.ts';
import type { NodeLifecycle } from './nodes.ts';
import { type Group, type Instance, liveInstances } from './scaling-group.ts';

/** Between two looks at a group. */
const ROUND_MS = 1000;

export interface RollOptions {
  timers: Timers;
  now(): number;
  nodes: NodeLifecycle;
  /** What EKS asks Auto Scaling for. They throw as its API does. */
  resize(group: Group, sizes: { maxSize?: number; desiredCapacity?: number }): void;
  terminate(instanceId: string, shouldDecrement: boolean): void;
  onError(error: unknown): void;
  /** How long new nodes may take to be Ready. */
  creationSeconds: number;
  /** How long a node's pods may take to leave. AWS: 900. */
  evictionSeconds: number;
  /** Between a node being empty and its end. AWS: 60. */
  settleSeconds: number;
}

/** The group shall have nothing but nodes of this release. */
export interface Roll {
  group: Group;
  release: string;
  /** Nodes that are emptied at a time. */
  maxUnavailable: number;
  /** Pods that don't leave in time are ended. */
  force: boolean;
  /** Ends like this once the first old node is gone. */
  failure: UpdateFailure | undefined;
}

/**
 * Replaces the nodes of a group as EKS does by the update strategy 'default': first additional new nodes, one in each zone
 * that has old ones; then old nodes are cordoned, emptied within disruption budgets, and ended; last the group gets its size
 * back. Source: EKS, 'Understand each phase of node updates'.
 */
export class NodegroupRoll {
  readonly #options: RollOptions;
  readonly #roll: Roll;
  readonly #startedAt: number;
  /** Empty since; undefined: being emptied since `since`. */
  readonly #draining = new Map<string, { since: number; emptySince?: number }>();
  /** Additional nodes that the group still has. */
  #extra = 0;
  #ended = 0;

  constructor(roll: Roll, options: RollOptions) {
    this.#roll = roll;
    this.#options = options;
    this.#startedAt = options.now();
  }

  /** Resolves when all are new. Rejects with UpdateFailure: those that are new stay. */
  async run(): Promise<void> {
    try {
      await this.#scaleUp();
      await this.#replace();
      if (this.#roll.failure) throw this.#roll.failure;
    } catch (error) {
      await this.#giveUp();
      throw error;
    }
    this.#restoreMaximum();
  }

  get #old(): Instance[] {
    return liveInstances(this.#roll.group).filter(({ release }) => release !== this.#roll.release);
  }

  get #new(): Instance[] {
    return liveInstances(this.#roll.group).filter(({ release }) => release === this.#roll.release);
  }

  async #scaleUp(): Promise<void> {
    const { group, maxUnavailable } = this.#roll;
    const { resize, nodes, creationSeconds, now } = this.#options;
    const old = this.#old;
    const zones = new Set(old.map(({ zone }) => zone.name));
    const extra = Math.min(old.length, Math.max(zones.size, maxUnavailable));
    if (extra === 0) return;
    const had = this.#new.length;
    await this.#until(() => {
      resize(group, { maxSize: group.maxSize + extra, desiredCapacity: group.desiredCapacity + extra });
      return true;
    });
    this.#extra = extra;
    await this.#until(async () => {
      const fresh = this.#new.filter(({ state }) => state === 'InService');
      const ready = await Promise.all(fresh.map(({ nodeName }) => nodes.isReady(nodeName)));
      if (ready.filter(Boolean).length >= had + extra) return true;
      if (now() - this.#startedAt < creationSeconds * 1000) return false;
      throw new UpdateFailure(
        'NodeCreationFailure',
        `Couldn't proceed with upgrade process as new nodes are not joining node group ${group.launch.nodegroupName}`,
        [group.name],
      );
    });
    for (const { nodeName } of this.#old) await this.#quietly(() => nodes.cordon(nodeName, true));
  }

  async #replace(): Promise<void> {
    await this.#until(async () => {
      const old = this.#old;
      for (const id of [...this.#draining.keys()])
        if (!old.some((instance) => instance.id === id)) this.#draining.delete(id);
      for (const instance of old) {
        if (this.#draining.size >= this.#roll.maxUnavailable) break;
        if (!this.#draining.has(instance.id)) this.#draining.set(instance.id, { since: this.#options.now() });
      }
      for (const instance of old) if (this.#draining.has(instance.id)) await this.#empty(instance);
      return this.#old.length === 0;
    });
  }

  async #empty(instance: Instance): Promise<void> {
    const state = this.#draining.get(instance.id);
    if (!state) return;
    const { now, nodes, settleSeconds, evictionSeconds } = this.#options;
    if (state.emptySince !== undefined) {
      if (now() - state.emptySince >= settleSeconds * 1000) this.#end(instance);
      return;
    }
    if (await nodes.drain(instance.nodeName)) {
      state.emptySince = now();
    } else if (now() - state.since >= evictionSeconds * 1000) {
      if (this.#roll.force) return this.#end(instance);
      throw new UpdateFailure(
        'PodEvictionFailure',
        `Reached max retries while trying to evict pods from nodes in node group ${this.#roll.group.launch.nodegroupName}`,
        [instance.nodeName],
      );
    }
  }

  /** The last of them are not replaced any more: the group has its size again. */
  #end(instance: Instance): void {
    const shouldDecrement = this.#old.length <= this.#extra;
    this.#options.terminate(instance.id, shouldDecrement);
    this.#draining.delete(instance.id);
    if (shouldDecrement) {
      this.#extra -= 1;
      this.#lowerMaximum(1);
    }
    this.#ended += 1;
    if (this.#roll.failure && this.#ended === 1) throw this.#roll.failure;
  }

  #restoreMaximum(): void {
    if (this.#extra > 0) this.#lowerMaximum(this.#extra);
    this.#extra = 0;
  }

  #lowerMaximum(by: number): void {
    const { group } = this.#roll;
    this.#options.resize(group, { maxSize: Math.max(group.maxSize - by, group.desiredCapacity) });
  }

  /** Old nodes serve on. Additional ones stay, for whoever decides the group's size. */
  async #giveUp(): Promise<void> {
    for (const { nodeName } of this.#old)
      await this.#quietly(() => this.#options.nodes.cordon(nodeName, false));
    await this.#quietly(() => this.#restoreMaximum());
  }

  /** Looks again and again. What Auto Scaling or Kubernetes refuse is asked for anew; only a failure of the update ends it. */
  async #until(done: () => boolean | Promise<boolean>): Promise<void> {
    for (;;) {
      try {
        if (await done()) return;
      } catch (error) {
        if (error instanceof UpdateFailure) throw error;
        this.#options.onError(error);
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#options.timers.after(ROUND_MS, resolve);
      await promise;
    }
  }

  async #quietly(act: () => unknown): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#options.onError(error);
    }
  }
}
