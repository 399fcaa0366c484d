import type { AutoScalingEmulator } from '../emulators/autoscaling.ts';
import { type Clock, Timers } from '../emulators/clock.ts';
import type { Instance } from '../emulators/scaling-group.ts';
import type { Fault, FaultReport, OngoingFault } from './fault.ts';

export interface FaultInjectorOptions {
  autoscaling: Pick<
    AutoScalingEmulator,
    'group' | 'interruptSpot' | 'rebalance' | 'loseNode' | 'setCapacity' | 'setUnready'
  >;
  /** Names of the pools and of their node groups. */
  nodeGroups: ReadonlyMap<string, string>;
  clock: Clock;
  onError(error: unknown): void;
}

interface Ongoing {
  fault: OngoingFault;
  /** Epoch milliseconds; Infinity until it is healed. */
  until: number;
  end(): void;
}

/** A fault that can't be done as it was asked for; the message says what can. */
export class FaultRefused extends Error {
  override readonly name = 'FaultRefused';
}

/** Harms the capacity of the running system, as EC2 and EKS do. */
export class FaultInjector {
  readonly #options: FaultInjectorOptions;
  readonly #timers: Timers;
  /** By kind and pool. */
  readonly #ongoing = new Map<string, Ongoing>();

  constructor(options: FaultInjectorOptions) {
    this.#options = options;
    this.#timers = new Timers(options.clock, options.onError);
  }

  /**
   * @param choose which of the instances that can be struck; default: the oldest
   * @throws FaultRefused
   */
  inject(fault: Fault, choose?: (candidates: Instance[], count: number) => Instance[]): FaultReport {
    const nodeGroup = this.#nodeGroup(fault.pool);
    if (fault.kind === 'ice') return this.#begin(fault, nodeGroup);
    if (fault.kind === 'pending') return this.#pending(fault, nodeGroup);
    const candidates = this.candidates(fault.kind, fault.pool);
    if (candidates.length < fault.count) {
      throw new FaultRefused(
        `The pool ${fault.pool} has ${candidates.length} ${candidates.length === 1 ? 'instance' : 'instances'} that can be struck, not ${fault.count}: 'paddock status' shows its nodes; those already under notice don't count.`,
      );
    }
    const chosen = choose?.(candidates, fault.count) ?? candidates.slice(0, fault.count);
    for (const instance of chosen) this.#strike(fault.kind, instance.id);
    return {
      kind: fault.kind,
      pool: fault.pool,
      instances: chosen.map(({ id, nodeName }) => ({ instanceId: id, node: nodeName })),
    };
  }

  /** Instances in service that nothing of the kind has struck yet, oldest first. Throws FaultRefused. */
  candidates(kind: 'spot-interrupt' | 'rebalance' | 'node-loss', pool: string): Instance[] {
    const { launch, instances } = this.#options.autoscaling.group(this.#nodeGroup(pool));
    if (kind !== 'node-loss' && launch.capacityType !== 'SPOT') {
      const spot = [...this.#options.nodeGroups].filter(
        ([, name]) => this.#options.autoscaling.group(name).launch.capacityType === 'SPOT',
      );
      throw new FaultRefused(
        `The pool ${pool} is on-demand, and EC2 takes only spot instances back. ${spot.length > 0 ? `Spot pools: ${spot.map(([name]) => name).join(', ')}.` : 'This fleet has no spot pool.'}`,
      );
    }
    return [...instances.values()].filter(
      ({ state, gone, noticed, rebalance }) =>
        state === 'InService' && !gone && !noticed && !(kind === 'rebalance' && rebalance),
    );
  }

  #strike(kind: 'spot-interrupt' | 'rebalance' | 'node-loss', id: string): void {
    const { autoscaling } = this.#options;
    if (kind === 'spot-interrupt') autoscaling.interruptSpot(id);
    else if (kind === 'rebalance') autoscaling.rebalance(id);
    else autoscaling.loseNode(id);
  }

  #pending(fault: Extract<Fault, { kind: 'pending' }>, nodeGroup: string): FaultReport {
    if (fault.count === undefined) return this.#begin(fault, nodeGroup);
    if (fault.forSeconds !== undefined)
      throw new FaultRefused('State how many nodes stay pending, or for how long new ones do, not both.');
    if (this.#ongoing.has(`pending ${fault.pool}`))
      throw new FaultRefused(
        `Every node that starts in the pool ${fault.pool} stays pending already: heal that first.`,
      );
    this.#options.autoscaling.setUnready(nodeGroup, fault.count);
    return { kind: fault.kind, pool: fault.pool, instances: [], count: fault.count };
  }

  /** Two windows of one kind that overlap end with the later. */
  #begin(fault: Extract<Fault, { kind: 'ice' | 'pending' }>, nodeGroup: string): FaultReport {
    const { autoscaling, clock } = this.#options;
    const { kind, pool, forSeconds } = fault;
    const key = `${kind} ${pool}`;
    const before = this.#ongoing.get(key);
    const asked = forSeconds === undefined ? Number.POSITIVE_INFINITY : clock.now() + forSeconds * 1000;
    const until = Math.max(asked, before?.until ?? 0);
    const shown = Number.isFinite(until) ? { until: new Date(until).toISOString() } : {};
    const all = Number.POSITIVE_INFINITY;
    if (kind === 'ice') autoscaling.setCapacity(nodeGroup, { available: 0 });
    else autoscaling.setUnready(nodeGroup, all);
    const entry: Ongoing = {
      fault: { kind, pool, ...shown },
      until,
      end: () => {
        // A later window took over.
        if (this.#ongoing.get(key) !== entry) return;
        this.#ongoing.delete(key);
        if (kind === 'ice') autoscaling.setCapacity(nodeGroup, { available: all });
        else autoscaling.setUnready(nodeGroup, 0);
      },
    };
    this.#ongoing.set(key, entry);
    if (Number.isFinite(until)) this.#timers.after(until - clock.now(), entry.end);
    return { kind, pool, instances: [], ...shown };
  }

  /** What goes on at the moment. */
  ongoing(): OngoingFault[] {
    return [...[...this.#ongoing.values()].map(({ fault }) => fault), ...this.#counted()];
  }

  /** So many nodes that have yet to start stay pending. The group counts them, one less with each. */
  #counted(): OngoingFault[] {
    return [...this.#options.nodeGroups].flatMap(([pool, nodeGroup]) => {
      const count = this.#options.autoscaling.group(nodeGroup).unreadyLaunches;
      return count > 0 && Number.isFinite(count) ? [{ kind: 'pending' as const, pool, count }] : [];
    });
  }

  /** Ends what goes on (of one pool, or all): capacity is there again. Nodes that are pending or lost stay so. */
  heal(pool?: string): OngoingFault[] {
    if (pool !== undefined) this.#nodeGroup(pool);
    const ended = this.ongoing().filter((fault) => pool === undefined || fault.pool === pool);
    for (const fault of ended) {
      if (fault.count === undefined) this.#ongoing.get(`${fault.kind} ${fault.pool}`)?.end();
      else this.#options.autoscaling.setUnready(this.#nodeGroup(fault.pool), 0);
    }
    return ended;
  }

  #nodeGroup(pool: string): string {
    const name = this.#options.nodeGroups.get(pool);
    if (name === undefined) {
      throw new FaultRefused(
        `There is no pool '${pool}'. This fleet has: ${[...this.#options.nodeGroups.keys()].join(', ')}.`,
      );
    }
    return name;
  }

  dispose(): void {
    this.#timers.dispose();
  }
}
