import type {
  V1Container,
  V1EnvVar,
  V1ResourceRequirements,
  V1SecurityContext,
} from '@kubernetes/client-node';
import { METRICS_PORT, OLLAMA_PORT, WORKER_CONTAINER, WORKER_PORT } from '../core/protocol/names.ts';
import { MODELS_VOLUME, OLLAMA_CONTAINER } from './names.ts';
import type { WorkloadEnvironment, WorkloadFleet, WorkloadPool } from './types.ts';

const WORKER_FILE = '/opt/paddock/worker.mjs';
const OLLAMA_ADDRESS = `127.0.0.1:${OLLAMA_PORT}`;
const MODELS_DIR = '/models';

const HEARTBEAT_SECONDS = 2;

/** A pod that writes more than its `emptyDir` may hold is evicted: some is left for manifests and parts' states. */
const modelsLimitBytes = ({ modelStorageGiB }: WorkloadPool): number =>
  Math.floor(modelStorageGiB * 1024 ** 3 * 0.98);

const WORKER_REQUESTS = { milliCpu: 200, memoryMiB: 256 };

/** What the scheduler and quotas count for one replica: worker and Ollama; the fetching container needs less, and earlier. */
export const podRequests = ({ resources, gpusPerNode }: WorkloadPool) => ({
  milliCpu: WORKER_REQUESTS.milliCpu + resources.cpu * 1000,
  memoryMiB: WORKER_REQUESTS.memoryMiB + resources.memoryGiB * 1024,
  gpus: gpusPerNode,
});

export const confined = (): V1SecurityContext => ({
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
});

export const env = (values: Record<string, string>): V1EnvVar[] =>
  Object.entries(values).map(([name, value]) => ({ name, value }));

const fromPod = (name: string, fieldPath: string): V1EnvVar => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
});

export const tmp = { name: 'tmp', mountPath: '/tmp' };

/** Brings the worker's code from S3 and refuses it unless it is what was synthesized (docs/adr/0002). */
export const fetchContainer = ({ images, workerBundle, region }: WorkloadEnvironment): V1Container => ({
  name: 'fetch-worker',
  image: images.fetch,
  command: [
    '/bin/sh',
    '-ec',
    `aws s3 cp --no-progress "s3://$BUNDLE_BUCKET/$BUNDLE_KEY" ${WORKER_FILE}\n` +
      `echo "$BUNDLE_SHA256  ${WORKER_FILE}" | sha256sum -c -`,
  ],
  env: env({
    AWS_REGION: region,
    HOME: '/tmp',
    BUNDLE_BUCKET: workerBundle.bucket,
    BUNDLE_KEY: workerBundle.key,
    BUNDLE_SHA256: workerBundle.sha256,
  }),
  resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '512Mi' } },
  securityContext: confined(),
  volumeMounts: [{ name: 'code', mountPath: '/opt/paddock' }, tmp],
});

/** A native sidecar: it starts before the worker, and ends only after the worker has drained. */
export const ollamaContainer = (
  fleet: WorkloadFleet,
  pool: WorkloadPool,
  { images }: WorkloadEnvironment,
): V1Container => ({
  name: OLLAMA_CONTAINER,
  image: images.ollama,
  restartPolicy: 'Always',
  env: env({
    OLLAMA_HOST: OLLAMA_ADDRESS,
    OLLAMA_MODELS: MODELS_DIR,
    HOME: MODELS_DIR,
    // The worker decides what is loaded; nothing unloads by itself.
    OLLAMA_KEEP_ALIVE: '-1',
    // Without it a restart deletes partial pulls.
    OLLAMA_NOPRUNE: '1',
    OLLAMA_NUM_PARALLEL: String(pool.slots),
    OLLAMA_MAX_LOADED_MODELS: String(fleet.models.length),
    OLLAMA_CONTEXT_LENGTH: String(fleet.contextTokens),
  }),
  resources: ollamaResources(pool),
  // Ollama listens on localhost, where the kubelet's HTTP probes do not reach: ask from inside.
  startupProbe: {
    exec: { command: ['ollama', 'list'] },
    periodSeconds: 2,
    timeoutSeconds: 10,
    failureThreshold: 60,
  },
  // A server that hangs is started again; one whose processors are all busy is given minutes to answer.
  livenessProbe: {
    exec: { command: ['ollama', 'list'] },
    periodSeconds: 30,
    timeoutSeconds: 15,
    failureThreshold: 6,
  },
  securityContext: confined(),
  volumeMounts: [{ name: MODELS_VOLUME, mountPath: MODELS_DIR }, tmp],
});

