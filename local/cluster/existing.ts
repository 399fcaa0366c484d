import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiException, AuthorizationV1Api, KubeConfig, VersionApi } from '@kubernetes/client-node';
import { NAMESPACE } from '../../core/protocol/names.ts';
import type { Supervisor } from '../processes.ts';
import type { Progress } from '../progress.ts';
import { ensureKwok } from './binaries.ts';
import { Claim } from './claim.ts';
import {
  cleanUp,
  LOCAL_NODE,
  LOCAL_NODE_SELECTOR,
  refuseForeignNodes,
  refuseForeignObjects,
} from './clean-up.ts';
import type { Cluster } from './cluster.ts';
import { kwokFlags } from './flags.ts';
import { kwokConfig } from './stages.ts';
import { startTokenProxy } from './token-proxy.ts';
import { isAtLeast, OLDEST_KUBERNETES_VERSION } from './versions.ts';

/** How long an existing cluster may take to answer, milliseconds. */
const PATIENCE_MS = 10_000;
const PATIENCE_STEPS = 20;
/** The proxy speaks plain HTTP, and EKS's clients insist on a certificate all the same. */
const NO_CA = Buffer.from('plain HTTP on loopback has no certificate authority').toString('base64');

export interface UseClusterOptions {
  kubeconfig: string;
  cacheDir: string;
  /** KWOK's configuration and log. Hold its instance lock. */
  stateDir: string;
  /** Answers TokenReviews. */
  authenticatorUrl: string;
  progress: Progress;
  supervisor: Supervisor;
}

/**
 * The cluster of the current context of a kubeconfig file, made to look like EKS's: a proxy on loopback takes EKS tokens,
 * KWOK plays the marked nodes. What an earlier run left there is removed first; `stop` removes what this one made.
 * Throws an error that says what to do: what `findCluster` throws; the user may not act as others; another Paddock is there.
 */
export async function useCluster(options: UseClusterOptions): Promise<Cluster> {
  const { kubeconfig, authenticatorUrl, progress } = options;
  const config = await findCluster(kubeconfig);
  await requireRights(config, kubeconfig);
  const kwok = await ensureKwok(options);
  const server = config.getCurrentCluster()?.server ?? '';
  return progress.step(`Preparing ${server}`, async () => {
    const claim = new Claim(config, options.stateDir);
    const release = async (): Promise<void> => {
      try {
        await claim.check();
        await cleanUp(config, claim.applied);
      } catch (error) {
        await claim.end({ forget: false });
        throw new Error(
          `Not all that this run made in ${server} could be removed. The next run with --kubeconfig ${kubeconfig} tries again.`,
          { cause: error },
        );
      }
      await claim.end({ forget: true });
    };
    await refuseForeignNodes(config);
    await claim.take();
    try {
      await cleanUp(config, claim.applied);
      await claim.note([]);
      const nodes = await startKwok(kwok, options);
      const proxy = await startTokenProxy({ config, authenticatorUrl });
      return {
        kubeconfigPath: kubeconfig,
        server: proxy.url,
        caData: NO_CA,
        auditLog: undefined,
        nodeLabels: LOCAL_NODE,
        claim: async (objects) => {
          await refuseForeignObjects(config, objects);
          await claim.note(objects);
        },
        restartApiserver: () =>
          Promise.reject(new Error(`${server} was not started by Paddock, so it does not restart it.`)),
        changeVersion: () =>
          Promise.reject(
            new Error(`${server} was not started by Paddock: bring it to another version yourself.`),
          ),
        stop: async () => {
          await proxy.stop();
          await progress
            .step(`Removing what this run made in ${server}`, release)
            .finally(() => nodes.stop());
        },
      };
    } catch (error) {
      await claim.end({ forget: claim.applied.length === 0 });
      throw error;
    }
  });
}

function startKwok(program: string, { stateDir, kubeconfig, supervisor }: UseClusterOptions) {
  const dir = join(stateDir, 'cluster');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const configFile = join(dir, 'kwok.yaml');
  writeFileSync(configFile, kwokConfig(NAMESPACE));
  const flags = kwokFlags({ kubeconfig, configFile, nodeSelector: LOCAL_NODE_SELECTOR });
  return supervisor.start('kwok', program, flags, { logFile: join(stateDir, 'logs', 'kwok.log') });
}

