import { mkdirSync } from 'node:fs';
import type { V1Node, V1Pod } from '@kubernetes/client-node';
import { LABEL } from '../../core/protocol/names.ts';
import type { PaddockConfig } from '../../infra/config/index.ts';
import { APP_ROUTER } from '../../workloads/names.ts';
import { Addresses } from '../pods/addresses.ts';
import { KubeletApi, type PodRef } from '../pods/api.ts';
import type { Supervisor } from '../processes.ts';
import { findNginx } from './binary.ts';
import { RouterPod } from './pod.ts';
import { ReadyPodWatch } from './ready-pods.ts';

export interface RouterRunnerOptions {
  /** Of an administrator. */
  kubeconfigPath: string;
  config: Pick<PaddockConfig, 'fleets' | 'router'>;
  supervisor: Supervisor;
  /** Configurations and logs. */
  stateDir: string;
  onTrouble: (reason: string) => void;
  /** Path of Nginx; default: the one that is installed. `null`: as if there were none. */
  nginx?: string | null;
}

export interface RouterRunner {
  /** Whether this machine has an Nginx; without one the router's pods wait for it, and the rest goes on. */
  readonly isInstalled: boolean;
  /** Base URLs of the ready router pods. */
  readonly urls: readonly string[];
  stop(): Promise<void>;
}

/** Several replicas change at once: one reload for all. Milliseconds. */
const SETTLE_MS = 50;

/** The kubelets' stand-in for the router's pods: runs a real Nginx for each, and reloads it when the ready replicas change. */
export async function startRouterRunner(options: RouterRunnerOptions): Promise<RouterRunner> {
  const runner = new Runner(options, await Addresses.claim());
  try {
    await runner.start();
  } catch (error) {
    await runner.stop();
    throw error;
  }
  return runner;
}

class Runner implements RouterRunner {
  readonly #options: RouterRunnerOptions;
  readonly #addresses: Addresses;
  readonly #api: KubeletApi;
  readonly #nginx: string | undefined;
  /** By pod UID. */
  readonly #pods = new Map<string, { pod: RouterPod; node: string }>();
  readonly #readyPods = new ReadyPodWatch(() => this.#changed());
  #settling: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: RouterRunnerOptions, addresses: Addresses) {
    this.#options = options;
    this.#addresses = addresses;
    this.#api = new KubeletApi(options.kubeconfigPath);
    this.#nginx = options.nginx === null ? undefined : (options.nginx ?? findNginx());
  }

  get isInstalled(): boolean {
    return this.#nginx !== undefined;
  }

  get urls(): string[] {
    return [...this.#pods.values()].filter(({ pod }) => pod.isReady).map(({ pod }) => pod.url);
  }

  async start(): Promise<void> {
    mkdirSync(this.#options.stateDir, { recursive: true, mode: 0o700 });
    const onTrouble = (error: Error) => this.#options.onTrouble(`the router's watch ended: ${error.message}`);
    await this.#readyPods.start(this.#api, onTrouble);
    await this.#api.watchPods(
      { onSet: (pod) => this.#set(pod), onGone: (pod) => this.#gone(pod.metadata?.uid ?? ''), onTrouble },
      `${LABEL.app}=${APP_ROUTER}`,
    );
    await this.#api.watchNodes({ onSet: () => {}, onGone: (node) => this.#lose(node), onTrouble });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#settling);
    await this.#api.stop();
    await Promise.all([...this.#pods.values()].map(({ pod }) => pod.stop({ remove: false })));
    this.#pods.clear();
    await this.#addresses.release();
  }

  #set(object: V1Pod): void {
    const { name = '', namespace = '', uid = '', deletionTimestamp } = object.metadata ?? {};
    const node = object.spec?.nodeName;
    if (this.#stopped || node === undefined) return;
    const known = this.#pods.get(uid);
    if (deletionTimestamp && known) this.#end(uid, true);
    else if (deletionTimestamp) void this.#api.remove({ name, namespace, uid }).catch(() => {});
    else if (known) known.pod.update(object);
    else this.#begin(object, { name, namespace, uid }, node);
  }

  #begin(object: V1Pod, ref: PodRef, node: string): void {
    const pod = new RouterPod(object, ref, this.#addresses.take(), {
      ...this.#options,
      api: this.#api,
      nginx: this.#nginx,
      readyPods: () => this.#readyPods.addresses,
    });
    this.#pods.set(ref.uid, { pod, node });
    pod.start().catch((error: Error) => this.#options.onTrouble(`${ref.name}: ${error.message}`));
  }

  #gone(uid: string): void {
    this.#end(uid, false);
  }

  #lose(node: V1Node): void {
    for (const [uid, { node: its }] of this.#pods) if (its === node.metadata?.name) this.#end(uid, false);
  }

  #end(uid: string, remove: boolean): void {
    const known = this.#pods.get(uid);
    if (!known) return;
    this.#pods.delete(uid);
    known.pod
      .stop({ remove })
      .catch((error: Error) => this.#options.onTrouble(`${known.pod.ref.name}: ${error.message}`))
      .finally(() => this.#addresses.giveBack(known.pod.podIP));
  }

  #changed(): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      for (const { pod } of this.#pods.values()) pod.reload();
    }, SETTLE_MS);
  }
}
