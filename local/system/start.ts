import { join } from 'node:path';
import type { CloudAssembly } from 'aws-cdk-lib/cx-api';
import { buildApp } from '../../infra/app.ts';
import { endBundling } from '../../infra/bundling.ts';
import { fleetPolicy, type PaddockConfig } from '../../infra/config/index.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { useCluster } from '../cluster/existing.ts';
import { startCluster } from '../cluster/start.ts';
import { realClock } from '../emulators/clock.ts';
import { createEmulators, type EmulatorsOptions } from '../emulators/index.ts';
import { KubernetesNodes } from '../emulators/nodes.ts';
import { startFaults } from '../faults/start.ts';
import { type Front, startFront } from '../front/front.ts';
import { listenHttpApi } from '../http-api/server.ts';
import { LambdaEmulator } from '../lambda/emulator.ts';
import { ModelServers } from '../model-server/model-servers.ts';
import type { PodModelServers } from '../model-server/types.ts';
import type { OllamaInstall } from '../ollama/install.ts';
import { OllamaServers } from '../ollama/servers.ts';
import { startPodRunner } from '../pods/runner.ts';
import type { Supervisor } from '../processes.ts';
import type { Progress } from '../progress.ts';
import { startRegistryStandIn } from '../registry/stand-in.ts';
import { INSTALL_NGINX } from '../router/binary.ts';
import { startRouterRunner } from '../router/runner.ts';
import { StepFunctionsEmulator } from '../step-functions/emulator.ts';
import { Engine } from '../step-functions/engine.ts';
import { loadTemplates, type ResolvedApp } from '../template/load.ts';
import { provisionStorage, QueueClient, RoleClients } from './aws-clients.ts';
import { FleetWatch } from './fleet-watch.ts';
import {
  addPrincipals,
  bucketOf,
  createLambda,
  fleetName,
  functionNamed,
  machineNamed,
  type PrincipalOf,
  podEnvironment,
  queueOf,
  workerBundle,
} from './from-template.ts';
import { startLocalGateway } from './gateway.ts';
import { applyManifests } from './kubernetes.ts';
import { deliverTo, provisionCluster, provisionTriggers, type Triggers } from './provision.ts';
import { type LocalSystem, localSystem } from './system.ts';

const ACCOUNT = '111122223333';
const TROUBLES_KEPT = 50;
/** Of what takes EKS minutes; a person who watches waits seconds. */
const EKS_TIMINGS = {
  clusterUpdateSeconds: 5,
  addonUpdateSeconds: 2,
  insightsSeconds: 0,
  nodeSettleSeconds: 1,
};
/** Of the weights of a model that is fetched here. */
const INVENTED_BYTES = 4_000_000;

export interface SystemOptions {
  /** One fleet. */
  config: PaddockConfig;
  stateDir: string;
  cacheDir: string;
  kubeconfig?: string;
  triggers: Triggers;
  bootSeconds: number;
  loadSeconds: number;
  /** Undefined: the synthetic one. */
  ollama?: OllamaInstall;
  /** Fixed service time; undefined: from tokens. */
  serviceSeconds?: number;
  counterLagSeconds: number;
  /** New pods fetch their models, as in the cluster; else they find them on their disks. Not with `ollama`. */
  emptyDisks?: boolean;
  /** Of the kubelets: pause after a worker's second crash, which doubles with each further one. Default 10, theirs. */
  crashBackoffSeconds?: number;
  /** How late AWS is, where that is not to be as it is there. */
  awsDelays?: Pick<EmulatorsOptions, 'launchRetrySeconds' | 'syncSeconds'>;
  /** Keep what `recordedCalls` reads. Not with `kubeconfig`: only a cluster of our own keeps an audit log. */
  recordCalls?: boolean;
  supervisor: Supervisor;
  progress: Progress;
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
  const { config, progress } = options;
  const { region } = config;
  const troubles: string[] = [];
  const onError = (error: unknown): void => {
    troubles.push(`${new Date().toISOString()} ${describe(error)}`);
    troubles.splice(0, troubles.length - TROUBLES_KEPT);
  };

