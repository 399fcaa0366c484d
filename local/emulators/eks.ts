import type { AccessEntry, Cluster, Nodegroup, Update } from '@aws-sdk/client-eks';
import { AwsError, type ResolvedResource, type ResourceRef } from '../front/types.ts';
import type { AutoScalingEmulator } from './autoscaling.ts';
import { type Clock, Timers } from './clock.ts';
import { AccessEntries, type AccessEntrySpec, notFound } from './eks-access.ts';
import {
  describeNodegroup,
  kubernetesTaints,
  type NodegroupSpec,
  nodegroupUpdate,
  planUpdate,
  type StoredNodegroup,
} from './eks-nodegroup.ts';
import type { Ids } from './ids.ts';
import { instanceType } from './instance-types.ts';
import { Emulator, integer, page, parse } from './operations.ts';

/** The cluster as DescribeCluster tells of it. */
export interface ClusterInfo {
  name: string;
  /** Kubernetes version, `1.36`. */
  version: string;
  /** URL of the apiserver. */
  endpoint: string;
  /** Base64 of the PEM. */
  certificateAuthorityData: string;
  /** Default `ACTIVE`. */
  status?: Cluster['status'];
}

export interface EksOptions {
  clock: Clock;
  ids: Ids;
  accountId: string;
  region: string;
  cluster: ClusterInfo;
  autoscaling: AutoScalingEmulator;
  /** How long UpdateNodegroupConfig takes. Default 30. */
  updateSeconds?: number;
  /** How often EKS looks at its groups: its desired size and health are that late. Default 60. */
  syncSeconds?: number;
  onError(error: unknown): void;
}

/** EKS: one cluster, its managed node groups and access entries. */
export class EksEmulator extends Emulator {
  readonly service = 'eks';
  readonly #options: EksOptions;
  readonly #timers: Timers;
  readonly #nodegroups = new Map<string, StoredNodegroup>();
  readonly #access: AccessEntries;
  readonly #createdAt: Date;
  #cluster: ClusterInfo;

  constructor(options: EksOptions) {
    super();
    this.#options = options;
    this.#cluster = options.cluster;
    this.#access = new AccessEntries(options);
    this.#createdAt = new Date(options.clock.now());
    this.#timers = new Timers(options.clock, options.onError);
    this.#timers.everyMultiple((options.syncSeconds ?? 60) * 1000, () => this.#sync());
  }

  protected readonly operations = {
    DescribeCluster: (input: { name?: string }) => this.describeCluster(input),
    ListNodegroups: (input: { clusterName?: string; maxResults?: number; nextToken?: string }) =>
      this.listNodegroups(input),
    DescribeNodegroup: (input: { clusterName?: string; nodegroupName?: string }) =>
      this.describeNodegroup(input),
    UpdateNodegroupConfig: (input: unknown) => this.updateNodegroupConfig(input),
    DescribeUpdate: (input: { name?: string; updateId?: string; nodegroupName?: string }) =>
      this.describeUpdate(input),
    ListAccessEntries: (input: { clusterName?: string; maxResults?: number; nextToken?: string }) =>
      this.listAccessEntries(input),
    DescribeAccessEntry: (input: { clusterName?: string; principalArn?: string }) =>
      this.describeAccessEntry(input),
  };

  /** The cluster's endpoint and certificate, once they are known. */
  setCluster(cluster: ClusterInfo): void {
    this.#cluster = cluster;
  }

  describeCluster({ name }: { name?: string }): { cluster: Cluster } {
    this.#checkCluster(name);
    const { version, endpoint, certificateAuthorityData, status } = this.#cluster;
    return {
      cluster: {
        name: this.#cluster.name,
        arn: this.#arn('cluster', this.#cluster.name),
        createdAt: this.#createdAt,
        version,
        endpoint,
        certificateAuthority: { data: certificateAuthorityData },
        status: status ?? 'ACTIVE',
        platformVersion: 'eks.1',
        accessConfig: { authenticationMode: 'API' },
        health: { issues: [] },
        tags: {},
      },
    };
  }

