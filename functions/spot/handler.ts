import { MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import { AutoScalingNodeGroups } from '../../adapters/aws/auto-scaling.ts';
import { DynamoNotices } from '../../adapters/aws/notices.ts';
import { DIMENSION, NOTICE_METRIC } from '../../core/protocol/metrics.ts';
import { parseSpotEvent, type SpotEvent } from '../../core/spot/events.ts';
import { messageOf } from '../shared/async.ts';
import { readEnv } from '../shared/env.ts';
import { telemetry } from '../shared/telemetry.ts';
import { parseOwners } from './config.ts';
import { type NoteDependencies, type Noted, note } from './note.ts';

const { logger, metrics, stack } = telemetry('spot');

/**
 * The handler with its middleware.
 * @param connect makes what it reaches outside itself; called once, at the first event
 */
export function createHandler(connect: () => NoteDependencies) {
  let connected: NoteDependencies | undefined;
  const fn = async (raw: unknown): Promise<Noted> => {
    const event = parse(raw);
    connected ??= connect();
    const noted = await note(event, connected);
    logger.info(`Notice: ${noted.outcome}`, { ...noted });
    if (noted.outcome === 'noted') {
      metrics.addDimension(DIMENSION.fleet, noted.fleet);
      metrics.addMetric(NOTICE_METRIC[noted.notice.kind], MetricUnit.Count, 1);
    }
    return noted;
  };
  return middy(fn).use(stack);
}

/** @throws Error `InvalidEvent`: an event of a known kind that is not as AWS documents it */
function parse(raw: unknown): SpotEvent {
  try {
    return parseSpotEvent(raw);
  } catch (cause) {
    const shown = (JSON.stringify(raw) ?? 'undefined').slice(0, 500);
    const error = new Error(`An event about capacity makes no sense: ${messageOf(cause)}\nIt was: ${shown}`, {
      cause,
    });
    error.name = 'InvalidEvent';
    throw error;
  }
}

function connectFromEnv(): NoteDependencies {
  const env = readEnv({ fleets: 'PADDOCK_FLEETS', table: 'PADDOCK_TABLE', cluster: 'PADDOCK_CLUSTER' });
  return {
    cluster: env.cluster,
    owners: parseOwners(env.fleets, env.cluster),
    nodeGroups: new AutoScalingNodeGroups(),
    notices: new DynamoNotices(env.table),
  };
}

export const handler = createHandler(connectFromEnv);