  const front = await startFront({ accountId: ACCOUNT, region, clusterName: config.cluster.name });
  undo.add(() => front.stop());
  front.setCounterLag(options.counterLagSeconds);
  const [cluster, assembly] = await Promise.all([
    bringUpCluster(options, front, undo),
    progress.step('Synthesizing the CloudFormation templates', () => synthesize(options)),
  ]);
  // The templates name its URL, in the router's configuration.
  const door = await listenHttpApi();
  undo.add(() => door.stop());
  const app = loadTemplates({
    assembly,
    accountId: ACCOUNT,
    region,
    frontUrl: front.url,
    clusterEndpoint: cluster.server,
    clusterCa: cluster.caData,
    httpApiUrl: door.url,
  });

  return progress.step('Booting the control plane from the templates', async () => {
    const base: Base = {
      options,
      undo,
      onError,
      front,
      cluster,
      app,
      principalOf: addPrincipals(app, front),
      ...(config.gateway.enabled && { gatewayUrl: door.url }),
    };
    const services = await bootServices(base);
    await cluster.claim(app.manifests);
    await applyManifests(cluster.kubeconfigPath, app.manifests);
    const fleet = await bootFleet(base, workerBundle(assembly.directory));
    services.power.off = (node) => fleet.pods.loseNode(node);
    const client = new QueueClient(front, front.admin, queueOf(app, config).url, bucketOf(app, 'Results'));
    undo.add(() => client.close());

    // Ended first when the system stops: nothing is started any more while its parts go away.
    undo.add(() => services.lambda.stop());
    undo.add(() => services.engine.stop());
    undo.add(() => services.emulators.dispose());
    for (const part of ['Scaler', 'Warmup']) services.lambda.warm(functionNamed(app, part));
    provisionCluster(app, services.emulators);
    const { lambda, emulators } = services;
    const clusterName = config.cluster.name;
    const gateway = await startLocalGateway({
      ...{ app, clusterName, lambda, secrets: emulators.secretsManager, door },
    });
    await provisionTriggers(app, services.emulators, options.triggers);
    const { alarm, schedule } = options.triggers;
    if (alarm && !schedule) startByHand(app, services.engine, fleetName(config));
    const policy = fleetPolicy(config, fleetName(config));
    const harm = await startFaults({ policy, clusterName, autoscaling: emulators.autoscaling, onError });
    undo.add(() => harm.stopFaults());
    const parts = {
      ...{ config, policy, front, cluster, app, client, gateway, troubles },
      ...{ ...services, ...fleet, ...harm },
    };
    return localSystem(parts, () => undo.run());
  });
}

/**
 * One manual execution. An alarm alone says nothing while the queue is empty, so nobody would bring a new fleet to its
 * minimum: Kubernetes starts a new workload at one replica.
 */
function startByHand(app: ResolvedApp, engine: Engine, fleet: string): void {
  engine.start(machineNamed(app, 'Scale'), 'first', JSON.stringify({ fleet, trigger: 'manual' }));
}

/** What every later step of the start needs. */
interface Base {
  options: SystemOptions;
  undo: Undo;
  onError: (error: unknown) => void;
  front: Front;
  cluster: Cluster;
  app: ResolvedApp;
  principalOf: PrincipalOf;
  /** Undefined when the configuration has no gateway. */
  gatewayUrl?: string;
}

async function synthesize({ config, stateDir }: SystemOptions): Promise<CloudAssembly> {
  try {
    return buildApp(config, { outdir: join(stateDir, 'cdk.out'), monitoring: false }).synth();
  } finally {
    await endBundling();
  }
}