function ollamaResources({ resources, gpusPerNode }: WorkloadPool): V1ResourceRequirements {
  const { cpu, cpuLimit, memoryGiB, memoryLimitGiB } = resources;
  const limits: Record<string, string> = {
    ...(cpuLimit !== undefined && { cpu: String(cpuLimit) }),
    ...(memoryLimitGiB !== undefined && { memory: `${memoryLimitGiB}Gi` }),
    // Extended resources are stated as limits; the request follows.
    ...(gpusPerNode > 0 && { 'nvidia.com/gpu': String(gpusPerNode) }),
  };
  return {
    requests: { cpu: String(cpu), memory: `${memoryGiB}Gi` },
    ...(Object.keys(limits).length > 0 && { limits }),
  };
}

/** The pod's only door: reverse proxy for interactive requests and consumer of the queue. */
export const workerContainer = (
  fleet: WorkloadFleet,
  pool: WorkloadPool,
  around: WorkloadEnvironment,
): V1Container => ({
  name: WORKER_CONTAINER,
  image: around.images.worker,
  command: ['node', WORKER_FILE],
  ports: [
    { name: 'http', containerPort: WORKER_PORT, protocol: 'TCP' },
    { name: 'metrics', containerPort: METRICS_PORT, protocol: 'TCP' },
  ],
  env: [
    ...env({
      AWS_REGION: around.region,
      PADDOCK_FLEET: fleet.name,
      PADDOCK_POOL: pool.name,
      // What runs; under which names clients ask for it stands below, in the same order.
      PADDOCK_MODELS: (around.models ?? fleet.models).join(','),
      PADDOCK_SERVED_MODELS: fleet.models.join(','),
      PADDOCK_SLOTS: String(pool.slots),
      PADDOCK_QUEUE_URL: around.queueUrl,
      PADDOCK_DEAD_LETTER_QUEUE_URL: around.deadLetterQueueUrl,
      PADDOCK_MAX_ATTEMPTS: String(fleet.maxAttempts),
      PADDOCK_RESULTS_BUCKET: around.resultsBucket,
      PADDOCK_MODELS_BUCKET: around.modelsBucket,
      PADDOCK_MODELS_DIR: MODELS_DIR,
      PADDOCK_MODELS_LIMIT_BYTES: String(modelsLimitBytes(pool)),
      PADDOCK_REGISTRY_URL: around.registryUrl,
      PADDOCK_VISIBILITY_SECONDS: String(fleet.visibilitySeconds),
      PADDOCK_HEARTBEAT_SECONDS: String(HEARTBEAT_SECONDS),
      PADDOCK_REQUEST_TIMEOUT_SECONDS: String(fleet.requestTimeoutSeconds),
      // The grace period leaves as much and a margin.
      PADDOCK_DRAIN_SECONDS: String(fleet.policy.drainDeadlineSeconds),
      PADDOCK_LISTEN_HOST: '0.0.0.0',
      OLLAMA_HOST: `http://${OLLAMA_ADDRESS}`,
    }),
    fromPod('POD_NAME', 'metadata.name'),
    fromPod('POD_UID', 'metadata.uid'),
    fromPod('POD_NAMESPACE', 'metadata.namespace'),
  ],
  resources: {
    requests: { cpu: `${WORKER_REQUESTS.milliCpu}m`, memory: `${WORKER_REQUESTS.memoryMiB}Mi` },
    limits: { memory: '512Mi' },
  },
  startupProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 1, failureThreshold: 60 },
  livenessProbe: {
    httpGet: { path: '/healthz', port: 'http' },
    periodSeconds: 10,
    timeoutSeconds: 5,
    failureThreshold: 6,
  },
  readinessProbe: {
    httpGet: { path: '/readyz', port: 'http' },
    periodSeconds: 2,
    timeoutSeconds: 2,
    failureThreshold: 2,
  },
  securityContext: confined(),
  volumeMounts: [
    { name: 'code', mountPath: '/opt/paddock', readOnly: true },
    // It reads there which files a model has, which Ollama's API does not tell, and notes when each was last used.
    { name: MODELS_VOLUME, mountPath: MODELS_DIR },
    tmp,
  ],
});
