import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { buildSync } from 'esbuild';
import { SqsQueue } from '../../adapters/aws/queue.ts';
import { S3ResultStore } from '../../adapters/aws/results.ts';
import { resultKey } from '../../core/protocol/names.ts';
import type { RequestResult } from '../../core/protocol/request.ts';
import { type Front, startFront } from '../../local/front/front.ts';
import { SyntheticServer } from '../../local/model-server/server.ts';
import type { ServerEvent, ServerSpec } from '../../local/model-server/types.ts';
import { PATIENCE_SECONDS } from '../patience.ts';
import { type LeaseServer, startLeaseServer } from './lease-server.ts';

const REGION = 'eu-central-1';
const BUCKET = 'results';
const MODELS_BUCKET = 'models';

/** The worker as it is shipped: one file. */
export function bundleWorker(dir: string): string {
  const outfile = join(dir, 'worker.mjs');
  buildSync({
    entryPoints: [join(import.meta.dirname, '../../worker/main.ts')],
    outfile,
    ...{ bundle: true, minify: true, platform: 'node', target: 'node24', format: 'esm', logLevel: 'warning' },
    banner: {
      js: "import { createRequire as cr } from 'node:module'; const require = cr(import.meta.url);",
    },
  });
  return outfile;
}

/** Waits until it holds; fails after so many seconds. */
export async function until(
  check: () => boolean | Promise<boolean>,
  seconds = PATIENCE_SECONDS,
): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await check())) {
    if (Date.now() > end) throw new Error(`still not so after ${seconds} s: ${check}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export interface WorkerProcess {
  process: ChildProcess;
  url: string;
  /** Its log so far. */
  log(): string;
  exit: Promise<number | null>;
}

export interface RunningWorker extends WorkerProcess {
  model: SyntheticServer;
}

/** What a worker is told of its model server. `models` are the fleet's, whatever is on the disk. */
export type WorkerSpec = Pick<ServerSpec, 'host' | 'slots' | 'models'> & { disk: string };

/** SQS, S3, Leases and model servers for bundled workers, on loopback. */
export class WorkerBench {
  readonly dir = mkdtempSync(join(tmpdir(), 'paddock-worker-test-'));
  readonly bundle = bundleWorker(this.dir);
  readonly events: ServerEvent[] = [];
  readonly #workers: (WorkerProcess & { close(): Promise<unknown> })[] = [];
  #clients: { destroy(): void }[] = [];
  #nextPort = 0;
  front!: Front;
  leases!: LeaseServer;
  queueUrl = '';
  deadLetterQueueUrl = '';
  queue!: SqsQueue;
  results!: S3ResultStore;

  async start(): Promise<void> {
    this.front = await startFront({ accountId: '111122223333', region: REGION });
    this.leases = await startLeaseServer();
    const { accessKeyId, secretAccessKey } = this.front.admin;
    const options = {
      endpoint: this.front.url,
      region: REGION,
      credentials: { accessKeyId, secretAccessKey },
    };
    const sqs = new SQSClient(options);
    const s3 = new S3Client(options);
    this.#clients = [sqs, s3];
    const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: 'requests' }));
    const dead = await sqs.send(new CreateQueueCommand({ QueueName: 'dead-letters' }));
    this.deadLetterQueueUrl = dead.QueueUrl ?? '';
    for (const Bucket of [BUCKET, MODELS_BUCKET]) await s3.send(new CreateBucketCommand({ Bucket }));
    this.queueUrl = QueueUrl;
    this.queue = new SqsQueue(QueueUrl, sqs);
    this.results = new S3ResultStore(BUCKET, s3);
  }

  async stop(): Promise<void> {
    for (const { process, exit, close } of this.#workers) {
      process.kill('SIGKILL');
      await exit;
      await close();
    }
    for (const client of this.#clients) client.destroy();
    await this.leases.stop();
    await this.front.stop();
    rmSync(this.dir, { recursive: true });
  }

  async startWorker(
    name: string,
    env: Record<string, string> = {},
    model: Partial<ServerSpec> = {},
  ): Promise<RunningWorker> {
    this.#nextPort += 1;
    const spec: ServerSpec & { disk: string } = {
      ...{
        pod: name,
        host: `127.30.0.${this.#nextPort}`,
        port: 11434,
        models: ['tiny'],
        slots: 1,
        loadableAt: 0,
        disk: join(this.dir, 'disks', name),
      },
      ...model,
    };
    const server = new SyntheticServer(spec, (event) => this.events.push(event));
    await server.listen();
    return {
      ...this.startWorkerAt(name, { ...spec, models: ['tiny'] }, env, () => server.close()),
      model: server,
    };
  }

  /** A worker whose model server runs already. @param close ends that server with the worker */
  startWorkerAt(
    name: string,
    spec: WorkerSpec,
    env: Record<string, string>,
    close: () => Promise<unknown>,
  ): WorkerProcess {
    const lines: string[] = [];
    const child = spawn(process.execPath, [this.bundle], {
      env: { ...this.#env(name, spec), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => lines.push(String(chunk)));
    const worker: WorkerProcess = {
      process: child,
      url: `http://${spec.host}:8080`,
      log: () => lines.join(''),
      // Not `exit`: what it wrote last has been read by now.
      exit: once(child, 'close').then(([code]) => code),
    };
    this.#workers.push({ ...worker, close });
    return worker;
  }

  async submit(id: string, more: object = {}): Promise<void> {
    const body = { model: 'tiny', prompt: 'Why?', options: { num_predict: 5 } };
    const request = {
      v: 1 as const,
      id,
      fleet: 'cpu',
      path: '/api/generate' as const,
      body,
      submittedAt: Date.now(),
    };
    await this.queue.send({ ...request, ...more });
  }

  async result(id: string): Promise<RequestResult | undefined> {
    const text = await this.results.read(resultKey('cpu', id));
    return text === undefined ? undefined : JSON.parse(text);
  }

  #env(name: string, { host, slots, models, disk }: WorkerSpec): Record<string, string> {
    const { accessKeyId, secretAccessKey } = this.front.admin;
    return {
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL: this.front.url,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      KUBECONFIG: kubeconfigOf(this.dir, this.leases.url),
      PADDOCK_FLEET: 'cpu',
      PADDOCK_POOL: 'main',
      POD_NAME: name,
      POD_UID: `uid-${name}`,
      POD_NAMESPACE: 'paddock',
      PADDOCK_MODELS: models.join(','),
      PADDOCK_SLOTS: String(slots),
      PADDOCK_QUEUE_URL: this.queueUrl,
      PADDOCK_DEAD_LETTER_QUEUE_URL: this.deadLetterQueueUrl,
      PADDOCK_RESULTS_BUCKET: BUCKET,
      PADDOCK_MODELS_BUCKET: MODELS_BUCKET,
      PADDOCK_MODELS_DIR: disk,
      PADDOCK_MODELS_POLL_SECONDS: '0.2',
      PADDOCK_VISIBILITY_SECONDS: '3',
      PADDOCK_HEARTBEAT_SECONDS: '0.2',
      PADDOCK_LISTEN_HOST: host,
      OLLAMA_HOST: `http://${host}:11434`,
    };
  }
}

/** A kubeconfig for the lease server, in a file of the folder. */
export function kubeconfigOf(dir: string, server: string): string {
  const file = join(dir, 'kubeconfig');
  const name = 'test';
  const cluster = { server, 'insecure-skip-tls-verify': true };
  const config = {
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': name },
    clusters: [{ name, cluster }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

/** Resident memory of a process, MB. */
export function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}
