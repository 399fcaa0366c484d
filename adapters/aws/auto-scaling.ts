import {
  AutoScalingClient,
  type AutoScalingGroup,
  paginateDescribeAutoScalingGroups,
} from '@aws-sdk/client-auto-scaling';
import type { InstanceObservation } from '../../core/scaling/types.ts';
import { mapAwsError } from '../errors.ts';
import { clientOptions, commandOptions } from './client-options.ts';

/** A node group's Auto Scaling group as it is now (EKS's own `desiredSize` follows late). */
export interface NodeGroupObservation {
  nodegroup: string;
  autoScalingGroupName: string;
  desired: number;
  min: number;
  max: number;
  instances: Pick<InstanceObservation, 'instanceId' | 'lifecycle' | 'isProtected'>[];
}

export interface NodeGroupsReader {
  /** Every managed node group of the cluster. Throws RefusedError, UnavailableError. */
  list(clusterName: string): Promise<NodeGroupObservation[]>;
}

/** Tags that EKS puts on the Auto Scaling groups of its managed node groups. */
const TAG = { cluster: 'eks:cluster-name', nodegroup: 'eks:nodegroup-name' } as const;

export class AutoScalingNodeGroups implements NodeGroupsReader {
  readonly #client: AutoScalingClient;

  constructor(client: AutoScalingClient = new AutoScalingClient(clientOptions())) {
    this.#client = client;
  }

  /** For a command: it waits longer than a tick does. */
  static forCommand(): AutoScalingNodeGroups {
    return new AutoScalingNodeGroups(new AutoScalingClient(commandOptions()));
  }

  async list(clusterName: string): Promise<NodeGroupObservation[]> {
    const found: NodeGroupObservation[] = [];
    try {
      const pages = paginateDescribeAutoScalingGroups(
        { client: this.#client, pageSize: 100 },
        { Filters: [{ Name: `tag:${TAG.cluster}`, Values: [clusterName] }] },
      );
      for await (const page of pages) {
        for (const group of page.AutoScalingGroups ?? []) found.push(...observe(group));
      }
    } catch (error) {
      throw mapAwsError(error, `describe the Auto Scaling groups of the cluster ${clusterName}`);
    }
    return found;
  }
}

function observe(group: AutoScalingGroup): NodeGroupObservation[] {
  const nodegroup = group.Tags?.find((tag) => tag.Key === TAG.nodegroup)?.Value;
  if (!nodegroup || !group.AutoScalingGroupName) return [];
  return [
    {
      nodegroup,
      autoScalingGroupName: group.AutoScalingGroupName,
      desired: group.DesiredCapacity ?? 0,
      min: group.MinSize ?? 0,
      max: group.MaxSize ?? 0,
      instances: (group.Instances ?? []).flatMap((instance) => {
        const lifecycle = lifecycleOf(instance.LifecycleState ?? '');
        if (!instance.InstanceId || !lifecycle) return [];
        return [
          {
            ...{ instanceId: instance.InstanceId, lifecycle },
            ...(instance.ProtectedFromScaleIn && { isProtected: true }),
          },
        ];
      }),
    },
  ];
}

/** Undefined for instances that are no capacity of the group: in its warm pool, on standby, detached. */
function lifecycleOf(state: string): InstanceObservation['lifecycle'] | undefined {
  if (state.startsWith('Pending')) return 'pending';
  if (state === 'InService') return 'in-service';
  if (state.startsWith('Terminat')) return 'terminating';
  return undefined;
}