/** Behind the front: storage, the emulated services, the functions, the state machines. */
async function bootServices({ options, undo, onError, front, cluster, app, principalOf }: Base) {
  const { config, stateDir } = options;
  await provisionStorage(app, front, front.admin);
  const roleClients = new RoleClients(front, principalOf);
  undo.add(() => roleClients.close());
  // The pods come later.
  const power = { off: (_node: string): void => {} };
  const emulators = createEmulators({
    clock: realClock,
    accountId: ACCOUNT,
    region: config.region,
    nodes: KubernetesNodes.fromKubeconfig(cluster.kubeconfigPath, cluster.nodeLabels),
    cluster: {
      name: config.cluster.name,
      version: config.cluster.version,
      endpoint: cluster.server,
      certificateAuthorityData: cluster.caData,
    },
    readQueue: async (name) => {
      const counts = front.laggedQueueCounts(name);
      if (!counts) throw new Error(`There is no queue ${name}.`);
      return { ...counts, oldestSeconds: front.oldestSeconds(name) };
    },
    deliver: deliverTo(roleClients),
    changeVersion: (version) => cluster.changeVersion(version),
    bootSeconds: options.bootSeconds,
    ...EKS_TIMINGS,
    ...options.awsDelays,
    seed: 1,
    onPowerOff: (node) => power.off(node),
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
  const engine = new Engine({ endpoint: front.url, region: config.region });
  for (const machine of app.stateMachines) {
    engine.add({ ...machine, credentials: principalOf(machine.roleArn) });
  }
  front.register(new StepFunctionsEmulator(engine));
  return { emulators, lambda, engine, power };
}

/** In the cluster: the pods' model servers, what runs the pods, and who watches them. */
async function bootFleet(base: Base, bundle: string) {
  const { options, undo, onError, front, cluster, app, principalOf, gatewayUrl } = base;
  const { config, stateDir, supervisor, loadSeconds, serviceSeconds } = options;
  const models: PodModelServers = options.ollama
    ? new OllamaServers({
        install: options.ollama,
        supervisor,
        logDir: join(stateDir, 'logs', 'pods'),
        onTrouble: onError,
      })
    : new ModelServers();
  undo.add(() => models.stop());
  const { registry, registryUrl } = await standInRegistry(options);
  undo.add(() => registry.stop());
  const pods = await startPodRunner({
    kubeconfigPath: cluster.kubeconfigPath,
    workerBundlePath: bundle,
    supervisor,
    modelServers: models,
    serving: () => ({ loadSeconds, ...(serviceSeconds === undefined ? {} : { serviceSeconds }) }),
    env: (pod) => ({
      ...podEnvironment(app, front, principalOf, pod.spec?.serviceAccountName ?? ''),
      PADDOCK_REGISTRY_URL: registryUrl,
    }),
    ...(options.crashBackoffSeconds !== undefined && { crashBackoffMs: options.crashBackoffSeconds * 1000 }),
    emptyDisks: options.emptyDisks ?? false,
    stateDir: join(stateDir, 'pods'),
    logDir: join(stateDir, 'logs', 'pods'),
    onEvent: (event) => 'reason' in event && onError(`pod ${event.pod}: ${event.kind}: ${event.reason}`),
  });
  undo.add(() => pods.stop());
  const router = await startRouterRunner({
    kubeconfigPath: cluster.kubeconfigPath,
    config: { ...config, router: { ...config.router, queueUrl: config.router.queueUrl ?? gatewayUrl } },
    supervisor,
    stateDir: join(stateDir, 'router'),
    onTrouble: (reason) => onError(`router ${reason}`),
  });
  undo.add(() => router.stop());
  if (!router.isInstalled)
    options.progress.info(`No router: nginx is not installed (${INSTALL_NGINX}). Everything else runs.`);
  const watch = new FleetWatch(cluster.kubeconfigPath, fleetName(config));
  await watch.start();
  undo.add(() => watch.stop());
  return { models, pods, router, watch, registry };
}

/** The public registry's place is taken by one on this machine: of the real model, and else of models that nobody made. */
async function standInRegistry({ config, ollama }: SystemOptions) {
  const registry = await startRegistryStandIn(
    ollama ? { store: ollama.store } : { inventBytes: INVENTED_BYTES },
  );
  return { registry, registryUrl: config.models.registry ? registry.url : '' };
}

async function bringUpCluster(options: SystemOptions, front: Front, undo: Undo): Promise<Cluster> {
  const { cacheDir, stateDir, kubeconfig, progress, supervisor } = options;
  const authenticatorUrl = `${front.url}/kubernetes/authenticate`;
  const common = { cacheDir, stateDir, authenticatorUrl, progress, supervisor };
  const audit = options.recordCalls ?? false;
  const cluster = await (kubeconfig === undefined
    ? startCluster({ ...common, kubernetesVersion: options.config.cluster.version, audit })
    : useCluster({ ...common, kubeconfig }));
  undo.add(() => cluster.stop());
  return cluster;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} (${describe(error.cause)})`;
}
