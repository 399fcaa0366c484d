import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { resultKey } from '../../core/protocol/names.ts';
import { buildApp } from '../../infra/app.ts';
import { endBundling } from '../../infra/bundling.ts';
import type { ConfigInput, PaddockConfig } from '../../infra/config/index.ts';
import { realClock } from '../../local/emulators/clock.ts';
import { SecretsManagerEmulator } from '../../local/emulators/secrets-manager.ts';
import { SsmEmulator } from '../../local/emulators/ssm.ts';
import { type Front, startFront } from '../../local/front/front.ts';
import { LambdaEmulator } from '../../local/lambda/emulator.ts';
import type { LambdaHost } from '../../local/lambda/host.ts';
import { SyntheticServer } from '../../local/model-server/server.ts';
import type { ServerEvent, ServerSpec } from '../../local/model-server/types.ts';
import { writeSession } from '../../local/session.ts';
import { provisionStorage, RoleClients } from '../../local/system/aws-clients.ts';
import {
  addPrincipals,
  bucketOf,
  createLambda,
  podEnvironment,
  queueOf,
  tableOf,
  workerBundle,
} from '../../local/system/from-template.ts';
import { type LocalGateway, startLocalGateway } from '../../local/system/gateway.ts';
import { deliverTo } from '../../local/system/provision.ts';
import { loadTemplates, type ResolvedApp } from '../../local/template/load.ts';
import { serviceAccountName } from '../../workloads/index.ts';
import { kubeconfigOf } from '../worker/harness.ts';
import { type LeaseServer, startLeaseServer } from '../worker/lease-server.ts';
import { FLEET, gatewayConfig, MODELS } from './config.ts';

const ACCOUNT = '111122223333';

/**
 * The gateway and workers as the templates make them, without a cluster: real bundles, each with its own role's key, before
 * the local AWS front, and the HTTP API on loopback. The state machine is a record of who was started.
 */
