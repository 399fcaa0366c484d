import {
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  type KubernetesListObject,
  type KubernetesObject,
  makeInformer,
  type V1Deployment,
  type V1Pod,
  type V1StatefulSet,
} from '@kubernetes/client-node';
import { LABEL, NAMESPACE, READINESS_GATE } from '../../core/protocol/names.ts';

export interface PoolCounts {
  desired: number;
  starting: number;
  warm: number;
  draining: number;
}

/** A pod of the fleet that is not being deleted. */
export interface FleetPod {
  name: string;
  uid: string;
  ip?: string;
  /** Missing while it waits for one. */
  node?: string;
  isReady: boolean;
}

type Workload = V1Deployment | V1StatefulSet;

interface Informer {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Watches the fleet's workloads and pods as an operator would with kubectl: what is desired, what is ready. */
export class FleetWatch {
  readonly #workloads = new Map<string, Workload>();
  readonly #pods = new Map<string, V1Pod>();
  readonly #informers: Informer[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #core: CoreV1Api;
  readonly #selection: { namespace: string; labelSelector: string };
  #stopped = false;

  constructor(kubeconfigPath: string, fleet: string) {
    const config = new KubeConfig();
    config.loadFromFile(kubeconfigPath);
    const apps = config.makeApiClient(AppsV1Api);
    const core = config.makeApiClient(CoreV1Api);
    const labelSelector = `${LABEL.fleet}=${fleet}`;
    const request = { namespace: NAMESPACE, labelSelector };
    this.#core = core;
    this.#selection = request;
    const base = `namespaces/${NAMESPACE}`;
    this.#follow(
      config,
      `/apis/apps/v1/${base}/deployments`,
      () => apps.listNamespacedDeployment(request),
      labelSelector,
      this.#workloads,
    );
    this.#follow(
      config,
      `/apis/apps/v1/${base}/statefulsets`,
      () => apps.listNamespacedStatefulSet(request),
      labelSelector,
      this.#workloads,
    );
    this.#follow(
      config,
      `/api/v1/${base}/pods`,
      () => core.listNamespacedPod(request),
      labelSelector,
      this.#pods,
    );
  }

  async start(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.start()));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }

  /** Returns what ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  pools(): Record<string, PoolCounts> {
    const pools: Record<string, PoolCounts> = {};
    for (const workload of this.#workloads.values()) {
      // An upgrade's canary is no replica.
      if (poolOf(workload) === '') continue;
      pools[poolOf(workload)] = { desired: workload.spec?.replicas ?? 0, starting: 0, warm: 0, draining: 0 };
    }
    for (const pod of this.#pods.values()) {
      const counts = pools[poolOf(pod)];
      if (counts) counts[phaseOf(pod)] += 1;
    }
    return pools;
  }

  get desired(): number {
    return Object.values(this.pools()).reduce((sum, pool) => sum + pool.desired, 0);
  }

  get pods(): number {
    return [...this.#pods.values()].filter((pod) => poolOf(pod) !== '').length;
  }

  get livePods(): FleetPod[] {
    return [...this.#pods.values()]
      .filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
      .map((pod) => ({
        name: pod.metadata?.name ?? '',
        uid: pod.metadata?.uid ?? '',
        ...(pod.status?.podIP !== undefined && { ip: pod.status.podIP }),
        ...(pod.spec?.nodeName !== undefined && { node: pod.spec.nodeName }),
        isReady: phaseOf(pod) === 'warm',
      }));
  }

  /** Deletes every pod of the fleet with its grace period. */
  async deletePods(): Promise<void> {
    await this.#core.deleteCollectionNamespacedPod(this.#selection);
  }

  /** Deletes one with its grace period. */
  async deletePod(name: string): Promise<void> {
    await this.#core.deleteNamespacedPod({ namespace: NAMESPACE, name });
  }

  /** Resolves when `condition` holds; asked at each change. Rejects when the signal aborts. */
  until(condition: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (signal.aborted) reject(signal.reason);
        else if (!condition()) return;
        else resolve();
        this.#listeners.delete(check);
      };
      this.#listeners.add(check);
      signal.addEventListener('abort', check, { once: true });
      check();
    });
  }

  #follow<T extends KubernetesObject>(
    config: KubeConfig,
    path: string,
    list: () => Promise<KubernetesListObject<T>>,
    selector: string,
    into: Map<string, T>,
  ): void {
    const informer = makeInformer(config, path, list, selector);
    const changed = (): void => {
      for (const listener of [...this.#listeners]) listener();
    };
    // By the path: what was listed states no kind, what was watched does.
    const keyOf = (object: KubernetesObject): string => `${path}/${object.metadata?.name}`;
    const upsert = (object: T): void => {
      into.set(keyOf(object), object);
      changed();
    };
    informer.on('add', upsert);
    informer.on('update', upsert);
    informer.on('delete', (object: T) => {
      into.delete(keyOf(object));
      changed();
    });
    // The API server went away or its watch timed out: list and watch anew.
    informer.on('error', () => {
      if (!this.#stopped)
        setTimeout(() => this.#stopped || informer.start().catch(() => undefined), 500).unref();
    });
    this.#informers.push(informer);
  }
}

const poolOf = (object: KubernetesObject): string => object.metadata?.labels?.[LABEL.pool] ?? '';

function phaseOf(pod: V1Pod): 'starting' | 'warm' | 'draining' {
  const condition = (type: string): boolean =>
    pod.status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;
  if (pod.metadata?.deletionTimestamp !== undefined) return 'draining';
  if (condition('Ready')) return 'warm';
  return condition(READINESS_GATE) ? 'draining' : 'starting';
}
