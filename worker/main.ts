import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { S3ModelDesk } from '../adapters/aws/model-desk.ts';
import { S3ModelMirror } from '../adapters/aws/model-mirror.ts';
import { SqsQueue } from '../adapters/aws/queue.ts';
import { S3ResultStore } from '../adapters/aws/results.ts';
import { kubeConfigFromEnv } from '../adapters/kubernetes/client.ts';
import { KubernetesLease } from '../adapters/kubernetes/lease.ts';
import { OllamaServer } from '../adapters/ollama/server.ts';
import { OllamaStore } from '../adapters/ollama/store.ts';
import { HttpRegistry } from '../adapters/registry/registry.ts';
import { loadConfig } from './config.ts';
import { createLog } from './log.ts';
import { createWorker } from './worker.ts';

async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const workerId = randomUUID();
  const base = { service: 'worker', fleet: config.fleet, pool: config.pool, replica: config.podName };
  const log = createLog(base, process.env.LOG_LEVEL);
  const lease = new KubernetesLease(kubeConfigFromEnv(), {
    namespace: config.namespace,
    name: config.podName,
    durationSeconds: Math.max(1, Math.ceil(config.heartbeatSeconds * 5)),
  });
  const { fleet, modelsBucket, resultsBucket, modelsDir, registryUrl } = config;
  const server = new OllamaServer(config.ollamaUrl);
  const worker = createWorker({
    config,
    workerId,
    queue: new SqsQueue(config.queueUrl),
    deadLetters: new SqsQueue(config.deadLetterQueueUrl),
    results: new S3ResultStore(resultsBucket),
    server,
    models: {
      library: server,
      store: new OllamaStore(modelsDir),
      mirror: new S3ModelMirror(modelsBucket),
      registry: registryUrl === '' ? undefined : new HttpRegistry(registryUrl),
      desk: new S3ModelDesk({ fleet, modelsBucket, resultsBucket }),
    },
    lease,
    log,
  });
  const terminated = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  await worker.start();
  await terminated;
  await worker.terminate();
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  },
);
