import { INFERENCE_PATHS, READ_PATHS, WHEN_FULL_HEADER } from '../../core/protocol/api.ts';
import { answer } from './errors.ts';
import { block } from './text.ts';
import type { RouterFleet, RouterSettings, RouterSite } from './types.ts';
import { upstreamName } from './upstream.ts';

/** In one network a connection takes milliseconds; a node that is gone answers nothing. */
const CONNECT_SECONDS = 1;
/** The worker gives up a generation first and says so. */
export const READ_MARGIN_SECONDS = 15;

/** The port of clients, or of Open WebUI's backend: the same paths, without limits per client. */
export function apiServer(
  fleets: readonly RouterFleet[],
  settings: RouterSettings,
  site: RouterSite,
  port: 'public' | 'backend',
): string {
  const limits = port === 'public' ? clientLimits(settings) : [];
  return block('server', [
    ...listen(site, settings, port),
    ...HEADERS,
    ...PROXY,
    HEALTH,
    ...fleets.flatMap((fleet, index) => fleetLocations(fleet, index === 0, limits)),
    block('location /', [answer('unknown')]),
    block(`location ~ ^/fleets/(${fleets.map(({ name }) => name).join('|')})(/|$)`, [answer('unknown')]),
    block('location /fleets/', [answer('fleet')]),
    ...ERRORS,
  ]);
}

/** The load balancer's idle time-out is minutes, and an answer may be silent for longer: probes keep the connection. */
const KEEPALIVE = 'so_keepalive=60s:20s:4';

function listen(
  { listen, proxyProtocolFrom }: RouterSite,
  { allowedCidrs }: RouterSettings,
  port: 'public' | 'backend' | 'webui',
): string[] {
  if (port === 'backend' || proxyProtocolFrom === undefined) return [`listen ${listen[port]} ${KEEPALIVE};`];
  return [
    `listen ${listen[port]} proxy_protocol ${KEEPALIVE};`,
    'real_ip_header proxy_protocol;',
    ...proxyProtocolFrom.map((network) => `set_real_ip_from ${network};`),
    // The load balancer's security group says the same; this holds without it too.
    ...allowedCidrs.map((network) => `allow ${network};`),
    'deny all;',
  ];
}

/** `return` comes before the allow-list: the load balancer's probes carry no client's address. */
const HEALTH = block('location = /healthz', ['access_log off;', `return 200 '{"alive":true}';`]);

const clientLimits = ({ burst, connectionsPerClient }: RouterSettings): string[] => [
  `limit_req zone=rate burst=${burst} nodelay;`,
  `limit_conn connections ${connectionsPerClient};`,
];

/** On every answer; an empty value leaves the header out. */
const HEADERS = [
  'add_header X-Request-ID $request_id always;',
  'add_header X-Accel-Buffering no always;',
  'add_header Retry-After $retry_after always;',
  'add_header Link $queue_link always;',
  'add_header Allow $allow always;',
];

const OWN_ERRORS = [
  [400, 'malformed'],
  [413, 'large'],
  [429, 'often'],
] as const;

const ERRORS = [
  ...OWN_ERRORS.map(([status, kind]) => `error_page ${status} = @${kind};`),
  // Of paths that only read, whose replica's own errors are passed on as they are.
  'error_page 403 = @refused;',
  'error_page 502 503 504 = @asleep;',
  ...OWN_ERRORS.map(([, kind]) => block(`location @${kind}`, [answer(kind)])),
  // The last replica that was asked refused: it is full or drains, or the model server did not like the request.
  block('location @refused', [
    `if ($upstream_http_retry_after = "") { ${answer('forbidden')} }`,
    answer('full'),
  ]),
  block('location @full', [answer('full')]),
  block('location @asleep', [answer('asleep')]),
];

const reads = (method: string): string[] =>
  Object.entries(READ_PATHS)
    .filter(([, methods]) => methods.includes(method))
    .map(([path]) => path);

/** Characters of a model's name, as in `hf.co/owner/model:tag`. */
const MODEL_PATH = '/v1/models/[A-Za-z0-9._:/-]+';

