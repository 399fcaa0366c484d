import { AutoScalingNodeGroups } from '../../adapters/aws/auto-scaling.ts';
import { deadLetterClients } from '../../adapters/aws/dead-letter-clients.ts';
import { AwsEksCluster } from '../../adapters/aws/eks-cluster.ts';
import { EksHealth } from '../../adapters/aws/eks-health.ts';
import { AutoScalingFailedLaunches } from '../../adapters/aws/failed-launches.ts';
import { SsmFleetParameters } from '../../adapters/aws/fleet-parameters.ts';
import { DynamoFleetState } from '../../adapters/aws/fleet-state.ts';
import { CloudWatchQueueAge } from '../../adapters/aws/queue-age.ts';
import { SqsQueueCounts } from '../../adapters/aws/queue-counts.ts';
import { SfnSpotFallback } from '../../adapters/aws/spot-fallback.ts';
import { EksAccess } from '../../adapters/kubernetes/eks.ts';
import { KubernetesLeases } from '../../adapters/kubernetes/leases.ts';
import { KubernetesNodes } from '../../adapters/kubernetes/nodes.ts';
import { KubernetesPods } from '../../adapters/kubernetes/pods.ts';
import { KubernetesWorkloads } from '../../adapters/kubernetes/workloads.ts';
import { readEnv } from '../shared/env.ts';
import type { Log } from '../shared/telemetry.ts';
import { askCanary } from './canary.ts';
import { parseFleets } from './config.ts';
import type { SweepDependencies } from './sweep.ts';
import type { VerdictDependencies } from './verdict.ts';

const READING_TIMEOUT_MS = 6000;

export function connectSweep(log: Log): SweepDependencies {
  const env = readEnv({ fleets: 'PADDOCK_FLEETS', bucket: 'PADDOCK_RESULTS_BUCKET' });
  const { objects, lettersOf, count } = deadLetterClients(env.bucket);
  return {
    fleets: parseFleets(env.fleets).map(({ name, deadLetterQueueUrl }) => ({
      name,
      letters: lettersOf(deadLetterQueueUrl),
      count: () => count(deadLetterQueueUrl),
    })),
    ...{ objects, now: Date.now, log },
  };
}

export function connectVerdict(log: Log): VerdictDependencies {
  const env = readEnv({
    fleets: 'PADDOCK_FLEETS',
    cluster: 'PADDOCK_CLUSTER',
    table: 'PADDOCK_TABLE',
    prefix: 'PADDOCK_FLEET_PARAMETER_PREFIX',
    spotFallback: 'PADDOCK_SPOT_FALLBACK_MACHINE',
  });
  const access = new EksAccess(new AwsEksCluster(env.cluster));
  return {
    clusterName: env.cluster,
    fleets: parseFleets(env.fleets),
    eks: new EksHealth(),
    parameters: new SsmFleetParameters(env.prefix),
    state: new DynamoFleetState(env.table),
    queue: new SqsQueueCounts(),
    queueAge: new CloudWatchQueueAge(),
    nodeGroups: new AutoScalingNodeGroups(),
    workloads: new KubernetesWorkloads(access),
    pods: new KubernetesPods(access),
    leases: new KubernetesLeases(access),
    nodes: new KubernetesNodes(access),
    failedLaunches: new AutoScalingFailedLaunches(),
    spotFallback: new SfnSpotFallback(env.spotFallback),
    askCanary: askCanary(),
    now: () => Date.now() / 1000,
    readingTimeoutMs: READING_TIMEOUT_MS,
    log,
  };
}
