import { z } from 'zod';
import { canonicalModel } from '../core/protocol/model-names.ts';
import { METRICS_PORT, OLLAMA_PORT, REGISTRY_PORT, WORKER_PORT } from '../core/protocol/names.ts';

const required = z.string({ error: 'is not set' }).min(1, 'is empty');
const seconds = (fallback: number, min: number, max: number) =>
  z.coerce
    .number({ error: 'is not a number' })
    .min(min, `must be at least ${min}`)
    .max(max, `must be at most ${max}`)
    .default(fallback);

const listed = (text: string): string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean);

const schema = z
  .object({
    PADDOCK_FLEET: required,
    PADDOCK_POOL: required,
    POD_NAME: required,
    POD_UID: required,
    POD_NAMESPACE: required,
    PADDOCK_MODELS: required
      .transform(listed)
      .refine((list) => list.length > 0, 'names no model: give a comma-separated list'),
    PADDOCK_SERVED_MODELS: z.string().default('').transform(listed),
    PADDOCK_CANARY: z.enum(['true', 'false'], 'must be true or false').default('false'),
    PADDOCK_SLOTS: z.coerce
      .number({ error: 'is not a number' })
      .int('must be a whole number')
      .min(1, 'must be at least 1')
      .max(1024, 'must be at most 1024'),
    PADDOCK_QUEUE_URL: z.url({ error: 'is not a URL' }),
    PADDOCK_DEAD_LETTER_QUEUE_URL: z.url({ error: 'is not a URL' }),
    PADDOCK_RESULTS_BUCKET: required,
    /** SQS hides a message for 12 hours at most. */
    PADDOCK_VISIBILITY_SECONDS: seconds(30, 3, 43_200),
    PADDOCK_HEARTBEAT_SECONDS: seconds(2, 0.1, 60),
    PADDOCK_REQUEST_TIMEOUT_SECONDS: seconds(600, 1, 36_000),
    PADDOCK_MAX_ATTEMPTS: z.coerce.number({ error: 'is not a number' }).int().min(1).max(10).default(5),
    /** EKS drains a node for 15 minutes at most. */
    PADDOCK_DRAIN_SECONDS: seconds(20, 0, 890),
    OLLAMA_HOST: z.url({ error: 'is not a URL' }).default(`http://127.0.0.1:${OLLAMA_PORT}`),
    PADDOCK_MODELS_BUCKET: required,
    PADDOCK_MODELS_DIR: required,
    /** What the disk has free bounds it as well. */
    PADDOCK_MODELS_LIMIT_BYTES: z.coerce
      .number({ error: 'is not a number' })
      .int('must be a whole number')
      .min(0, 'must not be negative')
      .default(Number.MAX_SAFE_INTEGER),
    PADDOCK_MODELS_POLL_SECONDS: seconds(10, 0.1, 3600),
    /** Unset or empty: models come from the mirror alone. */
    PADDOCK_REGISTRY_URL: z.union([z.literal(''), z.url({ error: 'is not a URL' })]).default(''),
    PADDOCK_REGISTRY_PORT: z.coerce.number().int().min(0).max(65_535).default(REGISTRY_PORT),
    PADDOCK_LISTEN_HOST: z.string().min(1).default('0.0.0.0'),
    PADDOCK_LISTEN_PORT: z.coerce.number().int().min(0).max(65_535).default(WORKER_PORT),
    PADDOCK_METRICS_PORT: z.coerce.number().int().min(0).max(65_535).default(METRICS_PORT),
  })
  .transform((env) => ({
    fleet: env.PADDOCK_FLEET,
    pool: env.PADDOCK_POOL,
    podName: env.POD_NAME,
    podUid: env.POD_UID,
    namespace: env.POD_NAMESPACE,
    models: env.PADDOCK_MODELS,
    /** What clients may ask for: the configured names, and the models behind them, which lists of models show. */
    names: [...new Set([...env.PADDOCK_SERVED_MODELS, ...env.PADDOCK_MODELS])],
    /** The model that answers under a configured name, where an upgrade made it another; by canonical name. */
    behind: modelsBehind(env.PADDOCK_SERVED_MODELS, env.PADDOCK_MODELS),
    /** An upgrade's canary: answers whom its door lets in, takes nothing from the queue, and says nothing to the scaler. */
    isCanary: env.PADDOCK_CANARY === 'true',
    slots: env.PADDOCK_SLOTS,
    queueUrl: env.PADDOCK_QUEUE_URL,
    deadLetterQueueUrl: env.PADDOCK_DEAD_LETTER_QUEUE_URL,
    resultsBucket: env.PADDOCK_RESULTS_BUCKET,
    visibilitySeconds: env.PADDOCK_VISIBILITY_SECONDS,
    heartbeatSeconds: env.PADDOCK_HEARTBEAT_SECONDS,
    requestTimeoutSeconds: env.PADDOCK_REQUEST_TIMEOUT_SECONDS,
    maxAttempts: env.PADDOCK_MAX_ATTEMPTS,
    drainSeconds: env.PADDOCK_DRAIN_SECONDS,
    ollamaUrl: env.OLLAMA_HOST,
    modelsBucket: env.PADDOCK_MODELS_BUCKET,
    modelsDir: env.PADDOCK_MODELS_DIR,
    modelsLimitBytes: env.PADDOCK_MODELS_LIMIT_BYTES,
    modelsPollSeconds: env.PADDOCK_MODELS_POLL_SECONDS,
    registryUrl: env.PADDOCK_REGISTRY_URL,
    registryPort: env.PADDOCK_REGISTRY_PORT,
    listenHost: env.PADDOCK_LISTEN_HOST,
    listenPort: env.PADDOCK_LISTEN_PORT,
    metricsPort: env.PADDOCK_METRICS_PORT,
  }));

function modelsBehind(served: readonly string[], actual: readonly string[]): ReadonlyMap<string, string> {
  return new Map(served.map((name, index) => [canonicalModel(name), actual[index] ?? name]));
}

export type WorkerConfig = z.output<typeof schema>;

/** Reads the environment (docs/architecture.md). Throws one Error that names every variable that is wrong. */
export function loadConfig(env: NodeJS.ProcessEnv): WorkerConfig {
  const result = schema.safeParse(env);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => `  ${issue.path.join('.')} ${issue.message}`);
  throw new Error(`The worker's environment is not usable:\n${problems.join('\n')}`);
}
