import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { App, type AppProps, Tags } from 'aws-cdk-lib';
import { type ConfigInput, defineConfig, isDefined, type PaddockConfig } from './config/index.ts';
import { acceptSingletons } from './constructs/cdk-functions.ts';
import { CLUSTER_TAG } from './constructs/cluster-tag.ts';
import { acceptFindings } from './constructs/findings.ts';
import { repositoryPath } from './paths.ts';
import { ClusterStack } from './stacks/cluster-stack.ts';
import { ControlPlaneStack } from './stacks/control-plane-stack.ts';
import { MonitoringStack } from './stacks/monitoring-stack.ts';
import { StateStack } from './stacks/state-stack.ts';

export interface BuildOptions {
  /** Where `synth()` writes; default: the CDK CLI's choice, else a temporary folder. */
  readonly outdir?: string;
  /** False leaves the code of functions and worker out: synthesis then takes milliseconds. Default true. */
  readonly bundle?: boolean;
  /** False leaves the monitoring stack out: nothing of it runs locally. Default true. */
  readonly monitoring?: boolean;
  /** True checks the templates against CloudFormation's own rules, which takes seconds. Default false. */
  readonly validate?: boolean;
}

export const STATE_STACK = 'PaddockState';
export const CLUSTER_STACK = 'PaddockCluster';
export const CONTROL_PLANE_STACK = 'PaddockControlPlane';
export const MONITORING_STACK = 'PaddockMonitoring';

/** The whole application as four plain stacks. Call `.synth()` on it. */
export function buildApp(
  config: PaddockConfig,
  { outdir, bundle = true, monitoring = true, validate = false }: BuildOptions = {},
): App {
  const props: AppProps = {
    // In process there is no CDK CLI that hands the flags of cdk.json over.
    context: { ...cdkJsonContext(), ...(bundle ? {} : { 'aws:cdk:bundling-stacks': [] }) },
    analyticsReporting: false,
    builtinCloudFormationValidation: validate,
    ...(outdir !== undefined && { outdir }),
  };
  const app = new App(props);
  Tags.of(app).add(CLUSTER_TAG, config.cluster.name);
  // No account: the templates fit any, and synthesis looks nothing up.
  const env = { region: config.region };
  const state = new StateStack(app, STATE_STACK, {
    env,
    config,
    description: 'Paddock: what deployments read and do not change',
  });
  const clusterStack = new ClusterStack(app, CLUSTER_STACK, {
    env,
    config,
    description: 'Paddock: network, EKS cluster and node groups',
  });
  clusterStack.addStackDependency(state, 'reads its parameters');
  const controlPlane = new ControlPlaneStack(app, CONTROL_PLANE_STACK, {
    env,
    config,
    cluster: clusterStack.cluster,
    bundle,
    description: 'Paddock: queues, functions, state machines and workloads',
  });
  if (monitoring)
    new MonitoringStack(app, MONITORING_STACK, {
      env,
      config,
      clusterStack,
      controlPlane,
      description: 'Paddock: dashboard, alarms, Prometheus and Grafana',
    });
  for (const stack of [state, clusterStack, controlPlane]) {
    acceptSingletons(stack);
    acceptFindings(stack, {
      W3005:
        'The CDK states each dependency between constructs, also where a reference implies it: no harm is done.',
    });
  }
  return app;
}

/**
 * The configuration that `PADDOCK_CONFIG` names (a path to a module, relative to the working directory), else
 * `paddock.config.ts` of the repository.
 *
 * @throws ConfigError when it is not valid, Error when there is no such file, it can't be loaded, or the module has no
 * default export. Each says what to do.
 */
export async function loadConfig(env: NodeJS.ProcessEnv = process.env): Promise<PaddockConfig> {
  const path = env.PADDOCK_CONFIG ? resolve(env.PADDOCK_CONFIG) : repositoryPath('paddock.config.ts');
  if (!existsSync(path))
    throw new Error(
      `There is no configuration ${path}. Copy paddock.config.ts and change it, or name another file.`,
    );
  const module = await importConfig(path);
  if (module.default === undefined || module.default === null)
    throw new Error(`${path} has no default export: end it with "export default defineConfig({ … })".`);
  // One that was not handed to defineConfig lacks every default.
  return isDefined(module.default) ? module.default : defineConfig(module.default as ConfigInput);
}

async function importConfig(path: string): Promise<{ default?: unknown }> {
  try {
    return await import(pathToFileURL(path).href);
  } catch (error) {
    // By its name: the file may import another checkout's.
    if (error instanceof Error && error.name === 'ConfigError') throw error;
    // Before the frames stands where a mistake in the syntax is.
    const [what] = (error instanceof Error && error.stack ? error.stack : String(error)).split(/\n\s+at /);
    throw new Error(`The configuration ${path} can't be loaded:\n${what}`, { cause: error });
  }
}

/** The flags of cdk.json, which the CDK CLI would hand over. */
export function cdkJsonContext(): Record<string, unknown> {
  const { context } = JSON.parse(readFileSync(repositoryPath('cdk.json'), 'utf8')) as {
    context: Record<string, unknown>;
  };
  return context;
}

if (import.meta.main) {
  const config = await loadConfig().catch((error: Error) => {
    // It says what to do; where it was thrown says nothing.
    console.error(error.message);
    process.exit(1);
  });
  const app = buildApp(config, { validate: true });
  const { addAwsSolutions } = await import('./nag.ts');
  addAwsSolutions(app);
  app.synth();
}
