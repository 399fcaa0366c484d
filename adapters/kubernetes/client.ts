import {
  type Configuration,
  createConfiguration,
  KubeConfig,
  PatchStrategy,
  type RequestContext,
  type ResponseContext,
  ServerConfiguration,
  setHeaderOptions,
} from '@kubernetes/client-node';

/** How a process reaches the apiserver: `KUBECONFIG` when it is set, the pod's service account otherwise. */
export function kubeConfigFromEnv(env: NodeJS.ProcessEnv = process.env): KubeConfig {
  const config = new KubeConfig();
  if (env.KUBECONFIG) {
    config.loadFromFile(env.KUBECONFIG);
    return config;
  }
  if (!env.KUBERNETES_SERVICE_HOST) {
    throw new Error('No way to the Kubernetes API: set KUBECONFIG, or run in a pod with a service account');
  }
  config.loadFromCluster();
  return config;
}

/**
 * An API client that keeps its connection (the library's own opens a new TLS connection for every request) and
 * gives up on a request in time.
 * @param timeoutMs of one request, answer included; at least 1, default 10 000
 */
export function makeApi<T>(
  config: KubeConfig,
  api: new (configuration: Configuration) => T,
  timeoutMs = 10_000,
): T {
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error('The kubeconfig names no current cluster: set its current-context');
  let connection: ReturnType<RequestContext['getDispatcher']>;
  const middleware = {
    async pre(context: RequestContext): Promise<RequestContext> {
      connection ??= context.getDispatcher();
      if (connection) context.setDispatcher(connection);
      context.setSignal(AbortSignal.timeout(timeoutMs));
      return context;
    },
    async post(context: ResponseContext): Promise<ResponseContext> {
      return context;
    },
  };
  return new api(
    createConfiguration({
      baseServer: new ServerConfiguration(cluster.server, {}),
      authMethods: { default: config },
      promiseMiddleware: [middleware],
    }),
  );
}

/** PATCH defaults to JSON patch in the library: each call states its kind. */
export const mergePatch = () => setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
export const strategicMergePatch = () => setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch);
