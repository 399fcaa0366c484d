import type { Nodegroup, Update } from '@aws-sdk/client-eks';
import { z } from 'zod';
import { AwsError } from '../front/types.ts';
import type { AutoScalingEmulator } from './autoscaling.ts';
import type { Clock, Timers } from './clock.ts';
import { notFound } from './eks-access.ts';
import { kubeletVersion, minorsBetween, nodeReleases } from './eks-kubernetes-versions.ts';
import {
  describeNodegroup,
  kubernetesTaints,
  type NodegroupSpec,
  nodegroupUpdate,
  planUpdate,
  type StoredNodegroup,
} from './eks-nodegroup.ts';
import { NodegroupRoll } from './eks-nodegroup-roll.ts';
import { Updates } from './eks-updates.ts';
import type { Ids } from './ids.ts';
import { instanceType } from './instance-types.ts';
import type { NodeLifecycle } from './nodes.ts';
import { parse } from './operations.ts';
import { liveInstances } from './scaling-group.ts';

const versionUpdate = z.object({
  version: z.string().optional(),
  releaseVersion: z.string().optional(),
  force: z.boolean().default(false),
});

export interface NodegroupsOptions {
  clock: Clock;
  ids: Ids;
  timers: Timers;
  autoscaling: AutoScalingEmulator;
  nodes: NodeLifecycle;
  arn(kind: string, resource: string): string;
  /** Kubernetes version of the control plane, now. */
  version(): string;
  onError(error: unknown): void;
  /** How long UpdateNodegroupConfig takes. */
  updateSeconds: number;
  nodeCreationSeconds: number;
  drainSeconds: number;
  nodeSettleSeconds: number;
}

/** The cluster's managed node groups, each with its Auto Scaling group. */
export class Nodegroups {
  readonly #options: NodegroupsOptions;
  readonly #byName = new Map<string, StoredNodegroup>();
  /** Of the releases of each version: how many EKS offers. */
  #published = 1;

  constructor(options: NodegroupsOptions) {
    this.#options = options;
  }

  /** A newer release of the image comes out, for each Kubernetes version. */
  publishReleases(): void {
    this.#published += 1;
  }

