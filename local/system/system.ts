import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoFleetState, type PlanRecord } from '../../adapters/aws/fleet-state.ts';
import { nodegroupName } from '../../core/protocol/names.ts';
import type { FleetPolicy } from '../../core/scaling/types.ts';
import { buildApp } from '../../infra/app.ts';
import { endBundling } from '../../infra/bundling.ts';
import { fleetPolicy, type PaddockConfig } from '../../infra/config/index.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { useCluster } from '../cluster/existing.ts';
import { realClock } from '../emulators/clock.ts';
import { createEmulators, type Emulators } from '../emulators/index.ts';
import { KubernetesNodes } from '../emulators/nodes.ts';
import { type Front, startFront } from '../front/front.ts';
import type { Principal } from '../front/types.ts';
import { LambdaEmulator } from '../lambda/emulator.ts';
import { LambdaHost } from '../lambda/host.ts';
import { ModelServers } from '../model-server/model-servers.ts';
import { type PodRunner, startPodRunner } from '../pods/runner.ts';
import type { Supervisor } from '../processes.ts';
import type { Progress } from '../progress.ts';
import { StepFunctionsEmulator } from '../step-functions/emulator.ts';
import { Engine } from '../step-functions/engine.ts';
import { readAssembly } from '../template/assembly.ts';
import { loadTemplates, type ResolvedApp } from '../template/load.ts';
import { clientSettings, provisionStorage, QueueClient, RoleClients } from './aws-clients.ts';
import { FleetWatch } from './fleet-watch.ts';
import { applyManifests } from './kubernetes.ts';
import { deliverTo, provisionCluster, provisionTriggers, type Triggers } from './provision.ts';

const ACCOUNT = '111122223333';
const CLUSTER_ERRORS_KEPT = 50;

export interface SystemOptions {
  /** One fleet. */
  config: PaddockConfig;
  stateDir: string;
  cacheDir: string;
  kubeconfig?: string;
  triggers: Triggers;
  bootSeconds: number;
  loadSeconds: number;
  /** Fixed service time; undefined: from tokens. */
  serviceSeconds?: number;
  counterLagSeconds: number;
  supervisor: Supervisor;
  progress: Progress;
}

type SystemParts = Pick<
  LocalSystem,
  | 'config'
  | 'policy'
  | 'front'
  | 'cluster'
  | 'emulators'
  | 'lambda'
  | 'engine'
  | 'models'
  | 'pods'
  | 'watch'
  | 'app'
  | 'client'
  | 'troubles'
>;

/** The whole system on this machine. Everything that AWS would run is booted from the synthesized templates. */
export class LocalSystem {
  readonly config: PaddockConfig;
  readonly policy: FleetPolicy;
  readonly front: Front;
  readonly cluster: Cluster;
  readonly emulators: Emulators;
  readonly lambda: LambdaHost;
  readonly engine: Engine;
  readonly models: ModelServers;
  readonly pods: PodRunner;
  readonly watch: FleetWatch;
  readonly app: ResolvedApp;
  readonly client: QueueClient;
  /** What went wrong in the background, newest last. */
  readonly troubles: string[];
  readonly #close: () => Promise<void>;
  readonly #state: DynamoFleetState;

  constructor(parts: SystemParts, close: () => Promise<void>) {
    this.config = parts.config;
    this.policy = parts.policy;
    this.front = parts.front;
    this.cluster = parts.cluster;
    this.emulators = parts.emulators;
    this.lambda = parts.lambda;
    this.engine = parts.engine;
    this.models = parts.models;
    this.pods = parts.pods;
    this.watch = parts.watch;
    this.app = parts.app;
    this.client = parts.client;
    this.troubles = parts.troubles;
    this.#close = close;
    this.#state = new DynamoFleetState(
      this.tableName,
      new DynamoDBClient(clientSettings(this.front, this.front.admin)),
    );
  }

  get queueName(): string {
    return queueOf(this.app, this.config).name;
  }

  get tableName(): string {
    return tableOf(this.app);
  }

  /** The function that the scale machine calls. */
  get scalerName(): string {
    return functionNamed(this.app, 'Scaler');
  }

  /** Instances that are billed (launched and not gone yet), by pool. */
  billedNodes(): Record<string, number> {
    const { cluster, fleets } = this.config;
    const fleet = fleets[0]?.name as string;
    return Object.fromEntries(
      this.policy.pools.map(({ name }) => [
        name,
        this.emulators.autoscaling.group(nodegroupName(cluster.name, fleet, name)).instances.size,
      ]),
    );
  }

  /** The last stored ticks, newest first. */
  recentPlans(limit: number): Promise<PlanRecord[]> {
    return this.#state.recentPlans(this.policy.fleet, limit);
  }

  /** Ends everything that was started, what wakes it first. */
  stop(): Promise<void> {
    return this.#close();
  }
}

