import { AwsError, type ResolvedResource, type ResourceRef } from '../front/types.ts';
import { Emulator, page } from './operations.ts';
import { cause } from './scaling-activity.ts';
import { describeGroup, matchesFilters } from './scaling-describe.ts';
import { ScalingEngine } from './scaling-engine.ts';
import { type Activity, type Group, type GroupSpec, isLive } from './scaling-group.ts';
import { Groups } from './scaling-groups.ts';
import { checkCooldown, checkSizes, invalid, PROCESSES, schemas, validate } from './scaling-inputs.ts';
import type { EngineOptions } from './scaling-options.ts';

export interface Capacity {
  /** Further launches that EC2 grants: 0 or more, or Infinity. Each launch takes one; an end gives none back. */
  available: number;
  /** Default `InsufficientInstanceCapacity`; spot groups also meet `UnfulfillableCapacity`. */
  errorCode?: string;
}

/** Amazon EC2 Auto Scaling, and the handles by which a scenario lets its instances come to harm. */
export class AutoScalingEmulator extends Emulator {
  readonly service = 'autoscaling';
  readonly #options: EngineOptions;
  readonly #engine: ScalingEngine;
  readonly #groups = new Groups();

  constructor(options: EngineOptions) {
    super();
    this.#options = options;
    this.#engine = new ScalingEngine(options);
  }

  protected readonly operations = {
    SetDesiredCapacity: (input: unknown) => this.setDesiredCapacity(input),
    TerminateInstanceInAutoScalingGroup: (input: unknown) => this.terminateInstance(input),
    SetInstanceProtection: (input: unknown) => this.setInstanceProtection(input),
    DescribeAutoScalingGroups: (input: unknown) => this.describeGroups(input),
    DescribeScalingActivities: (input: unknown) => this.describeActivities(input),
    SuspendProcesses: (input: unknown) => this.suspendProcesses(input),
    ResumeProcesses: (input: unknown) => this.resumeProcesses(input),
    UpdateAutoScalingGroup: (input: unknown) => this.updateGroup(input),
  };

  /** Throws AlreadyExists. Instances start at once. */
  createGroup(spec: GroupSpec): Group {
    if (this.#groups.get(spec.name)) {
      throw new AwsError(
        'AlreadyExists',
        `AutoScalingGroup by this name already exists - A group with the name ${spec.name} already exists`,
      );
    }
    checkSizes(spec.minSize, spec.maxSize, spec.desiredCapacity);
    const { clock, ids, accountId, region } = this.#options;
    const group: Group = {
      ...spec,
      tags: new Map(Object.entries(spec.tags)),
      arn: `arn:aws:autoscaling:${region}:${accountId}:autoScalingGroup:${ids.uuid()}:autoScalingGroupName/${spec.name}`,
      createdAt: clock.now(),
      defaultCooldown: 300,
      suspended: new Map(),
      instances: new Map(),
      activities: [],
      pendingCause: cause.created(clock.now(), spec.desiredCapacity),
      capacity: Number.POSITIVE_INFINITY,
      capacityError: 'InsufficientInstanceCapacity',
      unreadyLaunches: 0,
      launchFailure: undefined,
      lastActivityEnd: undefined,
      contentions: 0,
      reconciliation: undefined,
    };
    this.#groups.add(group);
    this.#engine.wake(group);
    return group;
  }

  /** Errors: ValidationError outside min..max, ScalingActivityInProgress (HonorCooldown), ResourceContention. */
  setDesiredCapacity(input: unknown): object {
    const { AutoScalingGroupName, DesiredCapacity, HonorCooldown } = validate(
      schemas.setDesiredCapacity,
      input,
    );
    const group = this.#changeable(AutoScalingGroupName);
    if (DesiredCapacity > group.maxSize) {
      throw invalid(
        `New SetDesiredCapacity value ${DesiredCapacity} is above max value ${group.maxSize} for the AutoScalingGroup.`,
      );
    }
    if (DesiredCapacity < group.minSize) {
      throw invalid(
        `New SetDesiredCapacity value ${DesiredCapacity} is below min value ${group.minSize} for the AutoScalingGroup.`,
      );
    }
    if (HonorCooldown) checkCooldown(group, this.#options.clock.now());
    this.#setDesired(
      group,
      DesiredCapacity,
      cause.desired(this.#options.clock.now(), group.desiredCapacity, DesiredCapacity),
    );
    return {};
  }

  #setDesired(group: Group, desired: number, text: string): void {
    if (desired !== group.desiredCapacity) group.pendingCause = text;
    group.desiredCapacity = desired;
    this.#engine.wake(group);
  }

