import {
  AppsV1Api,
  CoordinationV1Api,
  CoreV1Api,
  KubeConfig,
  PolicyV1Api,
  type User,
} from '@kubernetes/client-node';
import type { EksCluster } from '../aws/eks-cluster.ts';
import { makeApi } from './client.ts';

/** The parts of the Kubernetes API that the functions call. */
export interface KubernetesApis {
  server: string;
  core: CoreV1Api;
  apps: AppsV1Api;
  coordination: CoordinationV1Api;
  policy: PolicyV1Api;
}

/** How a function reaches the Kubernetes API. */
export interface KubernetesAccess {
  apis(): Promise<KubernetesApis>;
  /** The server did not answer, or did not accept the token: find both anew at the next call. */
  forget(): void;
}

function makeApis(config: KubeConfig, timeoutMs: number): KubernetesApis {
  return {
    server: config.getCurrentCluster()?.server ?? '',
    core: makeApi(config, CoreV1Api, timeoutMs),
    apps: makeApi(config, AppsV1Api, timeoutMs),
    coordination: makeApi(config, CoordinationV1Api, timeoutMs),
    policy: makeApi(config, PolicyV1Api, timeoutMs),
  };
}

/** Access to an EKS cluster: endpoint from DescribeCluster, token signed in process. */
export class EksAccess implements KubernetesAccess {
  readonly #cluster: EksCluster;
  readonly #timeoutMs: number;
  #apis: Promise<KubernetesApis> | undefined;

  /** @param timeoutMs of one request, answer included */
  constructor(cluster: EksCluster, timeoutMs = 3000) {
    this.#cluster = cluster;
    this.#timeoutMs = timeoutMs;
  }

  apis(): Promise<KubernetesApis> {
    this.#apis ??= this.#connect().catch((error: unknown) => {
      this.#apis = undefined;
      throw error;
    });
    return this.#apis;
  }

  forget(): void {
    this.#apis = undefined;
    this.#cluster.forget();
  }

  async #connect(): Promise<KubernetesApis> {
    const { server, caData } = await this.#cluster.endpoint();
    const config = new KubeConfig();
    config.addAuthenticator(bearer(this.#cluster));
    config.loadFromClusterAndUser(
      // client-node takes plain http only when told not to verify what isn't there.
      { name: 'eks', server, caData, skipTLSVerify: server.startsWith('http:') },
      { name: 'function', authProvider: { name: AUTH_PROVIDER } },
    );
    return makeApis(config, this.#timeoutMs);
  }
}

const AUTH_PROVIDER = 'paddock-eks-token';

/** Asks for the token with each request: it is renewed while the connection stays. */
const bearer = (cluster: EksCluster): Parameters<KubeConfig['addAuthenticator']>[0] => ({
  isAuthProvider: (user: User) => user.authProvider?.name === AUTH_PROVIDER,
  applyAuthentication: async (_user, options) => {
    options.headers = { ...options.headers, Authorization: `Bearer ${await cluster.token()}` };
  },
});