/** Only what a run can't do without and would find out late. */
const RIGHTS = [
  { verb: 'impersonate', resource: 'users' },
  { verb: 'impersonate', resource: 'groups' },
  { verb: 'create', resource: 'nodes' },
  { verb: 'deletecollection', resource: 'nodes' },
  { verb: 'create', resource: 'namespaces' },
  { verb: 'delete', resource: 'namespaces' },
];

async function requireRights(config: KubeConfig, file: string): Promise<void> {
  if (config.getCurrentUser()?.impersonateUser !== undefined) {
    throw new Error(
      `The user of ${file} impersonates another one already (as:). Paddock impersonates its functions' users: name a user without it.`,
    );
  }
  const api = config.makeApiClient(AuthorizationV1Api);
  const reviews = await Promise.all(
    RIGHTS.map(async (resourceAttributes) => {
      const { status } = await api.createSelfSubjectAccessReview({ body: { spec: { resourceAttributes } } });
      return { ...resourceAttributes, allowed: status?.allowed === true };
    }),
  );
  const denied = reviews.filter(({ allowed }) => !allowed).map(({ verb, resource }) => `${verb} ${resource}`);
  if (denied.length > 0) {
    throw new Error(
      `The user of ${file} may not ${denied.join(', ')} in ${config.getCurrentCluster()?.server}. ` +
        'Paddock adds nodes there and acts as the users of its functions: use a kubeconfig of an administrator (cluster-admin).',
    );
  }
}

/** The kubeconfig of a cluster that answers and is new enough. Throws: no such file, no kubeconfig, no answer, too old. */
export async function findCluster(kubeconfigFile: string): Promise<KubeConfig> {
  const config = load(kubeconfigFile);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(
      `The current context of ${kubeconfigFile} names no cluster: choose one with kubectl config use-context NAME.`,
    );
  }
  const version = await askVersion(config, cluster.server, kubeconfigFile);
  if (!isAtLeast(version, OLDEST_KUBERNETES_VERSION)) {
    throw new Error(
      `${cluster.server} runs Kubernetes ${version}; Paddock needs ${OLDEST_KUBERNETES_VERSION} or newer. ` +
        'Upgrade it, or leave --kubeconfig out to run a cluster locally.',
    );
  }
  return config;
}

function load(kubeconfigFile: string): KubeConfig {
  try {
    accessSync(kubeconfigFile, constants.R_OK);
  } catch {
    throw new Error(`${kubeconfigFile} can't be read: --kubeconfig needs the path of a kubeconfig file.`);
  }
  const config = new KubeConfig();
  try {
    config.loadFromFile(kubeconfigFile);
  } catch (error) {
    throw new Error(`${kubeconfigFile} is not a kubeconfig file: ${String(error)}`, { cause: error });
  }
  return config;
}

async function askVersion(config: KubeConfig, server: string, file: string): Promise<string> {
  const timer = Promise.withResolvers<never>();
  // Counted in steps: while this process is busy with something else, no answer can be read and no time should pass.
  let steps = PATIENCE_STEPS;
  const timeout = setInterval(() => {
    steps -= 1;
    if (steps === 0) timer.reject(new Error(`no answer within ${PATIENCE_MS / 1000} s`));
  }, PATIENCE_MS / PATIENCE_STEPS);
  try {
    const asked = config.makeApiClient(VersionApi).getCode();
    return (await Promise.race([asked, timer.promise])).gitVersion;
  } catch (error) {
    if (error instanceof ApiException && (error.code === 401 || error.code === 403)) {
      throw new Error(
        `${server} refuses the user of ${file} (HTTP ${error.code}): renew its credentials, and check with kubectl version.`,
        { cause: error },
      );
    }
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `The cluster of ${file} does not answer at ${server} (${why}). Start it, or choose another context; ` +
        'kubectl version shows whether it can be reached.',
      { cause: error },
    );
  } finally {
    clearInterval(timeout);
  }
}
