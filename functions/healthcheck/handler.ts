import { MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { deadLetterClients } from '../../adapters/aws/dead-letter-clients.ts';
import { readEnv } from '../shared/env.ts';
import { telemetry } from '../shared/telemetry.ts';
import { parseFleets } from './config.ts';
import { parseHealthcheckEvent } from './event.ts';
import { type SweepDependencies, Sweeper, type SweepReport } from './sweep.ts';

const { logger, metrics, stack } = telemetry('healthcheck');

/** Before the function is ended: time for the calls under way. */
const RESERVE_MS = 12_000;

/**
 * The handler with its middleware.
 * @param connect makes what it reaches outside itself; called once, at the first event
 */
export function createHandler(connect: () => SweepDependencies) {
  let sweeper: Sweeper | undefined;
  const fn = async (raw: unknown, context: Context): Promise<SweepReport[]> => {
    parseHealthcheckEvent(raw);
    sweeper ??= new Sweeper(connect());
    const reports = await sweeper.sweep(Date.now() + context.getRemainingTimeInMillis() - RESERVE_MS);
    const ended = reports.reduce((sum, report) => sum + report.ended, 0);
    if (ended > 0) metrics.addMetric('ResponsesEnded', MetricUnit.Count, ended);
    const failures = reports.flatMap(({ fleet, failures }) => failures.map((text) => `${fleet}: ${text}`));
    if (reports.some(({ looked }) => looked > 0)) logger.info('Swept', { reports });
    // Everything that could be done is done; the alarm on this function's errors tells a person of the rest.
    if (failures.length > 0) throw new Error(`The sweep is incomplete: ${failures.slice(0, 5).join('; ')}`);
    return reports;
  };
  return middy(fn).use(stack);
}

/** Clients are made once and reused: connections stay open between calls. */
function connectFromEnv(): SweepDependencies {
  const env = readEnv({ fleets: 'PADDOCK_FLEETS', bucket: 'PADDOCK_RESULTS_BUCKET' });
  const { objects, lettersOf, count } = deadLetterClients(env.bucket);
  return {
    fleets: parseFleets(env.fleets).map(({ name, deadLetterQueueUrl }) => ({
      name,
      letters: lettersOf(deadLetterQueueUrl),
      count: () => count(deadLetterQueueUrl),
    })),
    objects,
    now: Date.now,
    log: logger,
  };
}

export const handler = createHandler(connectFromEnv);
