/** Names that the parts of Paddock agree on in Kubernetes and AWS. */

export const NAMESPACE = 'paddock';

export const LABEL = {
  /** On pods, workloads, Leases and nodes. */
  fleet: 'paddock.dev/fleet',
  pool: 'paddock.dev/pool',
  app: 'app.kubernetes.io/name',
  /** On an upgrade's canary and its pods, instead of the pool's: so the scaler does not take it for a replica. */
  canary: 'paddock.dev/canary',
} as const;

export const APP_OLLAMA = 'ollama';
/** Of a canary: no Service selects it, so no client's request reaches it. */
export const APP_CANARY = 'ollama-canary';

export const READINESS_GATE = 'paddock.dev/warm';
/** The container of a replica's pod in which the worker runs. */
export const WORKER_CONTAINER = 'worker';

export const ANNOTATION = {
  /** On a worker's Lease, written by the worker: its heartbeat as JSON. */
  heartbeat: 'paddock.dev/heartbeat',
  /** On a worker's Lease, written by the scaler: drain deadline, epoch seconds as a decimal string. */
  drain: 'paddock.dev/drain',
  /** On a pool's workload, written by an upgrade: core/protocol/upgrade.ts. */
  upgrade: 'paddock.dev/upgrade',
  /** On a pod: the ReplicaSet controller removes the lowest first. */
  deletionCost: 'controller.kubernetes.io/pod-deletion-cost',
} as const;

/** The deletion cost of a replica that drains: far below what anyone sets by hand. */
export const DRAIN_COST = -1000;

/** Label of the untainted system nodes, which carry the router, Open WebUI and controllers, and are never scaled. */
export const SYSTEM_NODE = { 'paddock.dev/role': 'system' } as const;

/** Key of the taint on a serving pool's nodes; its value is `<fleet>-<pool>`, its effect NoSchedule. */
export const POOL_TAINT = 'paddock.dev/pool';

/** Workload (StatefulSet or Deployment) and node group of a pool. */
export const workloadName = (fleet: string, pool: string): string => `${fleet}-${pool}`;
export const canaryName = (fleet: string, pool: string): string => `${fleet}-${pool}-canary`;
export const nodegroupName = (cluster: string, fleet: string, pool: string): string =>
  `${cluster}-${fleet}-${pool}`;

/** Keys in the results bucket: a request's result, its status until then, and its body where that is too long for SQS. */
export const resultKey = (fleet: string, id: string): string => `results/${fleet}/${id}.json`;
export const statusKey = (fleet: string, id: string): string => `status/${fleet}/${id}.json`;
export const requestBodyKey = (fleet: string, id: string): string => `requests/${fleet}/${id}.json`;
export const wakeKey = (fleet: string): string => `wake/${fleet}.json`;
/** @param digest of who submits and of their idempotency key, hexadecimal */
export const idempotencyKey = (digest: string): string => `idempotency/${digest}.json`;

/** Partition keys, in the table, of the counts of requests: the only ones that the gateway may write. */
export const RATE_KEY_PREFIX = 'rate#';

/** Kubernetes groups that the access entries of the functions carry; RBAC binds them. */
export const GROUP = {
  scaler: 'paddock:scaler',
  warmup: 'paddock:warmup',
  upgrade: 'paddock:upgrade',
  healthcheck: 'paddock:healthcheck',
} as const;

export const WORKER_PORT = 8080;
/** Where a worker offers `/metrics` to Prometheus; the port is named `metrics` in its pod. */
export const METRICS_PORT = 9090;
export const OLLAMA_PORT = 11434;
/** Where the worker plays a registry for the pod's own model server. */
export const REGISTRY_PORT = 11435;