/** Steps that undo what was started, run in reverse order; one that fails does not keep the others from running. */
class Undo {
  readonly #steps: (() => unknown)[] = [];

  add(step: () => unknown): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) {
      await Promise.resolve()
        .then(step)
        .catch((error: unknown) => console.error(error));
    }
  }
}

/**
 * Brings the system up: front, Kubernetes, emulated services, functions, state machines, pods, triggers.
 *
 * @throws what the part that failed throws, after everything before it was ended.
 */
export async function startSystem(options: SystemOptions): Promise<LocalSystem> {
  const undo = new Undo();
  try {
    return await start(options, undo);
  } catch (error) {
    await undo.run();
    throw error;
  }
}

async function start(options: SystemOptions, undo: Undo): Promise<LocalSystem> {
  const { config, progress, stateDir, supervisor } = options;
  const { region, cluster: clusterConfig } = config;
  const clusterName = clusterConfig.name;
  const troubles: string[] = [];
  const onError = (error: unknown): void => {
    troubles.push(`${new Date().toISOString()} ${describe(error)}`);
    troubles.splice(0, troubles.length - CLUSTER_ERRORS_KEPT);
  };

  const front = await startFront({ accountId: ACCOUNT, region, clusterName });
  undo.add(() => front.stop());
  front.setCounterLag(options.counterLagSeconds);

  const [cluster, assembly] = await Promise.all([
    bringUpCluster(options, front, undo),
    progress.step('Synthesizing the CloudFormation templates', async () => {
      const outdir = join(stateDir, 'cdk.out');
      try {
        return buildApp(config, { outdir }).synth();
      } finally {
        await endBundling();
      }
    }),
  ]);
  const app = loadTemplates({
    assembly,
    accountId: ACCOUNT,
    region,
    frontUrl: front.url,
    clusterEndpoint: cluster.server,
    clusterCa: cluster.caData,
  });

  return progress.step('Booting the control plane from the templates', async () => {
    const principals = addPrincipals(app, front);
    const principalOf = (roleArn: string): Principal => {
      const principal = principals.get(roleArn);
      if (!principal) throw new Error(`No role of the templates has the ARN ${roleArn}.`);
      return principal;
    };
    await provisionStorage(app, front, front.admin);

    const roleClients = new RoleClients(front, principalOf);
    undo.add(() => roleClients.close());
    const emulators = createEmulators({
      clock: realClock,
      accountId: ACCOUNT,
      region,
      nodes: KubernetesNodes.fromKubeconfig(cluster.kubeconfigPath, cluster.nodeLabels),
      cluster: {
        name: clusterName,
        version: clusterConfig.version,
        endpoint: cluster.server,
        certificateAuthorityData: cluster.caData,
      },
      readQueue: async (name) => {
        const counts = front.laggedQueueCounts(name);
        if (!counts) throw new Error(`There is no queue ${name}.`);
        return counts;
      },
      deliver: deliverTo(() => roleClients),
      bootSeconds: options.bootSeconds,
      seed: 1,
      onError,
    });
    for (const emulator of emulators.services.values()) front.register(emulator);
    front.setAccessEntries(
      app.accessEntries.map((entry) => ({
        principalArn: entry.principalArn,
        username: entry.username ?? entry.principalArn,
        groups: [...entry.kubernetesGroups],
      })),
    );

    const lambda = createLambda(app, front, principalOf, join(stateDir, 'logs'));
    front.register(new LambdaEmulator(lambda));
    const engine = new Engine({ endpoint: front.url, region });
    for (const machine of app.stateMachines) {
      engine.add({ ...machine, credentials: principalOf(machine.roleArn) });
    }
    front.register(new StepFunctionsEmulator(engine));

    await cluster.claim(app.manifests);
    await applyManifests(cluster.kubeconfigPath, app.manifests);
    const models = new ModelServers();
    undo.add(() => models.stop());
    const pods = await startPodRunner({
      kubeconfigPath: cluster.kubeconfigPath,
      workerBundlePath: workerBundle(assembly.directory),
      supervisor,
      modelServers: models,
      serving: () => ({
        loadSeconds: options.loadSeconds,
        ...(options.serviceSeconds === undefined ? {} : { serviceSeconds: options.serviceSeconds }),
      }),
      env: (pod) => podEnvironment(app, front, principalOf, pod.spec?.serviceAccountName ?? ''),
      stateDir: join(stateDir, 'pods'),
      logDir: join(stateDir, 'logs', 'pods'),
      onEvent: (event) => 'reason' in event && onError(`pod ${event.pod}: ${event.kind}: ${event.reason}`),
    });
    undo.add(() => pods.stop());

    const fleet = config.fleets[0]?.name as string;
    const watch = new FleetWatch(cluster.kubeconfigPath, fleet);
    await watch.start();
    undo.add(() => watch.stop());
    const queue = queueOf(app, config);
    const client = new QueueClient(front, front.admin, queue.url, app.buckets[0]?.name as string);
    undo.add(() => client.close());

    // Ended first when the system stops: nothing is started any more while its parts go away.
    undo.add(() => lambda.stop());
    undo.add(() => engine.stop());
    undo.add(() => emulators.dispose());
    lambda.warm(functionNamed(app, 'Scaler'));
    lambda.warm(functionNamed(app, 'Warmup'));
    provisionCluster(app, emulators);
    await provisionTriggers(app, emulators, options.triggers);
    return new LocalSystem(
      {
        config,
        policy: fleetPolicy(config, fleet),
        front,
        cluster,
        emulators,
        lambda,
        engine,
        models,
        pods,
        watch,
        app,
        client,
        troubles,
      },
      () => undo.run(),
    );
  });
}