  /** Ends exactly this instance. An instance that is ending already is not counted twice. */
  terminateInstance(input: unknown): { Activity: Activity } {
    const { InstanceId, ShouldDecrementDesiredCapacity: decrement } = validate(schemas.terminate, input);
    const found = this.#groups.findInstance(InstanceId);
    if (!found)
      throw invalid(`Instance Id not found - No managed instance found for instance ID: ${InstanceId}`);
    const { instance } = found;
    const group = this.#changeable(found.group.name);
    if (!isLive(instance)) {
      const activity = group.activities.find(
        ({ Description }) => Description === `Terminating EC2 instance: ${InstanceId}`,
      );
      if (activity) return { Activity: activity };
    }
    if (decrement && group.desiredCapacity <= group.minSize) {
      throw invalid(
        `Currently, desiredSize equals minSize (${group.minSize}). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.`,
      );
    }
    const now = this.#options.clock.now();
    const from = group.desiredCapacity;
    if (decrement) group.desiredCapacity -= 1;
    const text = cause.userRequest(now, InstanceId, decrement ? { from, to: from - 1 } : undefined);
    const activity = this.#engine.terminate(group, instance, text);
    this.#engine.wake(group);
    return { Activity: activity };
  }

  /** Of instances in service alone. */
  setInstanceProtection(input: unknown): object {
    const { AutoScalingGroupName, InstanceIds, ProtectedFromScaleIn } = validate(schemas.protection, input);
    const group = this.#changeable(AutoScalingGroupName);
    const instances = InstanceIds.map((id) => {
      const instance = group.instances.get(id);
      if (instance?.state === 'InService') return instance;
      throw invalid(`The instance ${id} is not in InService or EnteringStandby or Standby.`);
    });
    for (const instance of instances) instance.isProtected = ProtectedFromScaleIn;
    this.#engine.wake(group);
    return {};
  }

  describeGroups(input: unknown) {
    const fields = validate(schemas.describeGroups, input);
    const wanted = fields.AutoScalingGroupNames;
    const groups = this.#groups
      .all()
      .filter(
        (group) =>
          (wanted.length === 0 || wanted.includes(group.name)) && matchesFilters(group, fields.Filters),
      );
    const { items, nextToken } = this.#page(groups, fields, 50);
    return {
      AutoScalingGroups: items
        .map(describeGroup)
        .map((group) => (fields.IncludeInstances ? group : { ...group, Instances: [] })),
      ...nextToken,
    };
  }

