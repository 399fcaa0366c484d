import type { AccessEntry, Addon, Cluster, Insight, Nodegroup, Update } from '@aws-sdk/client-eks';
import { AwsError, type ResolvedResource, type ResourceRef } from '../front/types.ts';
import type { AutoScalingEmulator } from './autoscaling.ts';
import { type Clock, Timers } from './clock.ts';
import { AccessEntries, type AccessEntrySpec, notFound } from './eks-access.ts';
import { Addons } from './eks-addons.ts';
import { ClusterVersion } from './eks-cluster-version.ts';
import { type Finding, Insights } from './eks-insights.ts';
import type { NodegroupSpec } from './eks-nodegroup.ts';
import { Nodegroups } from './eks-nodegroups.ts';
import type { UpdateFailure, Updates } from './eks-updates.ts';
import type { Ids } from './ids.ts';
import type { NodeLifecycle } from './nodes.ts';
import { Emulator, integer, page, parse } from './operations.ts';
import type { ScalingTimings } from './scaling-options.ts';

/** The cluster as DescribeCluster tells of it. */
export interface ClusterInfo {
  name: string;
  /** Kubernetes version that it starts with, `1.36`. */
  version: string;
  /** URL of the apiserver. */
  endpoint: string;
  /** Base64 of the PEM. */
  certificateAuthorityData: string;
}

/** Seconds. AWS takes minutes for most of it. */
export interface EksTimings {
  /** How long UpdateNodegroupConfig takes. Default 30. */
  updateSeconds?: number;
  /** How often EKS looks at its groups: its desired size and health are that late. Default 60. */
  syncSeconds?: number;
  /** From UpdateClusterVersion until the control plane is replaced. Default 600. */
  clusterUpdateSeconds?: number;
  /** How long UpdateAddon takes. Default 60. */
  addonUpdateSeconds?: number;
  /** How long a refresh of the insights takes. Default 60. */
  insightsSeconds?: number;
  /** How long new nodes may take during UpdateNodegroupVersion. Default 900. */
  nodeCreationSeconds?: number;
  /** Between a node being empty and its end. AWS: 60, the default. */
  nodeSettleSeconds?: number;
}

export interface EksOptions extends EksTimings, Pick<ScalingTimings, 'drainSeconds'> {
  clock: Clock;
  ids: Ids;
  accountId: string;
  region: string;
  cluster: ClusterInfo;
  autoscaling: AutoScalingEmulator;
  nodes: NodeLifecycle;
  /** Replaces the control plane; rejects once the one before serves again. Default: nothing is behind the version. */
  changeVersion?(kubernetesVersion: string): Promise<void>;
  onError(error: unknown): void;
}

interface Paged {
  clusterName?: string;
  maxResults?: number;
  nextToken?: string;
}

/** EKS: one cluster, its version, managed node groups, add-ons, insights and access entries. */
export class EksEmulator extends Emulator {
  readonly service = 'eks';
  readonly #options: EksOptions;
  readonly #timers: Timers;
  readonly #nodegroups: Nodegroups;
  readonly #addons: Addons;
  readonly #version: ClusterVersion;
  readonly #insights: Insights;
  readonly #access: AccessEntries;
  readonly #createdAt: Date;
  #cluster: ClusterInfo;

