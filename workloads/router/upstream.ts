import { NAMESPACE, WORKER_PORT } from '../../core/protocol/names.ts';
import { serviceName } from '../names.ts';
import { block } from './text.ts';
import type { RouterSite } from './types.ts';

export const upstreamName = (fleet: string): string => `fleet_${fleet}`;

/** A replica that could not be reached is left alone for that long; full ones are not (`paddock-when-full`). */
const FAILED = 'max_fails=1 fail_timeout=3s';

/**
 * A fleet's warm pods, the one with the fewest requests of this router first. Connections are not kept: a request written
 * into one that has just died could not be told from one that has begun.
 */
export function upstream(fleet: string, { pods }: RouterSite): string {
  const keeps = 'resolve' in pods || pods.keepsByDefault;
  const shared = [`zone ${upstreamName(fleet)} 256k;`, 'least_conn;', ...(keeps ? ['keepalive 0;'] : [])];
  if ('resolve' in pods) {
    const host = `${serviceName(fleet)}.${NAMESPACE}.svc.cluster.local`;
    return block(`upstream ${upstreamName(fleet)}`, [
      ...shared,
      `server ${host}:${WORKER_PORT} resolve ${FAILED};`,
    ]);
  }
  const addresses = pods.addresses[fleet] ?? [];
  return block(`upstream ${upstreamName(fleet)}`, [
    ...shared,
    // Nginx wants one server at least.
    ...(addresses.length === 0 ? ['server 127.0.0.1:1 down;'] : []),
    ...addresses.map((address) => `server ${address} ${FAILED};`),
  ]);
}