  describeActivities(input: unknown) {
    const fields = validate(schemas.describeActivities, input);
    const groups = fields.AutoScalingGroupName
      ? [this.#groups.find(fields.AutoScalingGroupName)]
      : this.#groups.all();
    const activities = groups
      .flatMap((group) => group.activities)
      .filter(({ ActivityId }) => fields.ActivityIds.length === 0 || fields.ActivityIds.includes(ActivityId))
      .sort((a, b) => b.StartTime.getTime() - a.StartTime.getTime());
    const { items, nextToken } = this.#page(activities, fields, 100);
    return { Activities: items, ...nextToken };
  }

  /** No process named means all. */
  suspendProcesses(input: unknown): object {
    const { group, processes } = this.#processes(input);
    for (const process of processes) group.suspended.set(process, this.#options.clock.now());
    return {};
  }

  resumeProcesses(input: unknown): object {
    const { group, processes } = this.#processes(input);
    for (const process of processes) group.suspended.delete(process);
    this.#engine.resume(group);
    return {};
  }

  #processes(input: unknown): { group: Group; processes: string[] } {
    const { AutoScalingGroupName, ScalingProcesses } = validate(schemas.processes, input);
    const unknown = ScalingProcesses.find((process) => !PROCESSES.includes(process));
    if (unknown)
      throw invalid(`${unknown} is not a valid process type. Valid processes are ${PROCESSES.join(', ')}.`);
    return {
      group: this.#groups.find(AutoScalingGroupName),
      processes: ScalingProcesses.length > 0 ? ScalingProcesses : PROCESSES,
    };
  }

  /** A desired capacity that is not given moves into the new bounds. */
  updateGroup(input: unknown): object {
    const fields = validate(schemas.update, input);
    const group = this.#changeable(fields.AutoScalingGroupName);
    const min = fields.MinSize ?? group.minSize;
    const max = fields.MaxSize ?? group.maxSize;
    const desired = fields.DesiredCapacity ?? Math.max(min, Math.min(max, group.desiredCapacity));
    checkSizes(min, max, desired);
    group.minSize = min;
    group.maxSize = max;
    group.defaultCooldown = fields.DefaultCooldown ?? group.defaultCooldown;
    group.capacityRebalance = fields.CapacityRebalance ?? group.capacityRebalance;
    this.#setDesired(
      group,
      desired,
      cause.updated(this.#options.clock.now(), min, max, group.desiredCapacity, desired),
    );
    return {};
  }

  /** An instance is known by its group. */
  resolveResource({ kind, name }: ResourceRef): ResolvedResource | undefined {
    const group =
      kind === 'instance'
        ? this.#groups.findInstance(name)?.group
        : kind === 'autoScalingGroup'
          ? this.#groups.get(name)
          : undefined;
    return group && { arn: group.arn, tags: Object.fromEntries(group.tags) };
  }

  /** EC2's capacity for a group, named by the group or its node group. Throws RangeError when there is none such. */
  setCapacity(
    groupOrNodegroup: string,
    { available, errorCode = 'InsufficientInstanceCapacity' }: Capacity,
  ): void {
    const group = this.group(groupOrNodegroup);
    group.capacity = available;
    group.capacityError = errorCode;
  }

  /** The next `times` changes of the group are refused with ResourceContention. */
  contend(groupOrNodegroup: string, times = 1): void {
    this.group(groupOrNodegroup).contentions += times;
  }

  /** EC2 warns that it takes the spot instance back; it is gone `spotNoticeSeconds` later. */
  interruptSpot(instanceId: string): void {
    const { group, instance } = this.#groups.spot(instanceId);
    this.#engine.harm.interrupt(group, instance);
  }

  /** EC2 advises to replace the spot instance. */
  rebalance(instanceId: string): void {
    const { group, instance } = this.#groups.spot(instanceId);
    this.#engine.harm.advise(group, instance);
  }

  /** The instance is gone without notice. Its node is still shown for `nodeGoneSeconds`. */
  loseNode(instanceId: string): void {
    const { group, instance } = this.#groups.instance(instanceId);
    this.#engine.harm.lose(group, instance);
  }

  /** The next `launches` instances of the group run, and their nodes never become Ready; 0: no more of them. */
  setUnready(groupOrNodegroup: string, launches: number): void {
    this.group(groupOrNodegroup).unreadyLaunches = launches;
  }

  /** By name, or by the name of its node group. Throws RangeError. */
  group(groupOrNodegroup: string): Group {
    return this.#groups.named(groupOrNodegroup);
  }

  #changeable(groupName: string): Group {
    const group = this.#groups.find(groupName);
    if (group.contentions > 0) {
      group.contentions -= 1;
      throw new AwsError(
        'ResourceContention',
        'You already have a pending update to an Amazon EC2 Auto Scaling resource (for example, an Auto Scaling group, instance, or load balancer).',
        500,
      );
    }
    return group;
  }

  #page<T>(
    items: T[],
    { MaxRecords, NextToken }: { MaxRecords?: number | undefined; NextToken?: string | undefined },
    standard: number,
  ) {
    const size = Math.min(MaxRecords || standard, 100);
    const result = page(
      items,
      size,
      NextToken,
      () => new AwsError('InvalidNextToken', 'The NextToken value is not valid.'),
    );
    return { items: result.items, nextToken: result.nextToken ? { NextToken: result.nextToken } : {} };
  }

  dispose(): void {
    this.#engine.dispose();
  }
}