  /** Makes the node group and its Auto Scaling group with the tags that EKS sets. Its first nodes start at once. */
  addNodegroup(spec: NodegroupSpec): { autoScalingGroupName: string } {
    this.#checkCluster(spec.clusterName);
    const { ids, clock, autoscaling } = this.#options;
    if (this.#nodegroups.has(spec.nodegroupName)) {
      throw new AwsError(
        'ResourceInUseException',
        `NodeGroup already exists with name ${spec.nodegroupName} and cluster name ${spec.clusterName}`,
        409,
      );
    }
    for (const type of spec.instanceTypes) instanceType(type);
    const { minSize, maxSize, desiredSize = minSize } = spec.scalingConfig;
    const uuid = ids.uuid();
    const name = `eks-${spec.nodegroupName}-${uuid}`;
    const {
      clusterName,
      nodegroupName,
      capacityType,
      instanceTypes,
      labels = {},
      taints = [],
      zones,
      tags = {},
    } = spec;
    const group = autoscaling.createGroup({
      name,
      minSize,
      maxSize,
      desiredCapacity: desiredSize,
      zones,
      launch: {
        nodegroupName,
        capacityType,
        instanceTypes,
        labels,
        taints: kubernetesTaints(taints),
        kubernetesVersion: kubeletVersion(this.#cluster.version),
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
    this.#nodegroups.set(nodegroupName, {
      group,
      arn: this.#arn('nodegroup', `${clusterName}/${nodegroupName}/${uuid}`),
      clusterName,
      nodegroupName,
      version: this.#cluster.version,
      capacityType,
      instanceTypes,
      labels: { ...labels },
      taints: taints.map((taint) => ({ ...taint })),
      tags,
      zones,
      scaling: { minSize, maxSize, desiredSize },
      issues: [],
      updates: new Map(),
      createdAt: clock.now(),
      modifiedAt: clock.now(),
    });
    return { autoScalingGroupName: name };
  }

  listNodegroups(input: { clusterName?: string; maxResults?: number; nextToken?: string }) {
    this.#checkCluster(input.clusterName);
    const { items, nextToken } = this.#page([...this.#nodegroups.keys()].sort(), input);
    return { nodegroups: items, ...nextToken };
  }

  describeNodegroup(input: { clusterName?: string; nodegroupName?: string }): { nodegroup: Nodegroup } {
    return { nodegroup: describeNodegroup(this.#nodegroup(input.clusterName, input.nodegroupName)) };
  }

  /** One update at a time: ResourceInUseException while one runs. It applies when it ends. */
  updateNodegroupConfig(input: unknown): { update: Update } {
    const fields = parse(nodegroupUpdate, input, 'InvalidParameterException');
    const nodegroup = this.#nodegroup(fields.clusterName, fields.nodegroupName);
    if ([...nodegroup.updates.values()].some(({ status }) => status === 'InProgress')) {
      throw new AwsError(
        'ResourceInUseException',
        'Nodegroup cannot be updated as it is currently not in Active State',
        409,
      );
    }
    const { clock, ids, autoscaling, updateSeconds = 30 } = this.#options;
    const { params, apply } = planUpdate(nodegroup, fields, autoscaling);
    const update: Update = {
      id: ids.uuid(),
      status: 'InProgress',
      type: 'ConfigUpdate',
      params,
      createdAt: new Date(clock.now()),
      errors: [],
    };
    nodegroup.updates.set(update.id ?? '', update);
    this.#timers.after(updateSeconds * 1000, () => {
      try {
        apply(clock.now());
        update.status = 'Successful';
      } catch (error) {
        // The group refused: an update that never ended would block all others.
        update.status = 'Failed';
        update.errors = [
          { errorCode: 'Unknown', errorMessage: String(error), resourceIds: [nodegroup.group.name] },
        ];
      }
    });
    return { update: { ...update } };
  }

  describeUpdate({
    name,
    updateId = '',
    nodegroupName,
  }: {
    name?: string;
    updateId?: string;
    nodegroupName?: string;
  }) {
    this.#checkCluster(name);
    const update = nodegroupName ? this.#nodegroup(name, nodegroupName).updates.get(updateId) : undefined;
    if (!update) throw notFound(`No update found for ID: ${updateId}`);
    return { update: { ...update } };
  }

  /** EKS looks at its groups now and then. Degraded ends only when a launch succeeds, not when desired goes down. */
  #sync(): void {
    for (const nodegroup of this.#nodegroups.values()) {
      const { group } = nodegroup;
      nodegroup.scaling.desiredSize = group.desiredCapacity;
      nodegroup.issues = group.launchFailure
        ? [
            {
              code: 'AsgInstanceLaunchFailures',
              message: group.launchFailure.message,
              resourceIds: [group.name],
            },
          ]
        : [];
    }
  }

  /** Gives a principal Kubernetes groups. The user name defaults to EKS's own for roles. */
  addAccessEntry(entry: AccessEntrySpec): AccessEntry {
    return this.#access.add(entry, this.#cluster.name);
  }

  listAccessEntries(input: { clusterName?: string; maxResults?: number; nextToken?: string }) {
    this.#checkCluster(input.clusterName);
    const { items, nextToken } = this.#page(this.#access.principals(), input);
    return { accessEntries: items, ...nextToken };
  }

  describeAccessEntry(input: { clusterName?: string; principalArn?: string }): { accessEntry: AccessEntry } {
    this.#checkCluster(input.clusterName);
    return { accessEntry: this.#access.find(input.principalArn) };
  }

  resolveResource({ kind, name, parent }: ResourceRef): ResolvedResource | undefined {
    if (kind === 'cluster' && name === this.#cluster.name) return { arn: this.#arn('cluster', name) };
    const nodegroup = kind === 'nodegroup' ? this.#nodegroups.get(name) : undefined;
    return nodegroup?.clusterName === parent
      ? nodegroup && { arn: nodegroup.arn, tags: nodegroup.tags }
      : undefined;
  }

  #nodegroup(clusterName: string | undefined, nodegroupName: string | undefined): StoredNodegroup {
    this.#checkCluster(clusterName);
    const nodegroup = this.#nodegroups.get(nodegroupName ?? '');
    if (!nodegroup) throw notFound(`No node group found for name: ${nodegroupName}.`);
    return nodegroup;
  }

  #checkCluster(name: string | undefined): void {
    if (name !== this.#cluster.name) throw notFound(`No cluster found for name: ${name}.`);
  }

  #page<T>(items: T[], input: { maxResults?: number; nextToken?: string }) {
    const size = parse(integer.min(1).max(100).default(100), input.maxResults, 'InvalidParameterException');
    const result = page(
      items,
      size,
      input.nextToken,
      () => new AwsError('InvalidParameterException', 'Invalid nextToken.'),
    );
    return { items: result.items, nextToken: result.nextToken ? { nextToken: result.nextToken } : {} };
  }

  #arn(kind: string, resource: string): string {
    return `arn:aws:eks:${this.#options.region}:${this.#options.accountId}:${kind}/${resource}`;
  }

  dispose(): void {
    this.#timers.dispose();
  }
}

/** `1.36` is the cluster's version, `1.36.0-eks` what its kubelets say. */
const kubeletVersion = (version: string): string =>
  /^\d+\.\d+$/.test(version) ? `${version}.0-eks-local` : version;