function fleetLocations(
  { name, requestTimeoutSeconds }: RouterFleet,
  isFirst: boolean,
  limits: readonly string[],
): string[] {
  const prefix = isFirst ? `^(/fleets/${name})?` : `^/fleets/${name}`;
  const location = (paths: readonly string[], method: string, lines: readonly string[]) =>
    block(`location ~ "${prefix}(${paths.join('|')})$"`, [
      `if ($request_method !~ ^(${method})$) { ${answer('method')} }`,
      ...limits,
      ...lines,
    ]);
  const pass = [
    `proxy_read_timeout ${requestTimeoutSeconds + READ_MARGIN_SECONDS}s;`,
    `proxy_pass http://${upstreamName(name)}$api_path$is_args$args;`,
  ];
  const generate = [...REFUSED_GOES_ON, ...errorPages(name), ...pass];
  const read = ['proxy_next_upstream error timeout http_503 non_idempotent;', ...pass];
  return [
    location([...INFERENCE_PATHS], 'POST', generate),
    location([...reads('GET'), MODEL_PATH], 'GET|HEAD', read),
    location(reads('POST'), 'POST', read),
    // Nginx calls a replica that failed 502 and one that was too slow 504, also when it could not be reached at all: then, and
    // only then, the request goes to another one.
    ...(['lost', 'slow'] as const).map((kind) =>
      block(`location @${kind}_${name}`, [
        `if ($failure = lost) { ${answer(kind)} }`,
        `if ($failure = full) { ${answer('full')} }`,
        `if ($failure = asleep) { ${answer('asleep')} }`,
        ...generate,
      ]),
    ),
  ];
}

/**
 * A generation is passed on only when a replica refused it before it began: 403 (the worker's, as this router asks for it) or
 * 503. `error` and `timeout` are left out on purpose: with `non_idempotent` they would also repeat what had been sent.
 */
const REFUSED_GOES_ON = [
  'proxy_next_upstream http_403 http_503 non_idempotent;',
  'proxy_intercept_errors on;',
  'recursive_error_pages on;',
];

/** A location with error pages of its own inherits none. No 400: a replica's says what is wrong with the body. */
const errorPages = (fleet: string): string[] => [
  'error_page 413 = @large;',
  'error_page 429 = @often;',
  'error_page 403 = @refused;',
  'error_page 503 = @full;',
  `error_page 502 = @lost_${fleet};`,
  `error_page 504 = @slow_${fleet};`,
];

/** The whole body first, so that a slow client holds no slot; the answer piece by piece, as it is produced. */
const PROXY = [
  'proxy_http_version 1.1;',
  'proxy_request_buffering on;',
  'proxy_buffering off;',
  `proxy_connect_timeout ${CONNECT_SECONDS}s;`,
  'proxy_send_timeout 30s;',
  'proxy_set_header Host $host;',
  'proxy_set_header Connection "";',
  'proxy_set_header X-Request-ID $request_id;',
  // No replica needs a client's key.
  'proxy_set_header Authorization "";',
  'proxy_set_header Cookie "";',
  `proxy_set_header ${WHEN_FULL_HEADER} 403;`,
  'proxy_hide_header Retry-After;',
  'proxy_hide_header X-Request-ID;',
];

/** Open WebUI's page has a port of its own, because its frontend uses `/api/…` for itself. */
export const webuiServer = (site: RouterSite, settings: RouterSettings): string =>
  block('server', [
    ...listen(site, settings, 'webui'),
    HEALTH,
    'error_page 502 503 504 = @webui_down;',
    block('location @webui_down', [
      'default_type text/plain;',
      'add_header Retry-After 10 always;',
      `return 503 'Open WebUI does not answer. Try again in a moment.';`,
    ]),
    block('location /', [
      `set $webui ${site.webui};`,
      'proxy_http_version 1.1;',
      'proxy_buffering off;',
      `proxy_connect_timeout ${CONNECT_SECONDS}s;`,
      // A chat's websocket may be silent for long.
      'proxy_read_timeout 1h;',
      'proxy_send_timeout 60s;',
      // Documents that people hand to their chat.
      'client_max_body_size 256m;',
      'proxy_set_header Host $http_host;',
      'proxy_set_header Upgrade $http_upgrade;',
      'proxy_set_header Connection $connection_upgrade;',
      'proxy_set_header X-Request-ID $request_id;',
      'proxy_set_header X-Forwarded-For $remote_addr;',
      `proxy_set_header X-Forwarded-Proto ${settings.certificateArn === undefined ? 'http' : 'https'};`,
      'proxy_pass http://$webui;',
    ]),
  ]);
