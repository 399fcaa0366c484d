import {
  type AddonVersionInfo,
  DescribeAddonCommand,
  DescribeClusterCommand,
  DescribeInsightCommand,
  DescribeNodegroupCommand,
  DescribeUpdateCommand,
  EKSClient,
  paginateDescribeAddonVersions,
  paginateListAddons,
  paginateListInsights,
  paginateListNodegroups,
} from '@aws-sdk/client-eks';
import type { AddonState, ClusterState, Insight, NodegroupState } from '../../core/upgrade/inventory.ts';
import { mapAwsError, NotFoundError } from '../errors.ts';
import { clientOptions } from './client-options.ts';

/** Of an update that EKS carries out. */
export interface UpdateState {
  status: 'InProgress' | 'Successful' | 'Failed' | 'Cancelled';
  errors: string[];
}

/** What EKS tells of what can be upgraded. All methods throw UnavailableError and RefusedError. */
export interface EksUpgrades {
  /** Throws NotFoundError. */
  cluster(): Promise<ClusterState>;
  nodegroups(): Promise<NodegroupState[]>;
  /**
   * @param to Kubernetes version that `fitting` versions are for
   * @param from those that fit this one too come first: an add-on that does not keeps EKS from taking a control plane back
   */
  addons(to: string, from: string): Promise<AddonState[]>;
  /** Of the category that is about upgrades. */
  insights(): Promise<Insight[]>;
  /** Undefined: EKS knows no such update. */
  update(id: string, nodegroup?: string): Promise<UpdateState | undefined>;
}

export class AwsEksUpgrades implements EksUpgrades {
  readonly #name: string;
  readonly #client: EKSClient;

  constructor(clusterName: string, client = new EKSClient({ ...clientOptions(5000), maxAttempts: 4 })) {
    this.#name = clusterName;
    this.#client = client;
  }

  async cluster(): Promise<ClusterState> {
    return this.#call('describe the cluster', async () => {
      const { cluster } = await this.#client.send(new DescribeClusterCommand({ name: this.#name }));
      return { name: this.#name, version: cluster?.version ?? '', status: cluster?.status ?? 'UNKNOWN' };
    });
  }

  nodegroups(): Promise<NodegroupState[]> {
    return this.#call('describe the node groups', async () => {
      const names: string[] = [];
      for await (const page of paginateListNodegroups({ client: this.#client }, { clusterName: this.#name }))
        names.push(...(page.nodegroups ?? []));
      return Promise.all(names.map((name) => this.#nodegroup(name)));
    });
  }

  async #nodegroup(name: string): Promise<NodegroupState> {
    const command = new DescribeNodegroupCommand({ clusterName: this.#name, nodegroupName: name });
    const { nodegroup = {} } = await this.#client.send(command);
    return {
      name,
      version: nodegroup.version ?? '',
      release: nodegroup.releaseVersion ?? '',
      status: nodegroup.status ?? 'UNKNOWN',
      issues: (nodegroup.health?.issues ?? []).map(({ code, message }) => `${code}: ${message}`),
    };
  }

  addons(to: string, from: string): Promise<AddonState[]> {
    return this.#call('describe the add-ons', async () => {
      const names: string[] = [];
      for await (const page of paginateListAddons({ client: this.#client }, { clusterName: this.#name }))
        names.push(...(page.addons ?? []));
      return Promise.all(names.map((name) => this.#addon(name, to, from)));
    });
  }

  async #addon(addonName: string, to: string, from: string): Promise<AddonState> {
    const { addon = {} } = await this.#client.send(
      new DescribeAddonCommand({ clusterName: this.#name, addonName }),
    );
    const versions: AddonVersionInfo[] = [];
    const pages = paginateDescribeAddonVersions({ client: this.#client }, { addonName });
    for await (const { addons = [] } of pages)
      versions.push(...addons.flatMap(({ addonVersions = [] }) => addonVersions));
    const fitting = versions.filter((one) => fits(one, to));
    const best = [...fitting.filter((one) => fits(one, from)), ...fitting.filter((one) => !fits(one, from))];
    const { addonVersion = '', status = 'UNKNOWN' } = addon;
    return {
      ...{ name: addonName, version: addonVersion, status },
      fitting: best.flatMap((one) => one.addonVersion ?? []),
    };
  }

  insights(): Promise<Insight[]> {
    return this.#call('list the upgrade insights', async () => {
      const found: Insight[] = [];
      const filter = { categories: ['UPGRADE_READINESS' as const] };
      const pages = paginateListInsights({ client: this.#client }, { clusterName: this.#name, filter });
      for await (const { insights = [] } of pages) {
        for (const { id, name = '', insightStatus } of insights) {
          const status = insightStatus?.status ?? 'UNKNOWN';
          const reason = insightStatus?.reason ?? '';
          found.push({ name, status, reason: status === 'ERROR' ? await this.#why(id, reason) : reason });
        }
      }
      return found;
    });
  }

  async #why(id: string | undefined, reason: string): Promise<string> {
    const { insight } = await this.#client.send(new DescribeInsightCommand({ clusterName: this.#name, id }));
    return [reason, insight?.recommendation].filter(Boolean).join(' ');
  }

  async update(id: string, nodegroup?: string): Promise<UpdateState | undefined> {
    try {
      return await this.#call(`describe the update ${id}`, async () => {
        const { update } = await this.#client.send(
          new DescribeUpdateCommand({
            name: this.#name,
            updateId: id,
            ...(nodegroup !== undefined && { nodegroupName: nodegroup }),
          }),
        );
        const errors = (update?.errors ?? []).map((one) => `${one.errorCode}: ${one.errorMessage}`);
        return { status: (update?.status ?? 'InProgress') as UpdateState['status'], errors };
      });
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  async #call<T>(what: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw mapAwsError(error, `${what} of ${this.#name}`);
    }
  }
}

const fits = ({ compatibilities = [] }: AddonVersionInfo, kubernetesVersion: string): boolean =>
  compatibilities.some(({ clusterVersion }) => clusterVersion === kubernetesVersion);
