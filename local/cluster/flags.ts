import type { Credentials } from './credentials.ts';

const LOOPBACK = '127.0.0.1';
const ISSUER = 'https://kubernetes.default.svc';

/** `--name=value` for each entry. */
const flags = (values: Record<string, string | number | boolean>): string[] =>
  Object.entries(values).map(([name, value]) => `--${name}=${value}`);

export function etcdFlags(options: { dataDir: string; clientPort: number; peerPort: number }): string[] {
  const client = `http://${LOOPBACK}:${options.clientPort}`;
  const peer = `http://${LOOPBACK}:${options.peerPort}`;
  return flags({
    name: 'local',
    'data-dir': options.dataDir,
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `local=${peer}`,
    'unsafe-no-fsync': true, // nothing here outlives the run
    'log-level': 'warn',
  });
}

export function apiserverFlags(options: {
  port: number;
  etcdPort: number;
  credentials: Credentials;
  /** Kubeconfig of the token webhook. */
  authenticatorConfig: string;
  /** Files: what is to be audited, and where it goes. */
  audit?: { policy: string; log: string };
}): string[] {
  const { credentials, audit } = options;
  return flags({
    'etcd-servers': `http://${LOOPBACK}:${options.etcdPort}`,
    'bind-address': LOOPBACK,
    'advertise-address': LOOPBACK,
    'secure-port': options.port,
    'cert-dir': credentials.certDir,
    // Endpoints can't hold a loopback address, and nobody here reaches the API by its Service.
    'endpoint-reconciler-type': 'none',
    'service-cluster-ip-range': '10.96.0.0/16',
    'authorization-mode': 'RBAC',
    'token-auth-file': credentials.tokenFile,
    'authentication-token-webhook-config-file': options.authenticatorConfig,
    'authentication-token-webhook-version': 'v1',
    // Short: an access entry that is taken away must stop working soon. (Before it the API server keeps a good token
    // for another 10 s, which no flag changes.)
    'authentication-token-webhook-cache-ttl': '2s',
    'service-account-issuer': ISSUER,
    'service-account-key-file': credentials.serviceAccountPublicKey,
    'service-account-signing-key-file': credentials.serviceAccountKey,
    // Pods with an AWS role ask for tokens for STS, as on EKS.
    'api-audiences': `${ISSUER},sts.amazonaws.com`,
    'allow-privileged': true,
    profiling: false,
    ...(audit && { 'audit-policy-file': audit.policy, 'audit-log-path': audit.log }),
  });
}

/**
 * Contents of the audit policy: who called what, without the objects. Not of administrators, among whom are the control
 * plane's own parts: they make nearly all of the calls, and RBAC is not asked about them.
 */
export function auditPolicy(): string {
  return JSON.stringify({
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [
      { level: 'None', userGroups: ['system:masters'] },
      { level: 'None', nonResourceURLs: ['*'] },
      { level: 'Metadata' },
    ],
  });
}

/** Endpoints and EndpointSlices refuse the loopback addresses that local pods have. */
const CONTROLLERS_OFF = [
  'endpoints-controller',
  'endpointslice-controller',
  'endpointslice-mirroring-controller',
];

/** Client limits that never hold a controller back: a scale-out of 200 pods is one burst of requests. */
const CLIENT_QPS = 500;
const CLIENT_BURST = 1000;

export function controllerManagerFlags(options: {
  kubeconfig: string;
  rootCa: string;
  credentials: Credentials;
}): string[] {
  return flags({
    kubeconfig: options.kubeconfig,
    'leader-elect': false,
    'secure-port': 0,
    controllers: ['*', ...CONTROLLERS_OFF.map((name) => `-${name}`)].join(','),
    'service-account-private-key-file': options.credentials.serviceAccountKey,
    'root-ca-file': options.rootCa,
    'kube-api-qps': CLIENT_QPS,
    'kube-api-burst': CLIENT_BURST,
    'node-monitor-period': '1s',
    profiling: false,
  });
}

/** Contents of the scheduler's configuration file. A pod that found no node is tried again soon after one appears. */
export function schedulerConfig(kubeconfig: string): string {
  return JSON.stringify({
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    clientConnection: { kubeconfig, qps: CLIENT_QPS, burst: CLIENT_BURST },
    leaderElection: { leaderElect: false },
    podInitialBackoffSeconds: 1,
    podMaxBackoffSeconds: 2,
  });
}

export function schedulerFlags(configFile: string): string[] {
  return flags({ config: configFile, 'secure-port': 0 });
}

export function kwokFlags(options: {
  kubeconfig: string;
  configFile: string;
  /** Only nodes with this label, too. */
  nodeSelector?: string;
}): string[] {
  return flags({
    kubeconfig: options.kubeconfig,
    config: options.configFile,
    'manage-all-nodes': false,
    'manage-nodes-with-annotation-selector': 'kwok.x-k8s.io/node=fake',
    ...(options.nodeSelector && { 'manage-nodes-with-label-selector': options.nodeSelector }),
    'node-lease-duration-seconds': 40,
  });
}
