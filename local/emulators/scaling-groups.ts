import type { Group, Instance } from './scaling-group.ts';
import { invalid } from './scaling-inputs.ts';

interface Found {
  group: Group;
  instance: Instance;
}

/** All groups, for the API (which throws ValidationError) and for scenarios (RangeError: the caller is mistaken). */
export class Groups {
  readonly #byName = new Map<string, Group>();

  add(group: Group): void {
    this.#byName.set(group.name, group);
  }

  get(name: string): Group | undefined {
    return this.#byName.get(name);
  }

  all(): Group[] {
    return [...this.#byName.values()];
  }

  /** Throws ValidationError. */
  find(name: string): Group {
    const group = this.#byName.get(name);
    if (!group) throw invalid(`AutoScalingGroup name not found - AutoScalingGroup '${name}' not found`);
    return group;
  }

  findInstance(instanceId: string): Found | undefined {
    for (const group of this.#byName.values()) {
      const instance = group.instances.get(instanceId);
      if (instance) return { group, instance };
    }
    return undefined;
  }

  /** By its own name or that of its node group. Throws RangeError. */
  named(groupOrNodegroup: string): Group {
    const group =
      this.#byName.get(groupOrNodegroup) ??
      this.all().find(({ launch }) => launch.nodegroupName === groupOrNodegroup);
    if (!group) {
      throw new RangeError(
        `There is no Auto Scaling group or node group ${groupOrNodegroup}; there is ${[...this.#byName.keys()].join(', ') || 'none'}.`,
      );
    }
    return group;
  }

  /** Throws RangeError. */
  instance(instanceId: string): Found {
    const found = this.findInstance(instanceId);
    if (!found) throw new RangeError(`There is no instance ${instanceId}.`);
    return found;
  }

  /** Throws RangeError for one that does not exist or is on-demand. */
  spot(instanceId: string): Found {
    const found = this.instance(instanceId);
    if (found.group.launch.capacityType !== 'SPOT') {
      throw new RangeError(`${instanceId} is no spot instance; its group ${found.group.name} is on-demand.`);
    }
    return found;
  }
}