export class GatewayRig {
  readonly dir = mkdtempSync(join(tmpdir(), 'paddock-gateway-'));
  readonly config: PaddockConfig;
  readonly events: ServerEvent[] = [];
  readonly executions: unknown[] = [];
  readonly #workers: {
    process: ChildProcess;
    exit: Promise<unknown>;
    model: SyntheticServer;
    isGone: boolean;
  }[] = [];
  readonly #network: string;
  #bundle = '';
  #env: Record<string, string> = {};
  #leases!: LeaseServer;
  #roles!: RoleClients;
  lambda!: LambdaHost;
  front!: Front;
  app!: ResolvedApp;
  gateway!: LocalGateway;
  /** Comes again after a 503, as where the functions' processes start on a busy machine. */
  client!: OpenAI;
  /** Takes the first answer. */
  hasty!: OpenAI;

  /** @param network of the workers' addresses: suites that may run at the same time have one each */
  constructor(more: Partial<ConfigInput> = {}, network = '127.31.0') {
    this.config = gatewayConfig(more);
    this.#network = network;
  }

  async start(): Promise<void> {
    const { config, dir } = this;
    const region = config.region;
    this.#leases = await startLeaseServer();
    this.front = await startFront({ accountId: ACCOUNT, region });
    const assembly = buildApp(config, { outdir: join(dir, 'cdk.out') }).synth();
    await endBundling();
    this.app = loadTemplates({
      ...{ assembly, accountId: ACCOUNT, region, frontUrl: this.front.url },
      ...{ clusterEndpoint: this.#leases.url, clusterCa: '' },
    });
    const principalOf = addPrincipals(this.app, this.front);
    await provisionStorage(this.app, this.front, this.front.admin);
    const secrets = new SecretsManagerEmulator({ clock: realClock, accountId: ACCOUNT, region });
    for (const { type, ref, properties } of this.app.resources) {
      if (type === 'AWS::SecretsManager::Secret') secrets.createSecret(properties, ref);
    }
    this.front.register(secrets);
    this.front.register({
      service: 'states',
      handle: async ({ input }) => {
        this.executions.push(JSON.parse(String(input.input)));
        return { executionArn: `${input.stateMachineArn}:1`, startDate: new Date() };
      },
    });
    this.lambda = createLambda(this.app, this.front, principalOf, join(dir, 'logs'));
    this.front.register(new LambdaEmulator(this.lambda));
    this.#roles = new RoleClients(this.front, principalOf);
    const clusterName = config.cluster.name;
    const { app } = this;
    const gateway = await startLocalGateway({ app, clusterName, lambda: this.lambda, secrets });
    if (!gateway) throw new Error('The templates have no gateway.');
    this.gateway = gateway;
    const options = { baseURL: `${gateway.url}/v1`, apiKey: gateway.apiKey };
    this.client = new OpenAI({ ...options, maxRetries: 8 });
    this.hasty = new OpenAI({ ...options, maxRetries: 0 });
    this.#bundle = workerBundle(assembly.directory);
    this.#env = podEnvironment(this.app, this.front, principalOf, serviceAccountName(FLEET));
  }

  async stop(): Promise<void> {
    await this.killWorkers();
    this.#roles?.close();
    await this.gateway?.stop();
    await this.lambda?.stop();
    await this.front?.stop();
    await this.#leases?.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Every worker dies, whatever it is at; its model server goes with it. */
  async killWorkers(): Promise<void> {
    for (const { process, exit, model } of this.#workers.filter(({ isGone }) => !isGone)) {
      process.kill('SIGKILL');
      await exit;
      await model.close();
    }
    for (const worker of this.#workers) worker.isGone = true;
  }

  /** Every worker ends as it should. */
  async endWorkers(): Promise<void> {
    for (const { process, exit } of this.#workers) {
      process.kill('SIGTERM');
      await exit;
    }
    await this.killWorkers();
  }

  /** What EventBridge Scheduler does when the time of a schedule of the templates has come. */
  async fire(schedule: string): Promise<void> {
    const found = this.app.schedules.find(({ name }) => name === schedule);
    if (!found) throw new Error(`The templates have no schedule ${schedule}.`);
    const { arn, roleArn, input = '{}' } = found.target;
    await deliverTo(this.#roles)({ targetArn: arn, roleArn, input, origin: schedule });
  }

  /** Lets the command line find this system in `dir`; the fleet's parameter is there too. */
  openSession(more: { registry?: string } = {}): void {
    const ssm = new SsmEmulator({ clock: realClock, accountId: ACCOUNT, region: this.config.region });
    for (const { name, value } of this.app.parameters)
      ssm.putParameter({ Name: name, Value: value, Type: 'String' });
    this.front.register(ssm);
    const { accessKeyId, secretAccessKey } = this.front.admin;
    writeSession(this.dir, {
      ...{ pid: process.pid, endpointUrl: this.front.url, region: this.config.region },
      ...{ accessKeyId, secretAccessKey, cluster: this.config.cluster.name, fleet: FLEET },
      ...{ table: tableOf(this.app), kubeconfig: kubeconfigOf(this.dir, this.#leases.url) },
      ...more,
    });
  }

  /** A worker of the fleet with a synthetic model server of its own. */
  async startWorker(
    model: Partial<ServerSpec> = {},
    env: Record<string, string> = {},
  ): Promise<SyntheticServer> {
    const number = this.#workers.length + 1;
    const host = `${this.#network}.${number}`;
    const name = `cpu-worker-${number}`;
    const slots = model.slots ?? 2;
    const disk = join(this.dir, 'disks', name);
    const server = new SyntheticServer(
      { pod: name, host, port: 11434, models: [...MODELS], slots, loadableAt: 0, disk, ...model },
      (event) => this.events.push(event),
    );
    await server.listen();
    const queue = queueOf(this.app, this.config);
    const process_ = spawn(process.execPath, [this.#bundle], {
      env: {
        ...this.#env,
        KUBECONFIG: kubeconfigOf(this.dir, this.#leases.url),
        ...{ PADDOCK_FLEET: FLEET, PADDOCK_POOL: 'base-a', POD_NAME: name, POD_UID: `uid-${number}` },
        ...{ POD_NAMESPACE: 'paddock', PADDOCK_MODELS: MODELS.join(','), PADDOCK_SLOTS: String(slots) },
        ...{ PADDOCK_QUEUE_URL: queue.url, PADDOCK_DEAD_LETTER_QUEUE_URL: `${queue.url}-dead-letters` },
        ...{ PADDOCK_RESULTS_BUCKET: bucketOf(this.app, 'Results'), PADDOCK_MAX_ATTEMPTS: '2' },
        ...{ PADDOCK_MODELS_BUCKET: bucketOf(this.app, 'Models'), PADDOCK_MODELS_DIR: disk },
        ...{
          PADDOCK_VISIBILITY_SECONDS: '5',
          PADDOCK_LISTEN_HOST: host,
          OLLAMA_HOST: `http://${host}:11434`,
        },
        ...env,
      },
      stdio: 'ignore',
    });
    this.#workers.push({ process: process_, exit: once(process_, 'exit'), model: server, isGone: false });
    return server;
  }

  /** Messages that wait or are being worked on. */
  queued(suffix = ''): number {
    const counts = this.front.queueCounts(`${queueOf(this.app, this.config).name}${suffix}`);
    return counts ? counts.visible + counts.notVisible + counts.delayed : 0;
  }

  resultKey(id: string): string {
    return resultKey(FLEET, id);
  }
}
