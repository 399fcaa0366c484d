import type { NodeGroupObservation, NodeGroupsReader } from '../../adapters/aws/auto-scaling.ts';
import type { EksCluster } from '../../adapters/aws/eks-cluster.ts';
import type { FleetParameters, FleetParametersReader } from '../../adapters/aws/fleet-parameters.ts';
import type { QueueCountsReader } from '../../adapters/aws/queue-counts.ts';
import { NotFoundError } from '../../adapters/errors.ts';
import type { QueueCounts } from '../../core/scaling/types.ts';
import { Recorder } from './recorder.ts';

export class FakeQueueCounts extends Recorder implements QueueCountsReader {
  readonly queues = new Map<string, QueueCounts>();

  async read(queueUrl: string): Promise<QueueCounts> {
    this.enter('read', queueUrl);
    const counts = this.queues.get(queueUrl);
    if (!counts) throw new NotFoundError(`read the counters of the queue ${queueUrl}: no such queue`, '404');
    return { ...counts };
  }
}

export class FakeNodeGroups extends Recorder implements NodeGroupsReader {
  /** By cluster. */
  readonly groups = new Map<string, NodeGroupObservation[]>();

  async list(clusterName: string): Promise<NodeGroupObservation[]> {
    this.enter('list', clusterName);
    return structuredClone(this.groups.get(clusterName) ?? []);
  }
}

export class FakeFleetParameters extends Recorder implements FleetParametersReader {
  readonly fleets = new Map<string, FleetParameters>();

  async read(fleet: string): Promise<FleetParameters> {
    this.enter('read', fleet);
    const parameters = this.fleets.get(fleet);
    if (!parameters) throw new NotFoundError(`read the parameter of the fleet ${fleet}: not found`, '404');
    return parameters;
  }
}

export class FakeEksCluster extends Recorder implements EksCluster {
  server = 'https://127.0.0.1:6443';
  caData = 'Y2E=';

  async endpoint() {
    this.enter('endpoint');
    return { server: this.server, caData: this.caData };
  }

  async token(): Promise<string> {
    this.enter('token');
    return 'k8s-aws-v1.fake';
  }

  forget(): void {
    this.calls.push({ method: 'forget', args: [] });
  }
}
