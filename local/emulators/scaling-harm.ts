import type { Timers } from './clock.ts';
import { cause, spotEvent } from './scaling-activity.ts';
import { type Group, type Instance, isLive } from './scaling-group.ts';
import type { EngineOptions } from './scaling-options.ts';

const DRAIN_ROUND_MS = 2000;
const NODE_RETRY_MS = 5000;

/** What the group does about it. */
interface GroupActions {
  wake(group: Group): void;
  terminate(group: Group, instance: Instance, cause: string): unknown;
  /** Takes the instance's node out of the cluster. */
  leave(instance: Instance): Promise<void>;
}

/** Instances come to harm: EC2 takes them back or loses them, and EKS drains some of them first. */
export class ScalingHarm {
  readonly #options: Required<EngineOptions>;
  readonly #timers: Timers;
  readonly #group: GroupActions;

  constructor(options: Required<EngineOptions>, timers: Timers, group: GroupActions) {
    this.#options = options;
    this.#timers = timers;
    this.#group = group;
  }

  get #now(): number {
    return this.#options.clock.now();
  }

  /**
   * EC2 warns that it takes the spot instance back, and does so after the notice. EKS drains a node for which there had been
   * advice before; others it leaves alone.
   */
  interrupt(group: Group, instance: Instance): void {
    const { events, spotNoticeSeconds } = this.#options;
    instance.noticed = true;
    events.emit(spotEvent('EC2 Spot Instance Interruption Warning', instance, this.#options));
    if (instance.rebalance) this.drain(instance, () => {});
    this.#timers.after(spotNoticeSeconds * 1000, () => this.lose(group, instance));
  }

  /** EC2 advises to replace the spot instance. */
  advise(group: Group, instance: Instance): void {
    instance.rebalance = true;
    this.#options.events.emit(spotEvent('EC2 Instance Rebalance Recommendation', instance, this.#options));
    this.#group.wake(group);
  }

  /**
   * The instance is gone without its group's doing. Its pods end at once; for a while Kubernetes shows the node as it was. The
   * group notices at its next health check.
   */
  lose(group: Group, instance: Instance): void {
    if (!isLive(instance) || instance.gone) return;
    instance.gone = true;
    const { healthCheckSeconds, nodeGoneSeconds, onPowerOff } = this.#options;
    this.#timers.after(healthCheckSeconds * 1000, () => this.notice(group, instance));
    this.#timers.after(nodeGoneSeconds * 1000, () => this.#leave(instance));
    onPowerOff(instance.nodeName);
  }

  async #leave(instance: Instance): Promise<void> {
    try {
      await this.#group.leave(instance);
    } catch (error) {
      this.#timers.after(NODE_RETRY_MS, () => this.#leave(instance));
      throw error;
    }
  }

  /** The group's health check finds an instance gone. */
  notice(group: Group, instance: Instance): void {
    if (!isLive(instance) || group.suspended.has('HealthCheck')) return;
    instance.health = 'Unhealthy';
    if (group.suspended.has('ReplaceUnhealthy')) return;
    this.#group.terminate(group, instance, cause.gone(this.#now));
    this.#group.wake(group);
  }

  /** EKS cordons the node and evicts its pods, disruption budgets permitting; `then` follows once it is empty, or time is up. */
  drain(instance: Instance, then: () => void): void {
    if (instance.draining) return;
    instance.draining = true;
    const until = this.#now + this.#options.drainSeconds * 1000;
    const round = async (): Promise<void> => {
      if (!isLive(instance) || instance.gone) return;
      try {
        if ((await this.#options.nodes.drain(instance.nodeName)) || this.#now >= until) return then();
      } catch (error) {
        this.#options.onError(error);
      }
      this.#timers.after(DRAIN_ROUND_MS, round);
    };
    this.#timers.run(round);
  }
}
