import { setTimeout as delay } from 'node:timers/promises';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { LABEL, NAMESPACE } from '../../core/protocol/names.ts';
import type { ServerEvent } from '../model-server/types.ts';
import type { LocalSystem } from '../system/system.ts';
import type { ChaosRecorder } from './recorder.ts';

/** How often a fault looks for its victim again. */
const LOOK_AGAIN_MS = 200;

export interface PodView {
  name: string;
  node: string;
  isReady: boolean;
}

/** The running system as the faults see it: who is serving what at the moment. */
export class Target {
  readonly system: LocalSystem;
  readonly core: CoreV1Api;
  /** Requests that each pod's model server is working on. */
  readonly #serving = new Map<string, Set<string>>();
  /** The pod that began with a request last. */
  readonly #servedBy = new Map<string, string>();
  readonly #recorder: ChaosRecorder;
  readonly #unlisten: () => void;

  constructor(system: LocalSystem, recorder: ChaosRecorder) {
    this.system = system;
    this.#recorder = recorder;
    const config = new KubeConfig();
    config.loadFromFile(system.cluster.kubeconfigPath);
    this.core = config.makeApiClient(CoreV1Api);
    this.#unlisten = system.models.onEvent((event) => this.#onServer(event));
  }

  stop(): void {
    this.#unlisten();
  }

  /** Pods in mid-request, in the order of their names. */
  get busy(): string[] {
    return [...this.#serving]
      .filter(([, requests]) => requests.size > 0)
      .map(([pod]) => pod)
      .sort();
  }

  isBusy(pod: string): boolean {
    return (this.#serving.get(pod)?.size ?? 0) > 0;
  }

  /** The pod that worked on a request last. */
  servedBy(requestId: string): string | undefined {
    return this.#servedBy.get(requestId);
  }

  /** The request of a delivery. */
  requestOf(receipt: string): string | undefined {
    return this.#recorder.requestOf(receipt);
  }

  /** Rejects while the API server is away. */
  async pods(): Promise<PodView[]> {
    const labelSelector = `${LABEL.fleet}=${this.system.policy.fleet}`;
    const { items } = await this.core.listNamespacedPod({ namespace: NAMESPACE, labelSelector });
    return items
      .filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
      .map(({ metadata, spec, status }) => ({
        name: metadata?.name ?? '',
        node: spec?.nodeName ?? '',
        isReady:
          status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
      }));
  }

  #onServer({ kind, pod, requestId }: ServerEvent): void {
    if (requestId === '' || kind === 'cold') return;
    const serving = this.#serving.get(pod) ?? new Set();
    this.#serving.set(pod, serving);
    if (kind === 'started') {
      serving.add(requestId);
      this.#servedBy.set(requestId, pod);
    } else serving.delete(requestId);
  }
}

/** One of several, by a number from 0 to 1 (exclusive); undefined of none. */
export const pick = <T>(items: readonly T[], draw: number): T | undefined =>
  items[Math.floor(draw * items.length)];

/** Tries until it has happened (true) or the signal fires (false); an attempt that throws is one that did not. */
export async function untilHappened(
  attempt: () => boolean | Promise<boolean>,
  signal: AbortSignal,
): Promise<boolean> {
  while (!signal.aborted) {
    if (
      await Promise.resolve()
        .then(attempt)
        .catch(() => false)
    )
      return true;
    await delay(LOOK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
  return false;
}
