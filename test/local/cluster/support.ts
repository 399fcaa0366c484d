import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { defaultCacheDir } from '../../../local/build/artifacts.ts';
import type { Cluster } from '../../../local/cluster/cluster.ts';
import { type StartClusterOptions, startCluster } from '../../../local/cluster/start.ts';
import { DEFAULT_KUBERNETES_VERSION } from '../../../local/cluster/versions.ts';
import { silentProgress } from '../../../local/progress.ts';
import { PATIENCE_SECONDS } from '../../patience.ts';

/** The first start on a machine builds the programs; that takes minutes. */
export const BUILD_TIMEOUT_MS = 40 * 60_000;

export const newStateDir = (): string => mkdtempSync(join(tmpdir(), 'paddock-cluster-'));

export function start(
  stateDir: string,
  authenticatorUrl: string,
  more: Partial<StartClusterOptions> = {},
): Promise<Cluster> {
  return startCluster({
    cacheDir: defaultCacheDir(),
    stateDir,
    kubernetesVersion: DEFAULT_KUBERNETES_VERSION,
    authenticatorUrl,
    progress: silentProgress(),
    ...more,
  });
}

/** Waits until `probe` gives something other than undefined or false. */
export async function until<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
  const end = Date.now() + PATIENCE_SECONDS * 1000;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) {
      return value;
    }
    if (Date.now() > end) {
      throw new Error(`waited ${PATIENCE_SECONDS} s for ${what}`);
    }
    await sleep(100);
  }
}

/** Answers TokenReviews: a token that `users` knows belongs to that user and those groups. */
export class StubAuthenticator {
  readonly users = new Map<string, { username: string; groups: string[] }>();
  readonly #server: Server = createServer(async (request, response) => {
    const review = JSON.parse(Buffer.concat(await request.toArray()).toString()) as {
      apiVersion: string;
      spec: { token: string };
    };
    const user = this.users.get(review.spec.token);
    const status = user === undefined ? { authenticated: false } : { authenticated: true, user };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ apiVersion: review.apiVersion, kind: 'TokenReview', status }));
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

export function adminConfig(cluster: Cluster): KubeConfig {
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfigPath);
  return config;
}

/** A client's configuration as a function builds it: from the cluster's address, its CA and a bearer token. */
export function tokenConfig(cluster: Cluster, token: string): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'local', server: cluster.server, caData: cluster.caData, skipTLSVerify: false },
    { name: `token-${token}`, token },
  );
  return config;
}

/** Ids of the running processes that have `text` in their command line (Linux). */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false;
      }
    })
    .map(Number)
    .filter((pid) => pid !== process.pid);
}
