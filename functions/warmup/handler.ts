import { MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import { AwsEksCluster } from '../../adapters/aws/eks-cluster.ts';
import { EksAccess } from '../../adapters/kubernetes/eks.ts';
import { KubernetesPods } from '../../adapters/kubernetes/pods.ts';
import { DIMENSION } from '../../core/protocol/metrics.ts';
import { readEnv } from '../shared/env.ts';
import { telemetry } from '../shared/telemetry.ts';
import { parseWarmupEvent } from './event.ts';
import { type WarmupDependencies, type WarmupResult, warm } from './warm.ts';
import { askWorker } from './worker.ts';

const { logger, metrics, stack } = telemetry('warmup');

const METRIC = {
  warm: 'WarmUpsDone',
  gone: 'WarmUpsGone',
  'not-yet': 'WarmUpsNotYet',
  failed: 'WarmUpsFailed',
} as const;

/**
 * The handler with its middleware.
 * @param connect makes what a warm-up reaches outside itself; called once, at the first event
 */
export function createHandler(connect: () => WarmupDependencies) {
  let connected: WarmupDependencies | undefined;
  const fn = async (raw: unknown): Promise<WarmupResult> => {
    const event = parseWarmupEvent(raw);
    const { fleet, pool, replica, podUid, attempt } = event;
    logger.appendKeys({ fleet, pool, replica, podUid, attempt });
    connected ??= connect();
    const result = await warm(event, connected);
    metrics.addDimension(DIMENSION.fleet, fleet);
    metrics.addMetric(METRIC[result.outcome], MetricUnit.Count, 1);
    const { outcome } = result;
    logger[outcome === 'failed' ? 'error' : 'info'](`Warm-up: ${outcome}`, { ...result });
    return result;
  };
  return middy(fn).use(stack);
}

function connectFromEnv(): WarmupDependencies {
  const { cluster } = readEnv({ cluster: 'PADDOCK_CLUSTER' });
  return {
    pods: new KubernetesPods(new EksAccess(new AwsEksCluster(cluster))),
    askWorker: askWorker(),
    now: () => Date.now() / 1000,
    log: logger,
  };
}

export const handler = createHandler(connectFromEnv);
