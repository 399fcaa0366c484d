import { accessSync, constants, readFileSync } from 'node:fs';
import { ApiException, KubeConfig, VersionApi } from '@kubernetes/client-node';
import type { Cluster } from './cluster.ts';
import { isAtLeast, OLDEST_KUBERNETES_VERSION } from './versions.ts';

/** How long an existing cluster may take to answer, milliseconds. */
const PATIENCE_MS = 10_000;

/**
 * The cluster of the current context of a kubeconfig file. Nothing is started there and nothing stopped.
 * Throws an error that says what to do: no such file, not a kubeconfig, no answer, not allowed, older than 1.33.
 */
export async function useCluster(kubeconfigFile: string): Promise<Cluster> {
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
  return {
    kubeconfigPath: kubeconfigFile,
    server: cluster.server,
    caData: cluster.caData ?? (cluster.caFile ? readFileSync(cluster.caFile).toString('base64') : ''),
    restartApiserver: () =>
      Promise.reject(new Error(`${cluster.server} was not started by Paddock, so it does not restart it.`)),
    stop: () => Promise.resolve(),
  };
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
  const timeout = setTimeout(
    () => timer.reject(new Error(`no answer within ${PATIENCE_MS / 1000} s`)),
    PATIENCE_MS,
  );
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
    clearTimeout(timeout);
  }
}