  constructor(options: EksOptions) {
    super();
    this.#options = options;
    this.#cluster = options.cluster;
    this.#access = new AccessEntries(options);
    this.#createdAt = new Date(options.clock.now());
    const timers = new Timers(options.clock, options.onError);
    this.#timers = timers;
    const { clock, ids, autoscaling, nodes, onError } = options;
    const common = { clock, ids, timers, now: () => clock.now() };
    const arn = (kind: string, resource: string) => this.#arn(kind, resource);
    const nodegroups = () =>
      this.#nodegroups.all().map((one) => ({ name: one.nodegroupName, version: one.version }));
    this.#version = new ClusterVersion({
      ...{ ...common, version: options.cluster.version, nodegroups, insights: () => this.#insights },
      updateSeconds: options.clusterUpdateSeconds ?? 600,
      changeVersion: options.changeVersion ?? (async () => {}),
    });
    this.#nodegroups = new Nodegroups({
      ...{ ...common, autoscaling, nodes, arn, onError, version: () => this.#version.version },
      updateSeconds: options.updateSeconds ?? 30,
      nodeCreationSeconds: options.nodeCreationSeconds ?? 900,
      drainSeconds: options.drainSeconds ?? 900,
      nodeSettleSeconds: options.nodeSettleSeconds ?? 60,
    });
    this.#addons = new Addons({
      ...{ ...common, arn, updateSeconds: options.addonUpdateSeconds ?? 60 },
      cluster: () => ({ name: this.#cluster.name, version: this.#version.version }),
    });
    this.#insights = new Insights({
      ...{ ...common, refreshSeconds: options.insightsSeconds ?? 60 },
      inspect: () => ({
        version: this.#version.version,
        nodegroups: this.#nodegroups.kubelets(),
        addons: this.#addons.all(),
        rollbackTo: this.#version.rollbackTo,
      }),
    });
    timers.everyMultiple((options.syncSeconds ?? 60) * 1000, () => this.#nodegroups.sync());
  }

  protected readonly operations = {
    DescribeCluster: (input: { name?: string }) => this.describeCluster(input),
    UpdateClusterVersion: (input: { name?: string }) => this.updateClusterVersion(input),
    ListNodegroups: (input: Paged) => this.listNodegroups(input),
    DescribeNodegroup: (input: { clusterName?: string; nodegroupName?: string }) =>
      this.describeNodegroup(input),
    UpdateNodegroupConfig: (input: unknown) => this.updateNodegroupConfig(input),
    UpdateNodegroupVersion: (input: { clusterName?: string; nodegroupName?: string }) =>
      this.updateNodegroupVersion(input),
    DescribeUpdate: (input: {
      name?: string;
      updateId?: string;
      nodegroupName?: string;
      addonName?: string;
    }) => this.describeUpdate(input),
    ListAddons: (input: Paged) => this.listAddons(input),
    DescribeAddon: (input: { clusterName?: string; addonName?: string }) => this.describeAddon(input),
    DescribeAddonVersions: (input: Paged & { addonName?: string; kubernetesVersion?: string }) =>
      this.describeAddonVersions(input),
    UpdateAddon: (input: { clusterName?: string }) => this.updateAddon(input),
    StartInsightsRefresh: (input: { clusterName?: string }) => this.startInsightsRefresh(input),
    DescribeInsightsRefresh: (input: { clusterName?: string }) => this.describeInsightsRefresh(input),
    ListInsights: (input: Paged & { filter?: unknown }) => this.listInsights(input),
    DescribeInsight: (input: { clusterName?: string; id?: string }) => this.describeInsight(input),
    ListAccessEntries: (input: Paged) => this.listAccessEntries(input),
    DescribeAccessEntry: (input: { clusterName?: string; principalArn?: string }) =>
      this.describeAccessEntry(input),
  };

  /** The cluster's endpoint and certificate, once they are known. */
  setCluster(cluster: ClusterInfo): void {
    this.#cluster = cluster;
  }

  describeCluster({ name }: { name?: string }): { cluster: Cluster } {
    this.#checkCluster(name);
    const { endpoint, certificateAuthorityData } = this.#cluster;
    return {
      cluster: {
        name: this.#cluster.name,
        arn: this.#arn('cluster', this.#cluster.name),
        createdAt: this.#createdAt,
        version: this.#version.version,
        endpoint,
        certificateAuthority: { data: certificateAuthorityData },
        status: this.#version.status,
        platformVersion: 'eks.1',
        accessConfig: { authenticationMode: 'API' },
        health: { issues: [] },
        tags: {},
      },
    };
  }

  updateClusterVersion(input: { name?: string }): { update: Update } {
    this.#checkCluster(input.name);
    return this.#version.update(input);
  }

  /** A newer release of the nodes' image comes out. */
  publishReleases(): void {
    this.#nodegroups.publishReleases();
  }

  /** As a deployment makes it. Its first nodes start at once. */
  addNodegroup(spec: NodegroupSpec): { autoScalingGroupName: string } {
    this.#checkCluster(spec.clusterName);
    return this.#nodegroups.add(spec);
  }

  listNodegroups(input: Paged) {
    this.#checkCluster(input.clusterName);
    const names = this.#nodegroups.all().map(({ nodegroupName }) => nodegroupName);
    const { items, nextToken } = this.#page(names.sort(), input);
    return { nodegroups: items, ...nextToken };
  }

  describeNodegroup(input: { clusterName?: string; nodegroupName?: string }): { nodegroup: Nodegroup } {
    this.#checkCluster(input.clusterName);
    return { nodegroup: this.#nodegroups.describe(input.nodegroupName) };
  }

  updateNodegroupConfig(input: unknown): { update: Update } {
    const { clusterName } = (input ?? {}) as { clusterName?: string };
    this.#checkCluster(clusterName);
    return this.#nodegroups.updateConfig(input);
  }

  updateNodegroupVersion(input: { clusterName?: string; nodegroupName?: string }): { update: Update } {
    this.#checkCluster(input.clusterName);
    return this.#nodegroups.updateVersion(input.nodegroupName, input);
  }

  describeUpdate({
    name,
    updateId = '',
    ...of
  }: {
    name?: string;
    updateId?: string;
    nodegroupName?: string;
    addonName?: string;
  }): { update: Update } {
    this.#checkCluster(name);
    const update = this.#updatesOf(of).find(updateId);
    if (!update) throw notFound(`No update found for ID: ${updateId}`);
    return { update };
  }

  #updatesOf({ nodegroupName, addonName }: { nodegroupName?: string; addonName?: string }): Updates {
    if (nodegroupName) return this.#nodegroups.find(nodegroupName).updates;
    if (addonName) return this.#addons.find(addonName).updates;
    return this.#version.updates;
  }

  /** The next update of the cluster, or of that node group or add-on, fails; of a node group once its first node is new. */
  failNextUpdate(failure: UpdateFailure, of: { nodegroupName?: string; addonName?: string } = {}): void {
    this.#updatesOf(of).failNext(failure);
  }

  /** As a deployment makes it. */
  addAddon(name: string, configurationValues?: string): void {
    this.#addons.add(name, configurationValues);
  }

  listAddons(input: Paged) {
    this.#checkCluster(input.clusterName);
    const { items, nextToken } = this.#page(this.#addons.names(), input);
    return { addons: items, ...nextToken };
  }

  describeAddon(input: { clusterName?: string; addonName?: string }): { addon: Addon } {
    this.#checkCluster(input.clusterName);
    return { addon: this.#addons.describe(input.addonName) };
  }

  describeAddonVersions(input: Paged & { addonName?: string; kubernetesVersion?: string }) {
    const { items, nextToken } = this.#page(this.#addons.versions(input), input);
    return { addons: items, ...nextToken };
  }

  updateAddon(input: { clusterName?: string }): { update: Update } {
    this.#checkCluster(input.clusterName);
    return this.#addons.update(input);
  }

  startInsightsRefresh(input: { clusterName?: string }) {
    this.#checkCluster(input.clusterName);
    return this.#insights.startRefresh();
  }

  describeInsightsRefresh(input: { clusterName?: string }) {
    this.#checkCluster(input.clusterName);
    return this.#insights.describeRefresh();
  }

  listInsights(input: Paged & { filter?: unknown }) {
    this.#checkCluster(input.clusterName);
    const { items, nextToken } = this.#page(this.#insights.list(input.filter), input);
    return { insights: items, ...nextToken };
  }

  describeInsight(input: { clusterName?: string; id?: string }): { insight: Insight } {
    this.#checkCluster(input.clusterName);
    return { insight: this.#insights.describe(input.id) };
  }

  /** The checks find this, from their next look on. */
  reportInsight(finding: Finding): void {
    this.#insights.report(finding);
  }

  withdrawInsight(name: string): void {
    this.#insights.withdraw(name);
  }

  /** Gives a principal Kubernetes groups. The user name defaults to EKS's own for roles. */
  addAccessEntry(entry: AccessEntrySpec): AccessEntry {
    return this.#access.add(entry, this.#cluster.name);
  }

  listAccessEntries(input: Paged) {
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

  #checkCluster(name: string | undefined): void {
    if (name !== this.#cluster.name) throw notFound(`No cluster found for name: ${name}.`);
  }

  #page<T>(items: T[], input: Paged) {
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
