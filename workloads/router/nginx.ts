import { INFERENCE_PATHS } from '../../core/protocol/api.ts';
import { errorMaps } from './errors.ts';
import { apiServer, webuiServer } from './servers.ts';
import { block, indent } from './text.ts';
import type { RouterFleet, RouterSettings, RouterSite } from './types.ts';
import { upstream } from './upstream.ts';

/**
 * The whole configuration of one router (docs/router.md). The same text everywhere but for its site: in the cluster Nginx
 * follows the headless Services by itself, elsewhere the addresses are stated.
 *
 * @param fleets at least one; paths without a `/fleets/<name>` prefix are the first one's
 */
export function nginxConfig(
  fleets: readonly RouterFleet[],
  settings: RouterSettings,
  site: RouterSite,
): string {
  return [
    ...process(site),
    'events { worker_connections 4096; }',
    'http {',
    ...indent([
      ...basics(settings, site),
      ...limits(settings),
      ...maps(fleets, settings),
      ...fleets.map(({ name }) => upstream(name, site)),
      apiServer(fleets, settings, site, 'public'),
      apiServer(fleets, settings, site, 'backend'),
      webuiServer(site, settings),
      internalServer(site),
    ]),
    '}',
    '',
  ].join('\n');
}

const process = ({ user, runDir, errorLog, workerProcesses, shutdownSeconds }: RouterSite): string[] => [
  ...(user === undefined ? [] : [`user ${user};`]),
  `worker_processes ${workerProcesses};`,
  `worker_shutdown_timeout ${shutdownSeconds}s;`,
  `pid ${runDir}/nginx.pid;`,
  `error_log ${errorLog} warn;`,
];

const basics = (settings: RouterSettings, site: RouterSite): string[] => [
  ...('resolve' in site.pods ? [`resolver ${site.pods.resolve.resolver} valid=2s ipv6=off;`] : []),
  // Nothing else is writable in the container; the modules that are not used have their folders too.
  ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${site.runDir}/${name};`,
  ),
  `log_format json escape=json '${LOG_FORMAT}';`,
  `access_log ${site.accessLog} json;`,
  'server_tokens off;',
  'default_type application/json;',
  'tcp_nodelay on;',
  'reset_timedout_connection on;',
  `client_max_body_size ${settings.bodyLimitMiB}m;`,
  'client_body_buffer_size 128k;',
  // A client that sends its headers or its body drop by drop is cut off.
  `client_header_timeout ${settings.headerTimeoutSeconds}s;`,
  `client_body_timeout ${settings.bodyTimeoutSeconds}s;`,
  `send_timeout ${settings.bodyTimeoutSeconds}s;`,
  'keepalive_timeout 65s;',
];

/** One JSON object a line: no bodies, no query (it may carry a key), no headers but the user agent. */
const LOG_FIELDS = {
  time: '$time_iso8601',
  requestId: '$request_id',
  client: '$remote_addr',
  port: '$server_port',
  method: '$request_method',
  path: '$uri',
  protocol: '$server_protocol',
  status: '$status',
  seconds: '$request_time',
  bytesIn: '$request_length',
  bytesOut: '$bytes_sent',
  upstream: '$upstream_addr',
  upstreamStatus: '$upstream_status',
  upstreamConnectSeconds: '$upstream_connect_time',
  upstreamHeaderSeconds: '$upstream_header_time',
  upstreamSeconds: '$upstream_response_time',
  limit: '$limit_req_status',
  userAgent: '$http_user_agent',
};
/** Always plain numbers; those of upstreams may be lists. */
const NUMBERS = ['$request_time', '$request_length', '$bytes_sent'];
const LOG_FORMAT = NUMBERS.reduce(
  (text, variable) => text.replace(`"${variable}"`, () => variable),
  JSON.stringify(LOG_FIELDS),
);

const limits = ({ requestsPerSecond }: RouterSettings): string[] => [
  // 10 MB hold about 160,000 clients; the eldest make room.
  `limit_req_zone $binary_remote_addr zone=rate:10m rate=${requestsPerSecond}r/s;`,
  'limit_conn_zone $binary_remote_addr zone=connections:10m;',
  'limit_req_status 429;',
  'limit_conn_status 429;',
];

/** How many rounds over the replicas one request may cause: Nginx itself ends at ten internal redirects. */
const MAX_ROUNDS = 8;

const maps = (fleets: readonly RouterFleet[], { queueUrl }: RouterSettings): string[] => [
  // The path without its fleet: what the replicas are asked for.
  'map $uri $api_path { default $uri; ~^/fleets/[^/]+(?<own_path>/.*)$ $own_path; }',
  errorMaps(fleets.map(({ name }) => name)),
  'map $status $retry_after { default ""; 429 1; 503 $retry_when_unavailable; }',
  'map $upstream_status $retry_when_unavailable { default 15; ~(403|503) 2; }',
  `map "$status $api_path" $allow { default ""; "~^405 (${[...INFERENCE_PATHS, '/api/show'].join('|')})$" POST; "~^405 " "GET, HEAD"; }`,
  // RFC 8288: `alternate`, because the same work can be handed in there.
  `map $status $queue_link { default ""; ${
    queueUrl === undefined ? '' : `~^(429|503)$ '<${queueUrl}/v1/responses>; rel="alternate"; title="queue"';`
  } }`,
  // Where a request failed. The lists hold one entry per replica that was asked, with a colon between two rounds; a round that
  // found no replica to ask ends with the fleet's name instead of an address. Anew each time: a later round reads it again.
  'map "$upstream_addr|$upstream_bytes_sent|$upstream_status" $failure {',
  '  volatile;',
  '  default lost;',
  `  "~^([^|]* : ){${MAX_ROUNDS - 1}}" full;`,
  '  "~^([^|]*[ ,])?fleet_[^:|]*[|].*[|].*(403|503)" full;',
  '  "~^([^|]*[ ,])?fleet_[^:|]*[|]" asleep;',
  '  "~^[^|]*[|]([^|]*[ ,])?0[|]" unsent;',
  '}',
  // A connection is upgraded when the client asks for it, and kept otherwise.
  'map $http_upgrade $connection_upgrade { default upgrade; "" ""; }',
];

/** For kubelets and the exporter beside Nginx: no client gets here. */
const internalServer = ({ listen }: RouterSite): string =>
  block('server', [
    `listen ${listen.internal};`,
    'access_log off;',
    `location = /healthz { return 200 '{"alive":true}'; }`,
    block('location = /stub_status', ['stub_status;', 'allow 127.0.0.0/8;', 'deny all;']),
    'location / { return 404; }',
  ]);