  all(): StoredNodegroup[] {
    return [...this.#byName.values()];
  }

  /** Each with the newest Kubernetes version that one of its nodes runs. */
  kubelets(): { name: string; version: string }[] {
    return this.all().map(({ nodegroupName: name, version, group }) => ({
      name,
      version: liveInstances(group)
        .map(({ release }) => release.replace(/\.\d+-.*$/, ''))
        .reduce((a, b) => ((minorsBetween(a, b) ?? 0) > 0 ? b : a), version),
    }));
  }

  /** Throws ResourceNotFoundException. */
  find(name: string | undefined): StoredNodegroup {
    const nodegroup = this.#byName.get(name ?? '');
    if (!nodegroup) throw notFound(`No node group found for name: ${name}.`);
    return nodegroup;
  }

  get(name: string): StoredNodegroup | undefined {
    return this.#byName.get(name);
  }

  describe(name: string | undefined): Nodegroup {
    return describeNodegroup(this.find(name));
  }

  /** Makes the node group and its Auto Scaling group with the tags that EKS sets. Its first nodes start at once. */
  add(spec: NodegroupSpec): { autoScalingGroupName: string } {
    const { ids, clock, timers, autoscaling, arn } = this.#options;
    const { clusterName, nodegroupName, capacityType, instanceTypes, labels = {}, taints = [] } = spec;
    if (this.#byName.has(nodegroupName)) {
      throw new AwsError(
        'ResourceInUseException',
        `NodeGroup already exists with name ${nodegroupName} and cluster name ${clusterName}`,
        409,
      );
    }
    for (const type of instanceTypes) instanceType(type);
    const { minSize, maxSize, desiredSize = minSize } = spec.scalingConfig;
    const uuid = ids.uuid();
    const name = `eks-${nodegroupName}-${uuid}`;
    const version = this.#options.version();
    const release = this.#releases(version).at(-1) as string;
    const group = autoscaling.createGroup({
      ...{ name, minSize, maxSize, desiredCapacity: desiredSize, zones: spec.zones },
      launch: {
        ...{ nodegroupName, capacityType, instanceTypes, labels, taints: kubernetesTaints(taints), release },
        kubernetesVersion: kubeletVersion(release),
      },
      tags: {
        'eks:cluster-name': clusterName,
        'eks:nodegroup-name': nodegroupName,
        'k8s.io/cluster-autoscaler/enabled': 'true',
        [`k8s.io/cluster-autoscaler/${clusterName}`]: 'owned',
        [`kubernetes.io/cluster/${clusterName}`]: 'owned',
      },
      capacityRebalance: capacityType === 'SPOT',
    });
    this.#byName.set(nodegroupName, {
      ...{ group, clusterName, nodegroupName, version, release, capacityType, instanceTypes },
      arn: arn('nodegroup', `${clusterName}/${nodegroupName}/${uuid}`),
      labels: { ...labels },
      taints: taints.map((taint) => ({ ...taint })),
      tags: spec.tags ?? {},
      zones: spec.zones,
      scaling: { minSize, maxSize, desiredSize },
      maxUnavailable: spec.maxUnavailable ?? 1,
      issues: [],
      updates: new Updates({
        ...{ ids, timers, now: () => clock.now() },
        busy: 'Nodegroup cannot be updated as it is currently not in Active State',
      }),
      createdAt: clock.now(),
      modifiedAt: clock.now(),
    });
    return { autoScalingGroupName: name };
  }

  /** One update at a time: ResourceInUseException while one runs. It applies when it ends. */
  updateConfig(input: unknown): { update: Update } {
    const fields = parse(nodegroupUpdate, input, 'InvalidParameterException');
    const nodegroup = this.find(fields.nodegroupName);
    nodegroup.updates.checkIdle();
    const { clock, autoscaling, updateSeconds } = this.#options;
    const { params, apply } = planUpdate(nodegroup, fields, autoscaling);
    const update = nodegroup.updates.begin('ConfigUpdate', params, updateSeconds, (failure) => {
      if (failure) throw failure;
      apply(clock.now());
    });
    return { update };
  }

  /**
   * Replaces the nodes by those of another release: the newest of the version, unless one is named; the group's version unless
   * one is named. Where all are of that release already, nothing is replaced.
   *
   * @throws AwsError InvalidParameterException, ResourceInUseException, ResourceNotFoundException
   */
  updateVersion(name: string | undefined, input: unknown): { update: Update } {
    const fields = parse(versionUpdate, input, 'InvalidParameterException');
    const nodegroup = this.find(name);
    nodegroup.updates.checkIdle();
    const version = fields.version ?? nodegroup.version;
    this.#checkVersion(version);
    const releases = this.#releases(version);
    const release = fields.releaseVersion ?? (releases.at(-1) as string);
    if (!releases.includes(release))
      throw new AwsError(
        'InvalidParameterException',
        `Requested release version ${release} is not valid for kubernetes version ${version}.`,
      );
    const params = [
      { type: 'Version' as const, value: version },
      { type: 'ReleaseVersion' as const, value: release },
    ];
    const update = nodegroup.updates.begin('VersionUpdate', params, 0, async (failure) => {
      const before = nodegroup.group.launch;
      nodegroup.group.launch = { ...before, release, kubernetesVersion: kubeletVersion(release) };
      const { maxUnavailable, group } = nodegroup;
      try {
        const roll = { group, release, maxUnavailable, force: fields.force, failure };
        await new NodegroupRoll(roll, this.#rollOptions()).run();
      } catch (error) {
        const { release: old, kubernetesVersion } = before;
        nodegroup.group.launch = { ...nodegroup.group.launch, release: old, kubernetesVersion };
        throw error;
      }
      Object.assign(nodegroup, { version, release, modifiedAt: this.#options.clock.now() });
    });
    return { update };
  }

  /** EKS looks at its groups now and then. Degraded ends only when a launch succeeds, not when desired goes down. */
  sync(): void {
    for (const nodegroup of this.#byName.values()) {
      const { group } = nodegroup;
      nodegroup.scaling.desiredSize = group.desiredCapacity;
      const message = group.launchFailure?.message;
      nodegroup.issues = message
        ? [{ code: 'AsgInstanceLaunchFailures', message, resourceIds: [group.name] }]
        : [];
    }
  }

  /** Nodes are never newer than the control plane, and at most three minor versions older. */
  #checkVersion(version: string): void {
    const behind = minorsBetween(version, this.#options.version());
    if (behind === undefined || behind < 0 || behind > 3)
      throw new AwsError(
        'InvalidParameterException',
        `Nodegroup Kubernetes version should be equal to or less than the cluster kubernetes version ${this.#options.version()}`,
      );
  }

  #releases(version: string): string[] {
    return nodeReleases(version).slice(0, this.#published);
  }

  #rollOptions() {
    const { autoscaling, timers, nodes, clock, onError } = this.#options;
    const { nodeCreationSeconds, drainSeconds, nodeSettleSeconds } = this.#options;
    return {
      ...{ timers, nodes, onError, now: () => clock.now() },
      creationSeconds: nodeCreationSeconds,
      evictionSeconds: drainSeconds,
      settleSeconds: nodeSettleSeconds,
      resize: (group: { name: string }, sizes: { maxSize?: number; desiredCapacity?: number }) =>
        void autoscaling.updateGroup({
          AutoScalingGroupName: group.name,
          ...(sizes.maxSize !== undefined && { MaxSize: sizes.maxSize }),
          ...(sizes.desiredCapacity !== undefined && { DesiredCapacity: sizes.desiredCapacity }),
        }),
      terminate: (InstanceId: string, ShouldDecrementDesiredCapacity: boolean) =>
        void autoscaling.terminateInstance({ InstanceId, ShouldDecrementDesiredCapacity }),
    };
  }
}
