import type { V1Pod } from '@kubernetes/client-node';
import { APP_OLLAMA, LABEL, WORKER_PORT } from '../../core/protocol/names.ts';
import type { KubeletApi } from '../pods/api.ts';
import type { ReadyPods } from './site.ts';

/** Follows the fleets' ready pods, as the headless Services' DNS names do in a cluster. */
export class ReadyPodWatch {
  /** By pod UID: its fleet and its address. */
  readonly #ready = new Map<string, { fleet: string; address: string }>();
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  async start(api: KubeletApi, onTrouble: (error: Error) => void): Promise<void> {
    // As the Services select: an upgrade's canary is not among them.
    const selector = `${LABEL.fleet},${LABEL.app}=${APP_OLLAMA}`;
    await api.watchPods(
      {
        onSet: (pod) => this.#set(pod),
        onGone: (pod) => this.#drop(pod.metadata?.uid ?? ''),
        onTrouble,
      },
      selector,
    );
  }

  /** In a stable order, so that the same pods make the same configuration. */
  get addresses(): ReadyPods {
    const fleets: Record<string, string[]> = {};
    for (const { fleet, address } of this.#ready.values()) {
      fleets[fleet] ??= [];
      fleets[fleet].push(address);
    }
    for (const addresses of Object.values(fleets)) addresses.sort();
    return fleets;
  }

  #set({ metadata, status }: V1Pod): void {
    const uid = metadata?.uid ?? '';
    const fleet = metadata?.labels?.[LABEL.fleet];
    const isReady =
      metadata?.deletionTimestamp === undefined &&
      status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    if (!isReady || fleet === undefined || status?.podIP === undefined) this.#drop(uid);
    else if (!this.#ready.has(uid)) {
      this.#ready.set(uid, { fleet, address: `${status.podIP}:${WORKER_PORT}` });
      this.#onChange();
    }
  }

  #drop(uid: string): void {
    if (this.#ready.delete(uid)) this.#onChange();
  }
}
