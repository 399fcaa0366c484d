import type {
  V1Container,
  V1Deployment,
  V1PersistentVolumeClaim,
  V1PodSpec,
  V1Service,
} from '@kubernetes/client-node';
import { LABEL, NAMESPACE, SYSTEM_NODE } from '../core/protocol/names.ts';
import { confined, env, tmp } from './containers.ts';
import { APP_WEBUI, backendUrl, PRIORITY_CLASS, storageClassName, WEBUI_PORT } from './names.ts';
import type { Manifest, VolumeType } from './types.ts';

export interface WebuiSettings {
  readonly image: string;
  readonly volumeGiB: number;
  readonly volumeType: VolumeType;
  /** Where people open it. */
  readonly url?: string | undefined;
  readonly fleets: readonly { readonly name: string; readonly requestTimeoutSeconds: number }[];
}

/** Not the image's own data folder: that holds models which the image brings, and a volume over it would hide them. */
const DATA_DIR = '/data';
const SECRET_KEY_FILE = `${DATA_DIR}/.webui_secret_key`;
/** The router waits 15 s longer than the worker for a generation, and says what happened. */
const ROUTER_MARGIN_SECONDS = 30;

const labels = { [LABEL.app]: APP_WEBUI };
const metadata = { name: APP_WEBUI, namespace: NAMESPACE, labels };

/** Open WebUI: one pod on the system nodes with its data on a volume, reached through the router. */
export const webuiManifests = (settings: WebuiSettings): Manifest[] => [
  claim(settings),
  service(),
  deployment(settings),
];

const claim = ({ volumeGiB, volumeType }: WebuiSettings): V1PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata,
  spec: {
    accessModes: ['ReadWriteOnce'],
    storageClassName: storageClassName(volumeType),
    resources: { requests: { storage: `${volumeGiB}Gi` } },
  },
});

const service = (): V1Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata,
  spec: {
    selector: labels,
    ports: [{ ...WEBUI_PORT, targetPort: WEBUI_PORT.name, protocol: 'TCP' }],
  },
});

const deployment = (settings: WebuiSettings): V1Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata,
  spec: {
    replicas: 1,
    // The volume holds one database: the old pod ends before the new one opens it.
    strategy: { type: 'Recreate' },
    revisionHistoryLimit: 3,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: pod(settings) },
  },
});

const pod = (settings: WebuiSettings): V1PodSpec => ({
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  priorityClassName: PRIORITY_CLASS.system,
  nodeSelector: { ...SYSTEM_NODE },
  securityContext: {
    runAsNonRoot: true,
    runAsUser: 1000,
    runAsGroup: 1000,
    fsGroup: 1000,
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  },
  initContainers: [keyContainer(settings)],
  containers: [webuiContainer(settings)],
  volumes: [
    { name: 'data', persistentVolumeClaim: { claimName: APP_WEBUI } },
    { name: 'tmp', emptyDir: { sizeLimit: '1Gi' } },
  ],
});

const dataVolume = { name: 'data', mountPath: DATA_DIR };

/**
 * The key that signs sessions: made once, on the volume, by the pod itself. It is in no template, no Kubernetes object and no
 * log, and ends with the volume. Written beside its place first, so that none is ever half there.
 */
const keyContainer = ({ image }: WebuiSettings): V1Container => ({
  name: 'secret-key',
  image,
  command: [
    '/bin/sh',
    '-ec',
    `umask 077\n` +
      `[ -s "$KEY_FILE" ] && exit 0\n` +
      `head -c 32 /dev/urandom | base64 > "$KEY_FILE.new"\n` +
      `mv "$KEY_FILE.new" "$KEY_FILE"`,
  ],
  env: env({ KEY_FILE: SECRET_KEY_FILE }),
  resources: { requests: { cpu: '50m', memory: '32Mi' }, limits: { memory: '128Mi' } },
  securityContext: confined(),
  volumeMounts: [dataVolume],
});

const probe = (path: string) => ({ httpGet: { path, port: WEBUI_PORT.name }, timeoutSeconds: 5 });

const webuiContainer = (settings: WebuiSettings): V1Container => ({
  name: APP_WEBUI,
  image: settings.image,
  ports: [{ name: WEBUI_PORT.name, containerPort: WEBUI_PORT.port, protocol: 'TCP' }],
  env: env(environment(settings)),
  resources: { requests: { cpu: '250m', memory: '1Gi' }, limits: { memory: '3Gi' } },
  // The first start makes the database, and each new version brings it up to date.
  startupProbe: { ...probe('/ready'), periodSeconds: 5, failureThreshold: 120 },
  livenessProbe: { ...probe('/health'), periodSeconds: 15, failureThreshold: 6 },
  readinessProbe: { ...probe('/ready'), periodSeconds: 5, failureThreshold: 3 },
  // The image's own user is root; it works as another one because it writes only where these variables send it.
  securityContext: confined(),
  volumeMounts: [dataVolume, tmp],
});

/** As Open WebUI documents them; names and effects were read in the source of the default image's version. */
function environment({ fleets, url }: WebuiSettings): Record<string, string> {
  const longest = Math.max(...fleets.map(({ requestTimeoutSeconds }) => requestTimeoutSeconds));
  return {
    PORT: String(WEBUI_PORT.port),
    DATA_DIR,
    WEBUI_SECRET_KEY_FILE: SECRET_KEY_FILE,
    // What it copies and caches at each start.
    STATIC_DIR: '/tmp/static',
    HOME: '/tmp',
    // The first account made is the administrator's; from then on nobody can make one for themselves.
    WEBUI_AUTH: 'True',
    ENABLE_SIGNUP: 'False',
    ENABLE_INITIAL_ADMIN_SIGNUP: 'True',
    // These variables hold at every start; else the first start would copy them into the database for good.
    ENABLE_PERSISTENT_CONFIG: 'False',
    OLLAMA_BASE_URLS: fleets.map(({ name }) => backendUrl(name)).join(';'),
    // With several fleets a model is listed as `<fleet>.<model>`; else one of the fleets that have it would be drawn by lot.
    ...(fleets.length > 1 && {
      OLLAMA_API_CONFIGS: JSON.stringify(
        Object.fromEntries(fleets.map(({ name }, index) => [index, { enable: true, prefix_id: name }])),
      ),
    }),
    AIOHTTP_CLIENT_TIMEOUT: String(longest + ROUTER_MARGIN_SECONDS),
    ENABLE_OPENAI_API: 'False',
    // Each would be one more generation after every answer; titles stay.
    ENABLE_TAGS_GENERATION: 'False',
    ENABLE_FOLLOW_UP_GENERATION: 'False',
    ENABLE_AUTOCOMPLETE_GENERATION: 'False',
    // The network policy lets it reach the router and nothing else.
    OFFLINE_MODE: 'True',
    ENABLE_COMMUNITY_SHARING: 'False',
    ...(url !== undefined && {
      WEBUI_URL: url,
      CORS_ALLOW_ORIGIN: new URL(url).origin,
      WEBUI_SESSION_COOKIE_SECURE: url.startsWith('https:') ? 'True' : 'False',
    }),
  };
}
