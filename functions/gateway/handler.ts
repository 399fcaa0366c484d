import { MetricUnit } from '@aws-lambda-powertools/metrics';
import middy from '@middy/core';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { SecretApiKeys } from '../../adapters/aws/api-keys.ts';
import { gatewayClients } from '../../adapters/aws/gateway-clients.ts';
import { readEnv } from '../shared/env.ts';
import { telemetry } from '../shared/telemetry.ts';
import { ModelDirectory, parseFleets, parseLimit } from './config.ts';
import type { GatewayDependencies } from './dependencies.ts';
import { type GatewayAnswer, readRequest } from './http.ts';
import { KeyChecker } from './keys.ts';
import { KeyLimit } from './limit.ts';
import { respond } from './respond.ts';
import { RequestStore } from './store.ts';
import { Waker } from './wake.ts';

const { logger, metrics, stack } = telemetry('gateway');

/**
 * The handler with its middleware.
 * @param connect makes what requests reach outside themselves; called once, at the first request
 */
export function createHandler(connect: () => GatewayDependencies) {
  let connected: GatewayDependencies | undefined;
  const fn = async (event: APIGatewayProxyEventV2): Promise<GatewayAnswer> => {
    const request = readRequest(event);
    logger.appendKeys({ requestId: request.requestId });
    connected ??= connect();
    const reply = await respond(request, connected);
    const { statusCode = 500 } = reply;
    metrics.addMetric('Requests', MetricUnit.Count, 1);
    if (statusCode >= 400) {
      metrics.addMetric(statusCode >= 500 ? 'Failures' : 'Refusals', MetricUnit.Count, 1);
    }
    return reply;
  };
  return middy(fn).use(stack);
}

/** Clients are made once and reused: connections stay open between requests. */
function connectFromEnv(): GatewayDependencies {
  const env = readEnv({
    fleets: 'PADDOCK_FLEETS',
    table: 'PADDOCK_TABLE',
    bucket: 'PADDOCK_RESULTS_BUCKET',
    secret: 'PADDOCK_API_KEYS_SECRET',
    machine: 'PADDOCK_SCALE_MACHINE',
    maxBodyBytes: 'PADDOCK_MAX_BODY_BYTES',
  });
  const fleets = parseFleets(env.fleets);
  const clients = gatewayClients(env);
  const queues = new Map(fleets.map(({ name, queueUrl }) => [name, clients.queue(queueUrl)]));
  const limit = process.env.PADDOCK_KEY_LIMIT;
  return {
    directory: new ModelDirectory(fleets),
    keys: new KeyChecker({ keys: new SecretApiKeys(env.secret), now: Date.now, log: logger }),
    store: new RequestStore(clients.objects, Date.now),
    queueOf: (fleet) => {
      const queue = queues.get(fleet);
      if (!queue) throw new Error(`There is no fleet ${fleet} any more.`);
      return queue;
    },
    waker: new Waker({
      alarm: clients.alarm,
      objects: clients.objects,
      now: () => Date.now() / 1000,
      log: logger,
    }),
    limit: limit
      ? new KeyLimit({ buckets: clients.buckets, limit: parseLimit(limit), now: Date.now, log: logger })
      : undefined,
    maxBodyBytes: Number(env.maxBodyBytes),
    now: Date.now,
    log: logger,
  };
}

export const handler = createHandler(connectFromEnv);
