import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeletApi, PodRef } from './api.ts';

const TOKEN_SECONDS = 3600;
/** A kubelet renews a token when a fifth of its life is left. */
const RENEW_AT = 0.8;
const RETRY_MS = 5000;

/** The pod's way to the API server: its own bound token, in a kubeconfig because it has no file system of its own. */
export class PodToken {
  readonly kubeconfigPath: string;
  readonly #api: KubeletApi;
  readonly #pod: PodRef;
  readonly #serviceAccount: string;
  readonly #dir: string;
  #timer: NodeJS.Timeout | undefined;

  constructor(api: KubeletApi, pod: PodRef, serviceAccount: string, stateDir: string) {
    this.#api = api;
    this.#pod = pod;
    this.#serviceAccount = serviceAccount;
    this.#dir = join(stateDir, pod.uid);
    this.kubeconfigPath = join(this.#dir, 'kubeconfig');
  }

  /** Gets the first token and keeps it fresh. @throws UnavailableError, RefusedError */
  async mount(): Promise<void> {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    await this.#renew();
    writeFileSync(this.kubeconfigPath, JSON.stringify(this.#kubeconfig()), { mode: 0o600 });
  }

  unmount(): void {
    clearTimeout(this.#timer);
    rmSync(this.#dir, { recursive: true, force: true });
  }

  get #tokenPath(): string {
    return join(this.#dir, 'token');
  }

  async #renew(): Promise<void> {
    const token = await this.#api.token(this.#pod, this.#serviceAccount, TOKEN_SECONDS);
    writeFileSync(`${this.#tokenPath}.new`, token, { mode: 0o600 });
    renameSync(`${this.#tokenPath}.new`, this.#tokenPath);
    this.#schedule(TOKEN_SECONDS * RENEW_AT * 1000);
  }

  #schedule(ms: number): void {
    this.#timer = setTimeout(() => this.#renew().catch(() => this.#schedule(RETRY_MS)), ms).unref();
  }

  #kubeconfig(): object {
    const cluster = this.#api.config.getCurrentCluster();
    const name = 'pod';
    return {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name,
          cluster: {
            server: cluster?.server,
            ...(cluster?.caData && { 'certificate-authority-data': cluster.caData }),
            ...(cluster?.caFile && { 'certificate-authority': cluster.caFile }),
            ...(cluster?.skipTLSVerify && { 'insecure-skip-tls-verify': true }),
          },
        },
      ],
      // The client reads this file again every minute, as it does in a pod.
      users: [
        { name, user: { 'auth-provider': { name: 'tokenFile', config: { tokenFile: this.#tokenPath } } } },
      ],
      contexts: [{ name, context: { cluster: name, user: name, namespace: this.#pod.namespace } }],
      'current-context': name,
    };
  }
}
