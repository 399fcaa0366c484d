import { Timers } from './clock.ts';
import type { NodeSpec } from './nodes.ts';
import { activityEvent, beginActivity, cause, endActivity, launchRefusal } from './scaling-activity.ts';
import {
  type Activity,
  type Group,
  type Instance,
  isLive,
  liveInstances,
  victim,
  zoneToLaunchIn,
} from './scaling-group.ts';
import { ScalingHarm } from './scaling-harm.ts';
import { ENGINE_DEFAULTS, type EngineOptions } from './scaling-options.ts';

const NODE_RETRY_MS = 5000;

/** Brings groups to their desired capacity. */
export class ScalingEngine {
  readonly #options: Required<EngineOptions>;
  readonly #timers: Timers;
  readonly harm: ScalingHarm;
  #addresses = 0;

  constructor(options: EngineOptions) {
    this.#options = { ...ENGINE_DEFAULTS, ...options };
    this.#timers = new Timers(options.clock, options.onError);
    this.harm = new ScalingHarm(this.#options, this.#timers, {
      wake: (group) => this.wake(group),
      terminate: (group, instance, text) => this.terminate(group, instance, text),
      leave: (instance) => this.#leave(instance),
    });
  }

  get #now(): number {
    return this.#options.clock.now();
  }

  /** The group will act on its sizes after `seconds`, or sooner when it was about to. */
  wake(group: Group, seconds = this.#options.reactionSeconds): void {
    const due = this.#now + seconds * 1000;
    if (group.reconciliation && group.reconciliation.due <= due) return;
    group.reconciliation?.timer.cancel();
    const timer = this.#timers.after(seconds * 1000, () => {
      group.reconciliation = undefined;
      this.#reconcile(group);
    });
    group.reconciliation = { timer, due };
  }

  /** Instances that are to be replaced on advice don't count; they end once their replacements are in service. */
  #reconcile(group: Group): void {
    const live = liveInstances(group);
    const advised = live.filter(({ rebalance }) => rebalance && group.capacityRebalance);
    const counted = live.filter((instance) => !advised.includes(instance));
    const missing = group.desiredCapacity - counted.length;
    if (missing > 0 && !group.suspended.has('Launch')) this.#launch(group, missing, live.length);
    if (group.suspended.has('Terminate')) return;
    this.#shrink(group, counted, -missing);
    if (counted.filter(({ state }) => state === 'InService').length >= group.desiredCapacity) {
      for (const instance of advised)
        this.harm.drain(instance, () =>
          this.terminate(group, instance, cause.rebalance(this.#now, instance.id)),
        );
    }
  }

  #shrink(group: Group, from: Instance[], surplus: number): void {
    const remaining = from.filter(({ isProtected }) => !isProtected);
    for (let left = surplus; left > 0 && remaining.length > 0; left--) {
      const instance = victim(remaining);
      remaining.splice(remaining.indexOf(instance), 1);
      const size = from.length;
      this.terminate(
        group,
        instance,
        this.#withRequest(group, cause.shrink(this.#now, size, size - surplus, instance.id)),
      );
    }
    if (surplus > 0) group.pendingCause = '';
  }

  #launch(group: Group, count: number, actual: number): void {
    const text = this.#withRequest(group, cause.grow(this.#now, actual, actual + count));
    group.pendingCause = '';
    for (let launched = 0; launched < count; launched++) {
      if (group.capacity <= 0) {
        this.#refuse(group, text);
        return;
      }
      group.capacity -= 1;
      this.#start(group, text);
    }
  }

  #withRequest(group: Group, text: string): string {
    return group.pendingCause ? `${group.pendingCause}  ${text}` : text;
  }

  /** One failed activity per attempt; the group tries again for as long as it wants more than it has. */
  #refuse(group: Group, text: string): void {
    const { ids, events, launchRetrySeconds } = this.#options;
    const zone = zoneToLaunchIn(group);
    const message = launchRefusal(group, zone);
    const description = `Launching a new EC2 instance.  Status Reason: ${message}`;
    const activity = beginActivity(group, ids, this.#now, {
      description,
      cause: text,
      zone,
      status: 'InProgress',
    });
    endActivity(group, activity, this.#now, 'Failed', message);
    group.launchFailure = { at: this.#now, message };
    events.emit(activityEvent(this.#options, ids, 'EC2 Instance Launch Unsuccessful', activity));
    this.wake(group, launchRetrySeconds);
  }

  #start(group: Group, text: string): void {
    const { ids, bootSeconds, region } = this.#options;
    const zone = zoneToLaunchIn(group);
    const { instanceTypes, capacityType, release } = group.launch;
    const internalIp = this.#address(group, group.zones.indexOf(zone));
    const id = ids.instanceId();
    const domain = region === 'us-east-1' ? 'ec2.internal' : `${region}.compute.internal`;
    const instance: Instance = {
      id,
      // On-demand takes the first type that is named, spot the one with the most spare capacity.
      type: capacityType === 'SPOT' ? ids.pick(instanceTypes) : (instanceTypes[0] ?? ''),
      release,
      zone,
      internalIp,
      nodeName: `ip-${internalIp.replaceAll('.', '-')}.${domain}`,
      state: 'Pending',
      health: 'Healthy',
      launchedAt: this.#now,
      isProtected: false,
      rebalance: false,
      gone: false,
      joined: false,
      draining: false,
      launch: beginActivity(group, ids, this.#now, {
        description: `Launching a new EC2 instance: ${id}`,
        cause: text,
        zone,
        status: 'PreInService',
      }),
    };
    group.instances.set(id, instance);
    const neverReady = group.unreadyLaunches > 0;
    if (neverReady) group.unreadyLaunches -= 1;
    const spec = { ...nodeSpec(group, instance, region), neverReady };
    this.#timers.after(bootSeconds * 1000, () => this.#join(group, instance, spec));
  }

  /** A /20 of 10.0.0.0/16 per zone; an address is not used twice in a run. */
  #address(group: Group, zoneIndex: number): string {
    const host = (this.#addresses++ % 4000) + 16;
    if (zoneIndex > 15) throw new RangeError(`Auto Scaling group ${group.name} has more than 16 zones.`);
    return `10.0.${zoneIndex * 16 + (host >> 8)}.${host & 255}`;
  }

  async #join(group: Group, instance: Instance, spec: NodeSpec): Promise<void> {
    if (!isLive(instance) || instance.gone) return;
    instance.joined = true;
    instance.joining = this.#options.nodes.join(spec);
    try {
      await instance.joining;
    } catch (error) {
      this.#timers.after(NODE_RETRY_MS, () => this.#join(group, instance, spec));
      throw error;
    }
    // When it ended while it joined, whoever ended it lets its node leave.
    if (!isLive(instance) || instance.gone) return;
    instance.state = 'InService';
    group.launchFailure = undefined;
    endActivity(group, instance.launch, this.#now, 'Successful');
    const { ids, events } = this.#options;
    events.emit(
      activityEvent(this.#options, ids, 'EC2 Instance Launch Successful', instance.launch, instance.id),
    );
    this.wake(group);
  }

  async #leave(instance: Instance): Promise<void> {
    // A node that leaves before its join is through would stay for ever.
    await instance.joining?.catch(() => {});
    if (instance.joined) await this.#options.nodes.leave(instance.nodeName);
    instance.joined = false;
  }

  /** Ends an instance: its node leaves at once, it is gone from the group `terminateSeconds` later. */
  terminate(group: Group, instance: Instance, text: string): Activity {
    const { ids, terminateSeconds } = this.#options;
    if (instance.launch.EndTime === undefined) endActivity(group, instance.launch, this.#now, 'Cancelled');
    instance.state = 'Terminating';
    const activity = beginActivity(group, ids, this.#now, {
      description: `Terminating EC2 instance: ${instance.id}`,
      cause: text,
      zone: instance.zone,
      status: 'InProgress',
    });
    // Of one that is gone already Kubernetes finds out by itself.
    if (!instance.gone) this.#timers.run(() => this.#leave(instance));
    this.#timers.after(terminateSeconds * 1000, () => this.#remove(group, instance, activity));
    return activity;
  }

  async #remove(group: Group, instance: Instance, activity: Activity): Promise<void> {
    try {
      if (!instance.gone) await this.#leave(instance);
    } catch (error) {
      this.#timers.after(NODE_RETRY_MS, () => this.#remove(group, instance, activity));
      throw error;
    }
    group.instances.delete(instance.id);
    endActivity(group, activity, this.#now, 'Successful');
    const { ids, events } = this.#options;
    events.emit(
      activityEvent(this.#options, ids, 'EC2 Instance Terminate Successful', activity, instance.id),
    );
  }

  /** Processes of the group were resumed: catches up with what it missed. */
  resume(group: Group): void {
    for (const instance of liveInstances(group)) if (instance.gone) this.harm.notice(group, instance);
    this.wake(group);
  }

  dispose(): void {
    this.#timers.dispose();
  }
}

function nodeSpec(group: Group, instance: Instance, region: string): NodeSpec {
  const { nodegroupName, capacityType, labels, taints, kubernetesVersion } = group.launch;
  return {
    name: instance.nodeName,
    instanceId: instance.id,
    instanceType: instance.type,
    capacityType,
    region,
    zone: instance.zone.name,
    internalIp: instance.internalIp,
    nodegroupName,
    labels: { ...labels },
    taints: [...taints],
    kubernetesVersion,
  };
}
