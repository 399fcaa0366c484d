import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { V1Node, V1Pod } from '@kubernetes/client-node';
import { Addresses } from './addresses.ts';
import { KubeletApi } from './api.ts';
import { DISKS, LocalPod } from './pod.ts';
import type { PodEvent, PodRunnerOptions } from './types.ts';

export interface PodRunner {
  /** Pods that run or end at the moment. */
  readonly count: number;
  /** Kills the pod's worker as an out-of-memory kill would; it is started again. False: there is no such pod. */
  crash(pod: string): boolean;
  /** From now on no model fits on the disks of pods that start on this node. */
  leaveNoRoom(node: string): void;
  /** Kills every pod of the node at once, as if its power were cut. */
  loseNode(node: string): void;
  /** Ends every pod at once and watches no more. */
  stop(): Promise<void>;
}

/**
 * The kubelets' stand-in for a fleet's pods, which KWOK leaves alone: on binding it runs the pod's model server and its
 * worker as local processes at the pod's own loopback address, probes it, and reports its status.
 */
export async function startPodRunner(options: PodRunnerOptions): Promise<PodRunner> {
  const addresses = await Addresses.claim();
  const runner = new Runner(options, addresses);
  try {
    await runner.start();
  } catch (error) {
    await runner.stop();
    throw error;
  }
  return runner;
}

class Runner implements PodRunner {
  readonly #options: PodRunnerOptions;
  readonly #api: KubeletApi;
  readonly #addresses: Addresses;
  /** By pod UID. */
  readonly #pods = new Map<string, LocalPod>();
  /** The ends of pods, by name: one of the same name waits for them. */
  readonly #ends = new Map<string, Promise<void>>();
  /** UIDs of pods whose node is lost while their object is still there: no kubelet will ever start them again. */
  readonly #lost = new Set<string>();
  readonly #withoutRoom = new Set<string>();
  #stopped = false;

  constructor(options: PodRunnerOptions, addresses: Addresses) {
    this.#options = options;
    this.#api = new KubeletApi(options.kubeconfigPath);
    this.#addresses = addresses;
  }

  get count(): number {
    return this.#pods.size;
  }

  async start(): Promise<void> {
    // Of an earlier run.
    await rm(join(this.#options.stateDir, DISKS), { recursive: true, force: true });
    const onTrouble = (error: Error) =>
      this.#emit({ kind: 'trouble', pod: '', at: Date.now(), reason: `the watch ended: ${error.message}` });
    await this.#api.watchPods({
      onSet: (pod) => this.#set(pod),
      onGone: (pod) => this.#gone(pod, 'the pod was removed'),
      onTrouble,
    });
    await this.#api.watchNodes({
      onSet: () => {},
      onGone: (node: V1Node) => this.loseNode(node.metadata?.name ?? ''),
      onTrouble,
    });
  }

  crash(name: string): boolean {
    return this.#byName(name)?.crash() ?? false;
  }

  leaveNoRoom(node: string): void {
    this.#withoutRoom.add(node);
  }

  loseNode(node: string): void {
    for (const pod of [...this.#pods.values()]) {
      if (pod.nodeName !== node) continue;
      this.#lost.add(pod.ref.uid);
      this.#end(pod, () => pod.kill(`the node ${node} is gone`));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#api.stop();
    await Promise.all([...this.#pods.values()].map((pod) => pod.kill('the runner stops')));
    this.#pods.clear();
    await this.#addresses.release();
  }

  #byName(name: string): LocalPod | undefined {
    return [...this.#pods.values()].find((pod) => pod.ref.name === name);
  }

  #set(pod: V1Pod): void {
    const { name = '', namespace = '', uid = '', deletionTimestamp } = pod.metadata ?? {};
    if (this.#stopped || !pod.spec?.nodeName || this.#lost.has(uid)) return;
    const known = this.#pods.get(uid);
    if (known) {
      known.update(pod);
      if (deletionTimestamp) this.#end(known, () => known.terminate());
      return;
    }
    // One that was ending when the runner began, or whose node is lost: the object is all there is.
    if (deletionTimestamp || pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') {
      if (!this.#ends.has(name)) void this.#api.remove({ name, namespace, uid }).catch(() => {});
      return;
    }
    const isFull = this.#withoutRoom.has(pod.spec.nodeName);
    const options = isFull ? withoutRoom(this.#options) : this.#options;
    const local = new LocalPod(pod, { name, namespace, uid }, this.#api, this.#addresses, options);
    this.#pods.set(uid, local);
    void local.start(this.#ends.get(name));
  }

  #gone(pod: V1Pod, reason: string): void {
    this.#lost.delete(pod.metadata?.uid ?? '');
    const local = this.#pods.get(pod.metadata?.uid ?? '');
    if (local) this.#end(local, () => local.kill(reason));
  }

  #end(pod: LocalPod, how: () => Promise<void>): void {
    const { name, uid } = pod.ref;
    const end = how().finally(() => {
      if (this.#pods.get(uid) === pod) this.#pods.delete(uid);
      if (this.#ends.get(name) === end) this.#ends.delete(name);
    });
    this.#ends.set(name, end);
  }

  #emit(event: PodEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** As on a disk that something else has filled. */
const withoutRoom = (options: PodRunnerOptions): PodRunnerOptions => ({
  ...options,
  emptyDisks: true,
  env: (pod) => ({ ...options.env(pod), PADDOCK_MODELS_LIMIT_BYTES: '1000' }),
});
