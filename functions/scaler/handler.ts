import middy from '@middy/core';
import { AutoScalingNodeGroups } from '../../adapters/aws/auto-scaling.ts';
import { AwsEksCluster } from '../../adapters/aws/eks-cluster.ts';
import { SsmFleetParameters } from '../../adapters/aws/fleet-parameters.ts';
import { DynamoFleetState } from '../../adapters/aws/fleet-state.ts';
import { DynamoNotices } from '../../adapters/aws/notices.ts';
import { SqsQueueCounts } from '../../adapters/aws/queue-counts.ts';
import { EksAccess } from '../../adapters/kubernetes/eks.ts';
import { KubernetesLeases } from '../../adapters/kubernetes/leases.ts';
import { KubernetesNodes } from '../../adapters/kubernetes/nodes.ts';
import { KubernetesPods } from '../../adapters/kubernetes/pods.ts';
import { KubernetesWorkloads } from '../../adapters/kubernetes/workloads.ts';
import { DIMENSION } from '../../core/protocol/metrics.ts';
import { decide } from '../../core/scaling/decide.ts';
import { readEnv } from '../shared/env.ts';
import { createMetrics, telemetry } from '../shared/telemetry.ts';
import type { TickDependencies } from './dependencies.ts';
import { parseTickEvent } from './event.ts';
import { EmbeddedGauges } from './metrics.ts';
import { type TickResult, tick } from './tick.ts';

const READING_TIMEOUT_MS = 5000;

const { logger, metrics, stack } = telemetry('scaler');
const poolMetrics = createMetrics('scaler');

/**
 * The handler with its middleware.
 * @param connect makes what ticks reach outside themselves; called once, at the first event
 */
export function createHandler(connect: () => Omit<TickDependencies, 'log' | 'gauges'>) {
  let connected: TickDependencies | undefined;
  const fn = async (raw: unknown): Promise<TickResult> => {
    const event = parseTickEvent(raw);
    logger.appendKeys({ fleet: event.fleet, trigger: event.trigger, execution: event.execution });
    metrics.addDimension(DIMENSION.fleet, event.fleet);
    const gauges = new EmbeddedGauges(metrics, poolMetrics);
    connected ??= { ...connect(), log: logger, gauges };
    return tick(event, connected);
  };
  return middy(fn).use(stack);
}

/** Clients are made once and reused: connections stay open between ticks. */
function connectFromEnv(): Omit<TickDependencies, 'log' | 'gauges'> {
  const env = readEnv({
    table: 'PADDOCK_TABLE',
    parameterPrefix: 'PADDOCK_FLEET_PARAMETER_PREFIX',
    cluster: 'PADDOCK_CLUSTER',
  });
  const access = new EksAccess(new AwsEksCluster(env.cluster));
  return {
    parameters: new SsmFleetParameters(env.parameterPrefix),
    state: new DynamoFleetState(env.table),
    queue: new SqsQueueCounts(),
    nodeGroups: new AutoScalingNodeGroups(),
    workloads: new KubernetesWorkloads(access),
    pods: new KubernetesPods(access),
    leases: new KubernetesLeases(access),
    nodes: new KubernetesNodes(access),
    notices: new DynamoNotices(env.table),
    decide,
    now: () => Date.now() / 1000,
    readingTimeoutMs: READING_TIMEOUT_MS,
  };
}

export const handler = createHandler(connectFromEnv);
