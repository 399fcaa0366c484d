import { join } from 'node:path';
import { buildApp } from '../../infra/app.ts';
import { endBundling } from '../../infra/bundling.ts';
import { fleetPolicy, type PaddockConfig } from '../../infra/config/index.ts';
import { type Cluster, startCluster } from '../cluster/cluster.ts';
import { useCluster } from '../cluster/existing.ts';
import { realClock } from '../emulators/clock.ts';
import { createEmulators } from '../emulators/index.ts';
import { KubernetesNodes } from '../emulators/nodes.ts';
import { type Front, startFront } from '../front/front.ts';
import type { Principal } from '../front/types.ts';
import { LambdaEmulator } from '../lambda/emulator.ts';
import { ModelServers } from '../model-server/model-servers.ts';
import { startPodRunner } from '../pods/runner.ts';
import type { Supervisor } from '../processes.ts';
import type { Progress } from '../progress.ts';
import { StepFunctionsEmulator } from '../step-functions/emulator.ts';
import { Engine } from '../step-functions/engine.ts';
import { loadTemplates } from '../template/load.ts';
import { provisionStorage, QueueClient, RoleClients } from './aws-clients.ts';
import { FleetWatch } from './fleet-watch.ts';
import {
  addPrincipals,
  createLambda,
  functionNamed,
  podEnvironment,
  queueOf,
  workerBundle,
} from './from-template.ts';
import { applyManifests } from './kubernetes.ts';
import { deliverTo, provisionCluster, provisionTriggers, type Triggers } from './provision.ts';
import { LocalSystem } from './system.ts';

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

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} (${describe(error.cause)})`;
}