async function bringUpCluster(options: SystemOptions, front: Front, undo: Undo): Promise<Cluster> {
  const { cacheDir, stateDir, kubeconfig, progress, supervisor } = options;
  const authenticatorUrl = `${front.url}/kubernetes/authenticate`;
  const common = { cacheDir, stateDir, authenticatorUrl, progress, supervisor };
  const cluster = await (kubeconfig === undefined
    ? startCluster({ ...common, kubernetesVersion: options.config.cluster.version })
    : useCluster({ ...common, kubeconfig }));
  undo.add(() => cluster.stop());
  return cluster;
}

/** Roles that something acts as here; those of EKS itself and of deploy-time helpers have no part in a local run. */
function addPrincipals(app: ResolvedApp, front: Front): Map<string, Principal> {
  const acting = new Set(['function', 'stateMachine', 'schedule', 'rule', 'pod']);
  const deployment = new Set(app.functions.filter((f) => f.deploymentOnly).map((f) => f.roleArn));
  return new Map(
    app.roles
      .filter((role) => role.assumedBy.some(({ kind }) => acting.has(kind)) && !deployment.has(role.arn))
      .map((role) => [
        role.arn,
        front.addPrincipal({ name: role.logicalId, roleArn: role.arn, policies: [...role.policies] }),
      ]),
  );
}

function createLambda(
  app: ResolvedApp,
  front: Front,
  principalOf: (roleArn: string) => Principal,
  logDir: string,
): LambdaHost {
  return new LambdaHost({
    functions: app.functions
      .filter((f) => !f.deploymentOnly && f.codePath !== undefined)
      .map((f) => ({
        name: f.name,
        arn: f.arn,
        codePath: f.codePath as string,
        handler: f.handler,
        environment: { ...f.environment },
        timeoutSeconds: f.timeoutSeconds,
        asyncRetries: f.asyncRetries,
        memoryMb: f.memoryMb,
        credentials: principalOf(f.roleArn),
      })),
    endpointUrl: front.url,
    region: front.region,
    logDir,
    // A warm-up waits beside its pod: as many at once as pods start.
    maxProcesses: 64,
  });
}

/** What EKS Pod Identity would give a pod: the keys of its service account's role. */
function podEnvironment(
  app: ResolvedApp,
  front: Front,
  principalOf: (roleArn: string) => Principal,
  serviceAccount: string,
): Record<string, string> {
  const identity = app.podIdentities.find((candidate) => candidate.serviceAccount === serviceAccount);
  if (!identity)
    throw new Error(`The service account ${serviceAccount} has no pod identity in the templates.`);
  const { accessKeyId, secretAccessKey } = principalOf(identity.roleArn);
  return {
    AWS_ENDPOINT_URL: front.url,
    AWS_REGION: front.region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  };
}

/** The pods run the very file that a deploy would put into the asset bucket. */
function workerBundle(directory: string): string {
  const bundles = [...readAssembly(directory).assets.values()].filter(({ path }) => path.endsWith('.mjs'));
  const [bundle] = bundles;
  if (!bundle || bundles.length > 1)
    throw new Error(`Expected one worker bundle in ${directory}, found ${bundles.length}.`);
  return bundle.path;
}

function queueOf(app: ResolvedApp, config: PaddockConfig) {
  const name = `${config.cluster.name}-${config.fleets[0]?.name}`;
  const queue = app.queues.find((candidate) => candidate.name === name);
  if (!queue) throw new Error(`The templates make no queue ${name}.`);
  return queue;
}

function tableOf(app: ResolvedApp): string {
  const [table] = app.tables;
  if (!table) throw new Error('The templates make no table.');
  return table.name;
}

function functionNamed(app: ResolvedApp, part: string): string {
  const found = app.functions.find(({ logicalId }) => logicalId.startsWith(part));
  if (!found) throw new Error(`The templates have no function ${part}.`);
  return found.name;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} (${describe(error.cause)})`;
}
