import {
  DescribeClusterCommand,
  DescribeNodegroupCommand,
  EKSClient,
  paginateListNodegroups,
} from '@aws-sdk/client-eks';
import type { ClusterHealth, Issue, NodeGroupHealth } from '../../core/health/observations.ts';
import { mapAwsError } from '../errors.ts';
import { clientOptions } from './client-options.ts';

/** What EKS says of itself. Both throw NotFoundError (no such cluster), RefusedError, UnavailableError. */
export interface EksHealthReader {
  cluster(name: string): Promise<ClusterHealth>;
  /** Every managed node group of the cluster. */
  nodeGroups(clusterName: string): Promise<NodeGroupHealth[]>;
}

export class EksHealth implements EksHealthReader {
  readonly #client: EKSClient;

  constructor(client: EKSClient = new EKSClient(clientOptions())) {
    this.#client = client;
  }

  async cluster(name: string): Promise<ClusterHealth> {
    try {
      const { cluster } = await this.#client.send(new DescribeClusterCommand({ name }));
      return {
        status: cluster?.status ?? 'unknown',
        version: cluster?.version ?? 'unknown',
        issues: issuesOf(cluster?.health?.issues),
      };
    } catch (error) {
      throw mapAwsError(error, `describe the cluster ${name}`);
    }
  }

  async nodeGroups(clusterName: string): Promise<NodeGroupHealth[]> {
    try {
      const names: string[] = [];
      for await (const page of paginateListNodegroups({ client: this.#client }, { clusterName }))
        names.push(...(page.nodegroups ?? []));
      return await Promise.all(names.map((name) => this.#nodeGroup(clusterName, name)));
    } catch (error) {
      throw mapAwsError(error, `describe the node groups of the cluster ${clusterName}`);
    }
  }

  async #nodeGroup(clusterName: string, nodegroupName: string): Promise<NodeGroupHealth> {
    const { nodegroup } = await this.#client.send(
      new DescribeNodegroupCommand({ clusterName, nodegroupName }),
    );
    return {
      name: nodegroupName,
      status: nodegroup?.status ?? 'unknown',
      issues: issuesOf(nodegroup?.health?.issues),
      autoScalingGroups: (nodegroup?.resources?.autoScalingGroups ?? []).flatMap(({ name }) => name ?? []),
    };
  }
}

const issuesOf = (issues: { code?: string | undefined; message?: string | undefined }[] = []): Issue[] =>
  issues.map(({ code = 'unknown', message = '' }) => ({ code, message }));
