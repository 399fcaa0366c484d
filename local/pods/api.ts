import {
  CoreV1Api,
  type Informer,
  KubeConfig,
  type KubernetesListObject,
  type KubernetesObject,
  makeInformer,
  type V1Node,
  type V1Pod,
  type V1PodStatus,
} from '@kubernetes/client-node';
import { mapKubernetesError, NotFoundError } from '../../adapters/errors.ts';
import { makeApi, strategicMergePatch } from '../../adapters/kubernetes/client.ts';
import { LABEL } from '../../core/protocol/names.ts';

/** A watch that came to an end for a reason of the server's is begun again after this long. */
const REWATCH_MS = 250;

export interface WatchHandlers<T> {
  onSet: (object: T) => void;
  onGone: (object: T) => void;
  onTrouble: (error: Error) => void;
}

export interface PodRef {
  name: string;
  namespace: string;
  uid: string;
}

/** What a kubelet asks of the API server. */
export class KubeletApi {
  readonly config = new KubeConfig();
  readonly #core: CoreV1Api;
  readonly #informers: Informer<KubernetesObject>[] = [];
  #stopped = false;

  constructor(kubeconfigPath: string) {
    this.config.loadFromFile(kubeconfigPath);
    this.#core = makeApi(this.config, CoreV1Api);
  }

  /** @param labelSelector default: the pods of all fleets */
  watchPods(handlers: WatchHandlers<V1Pod>, labelSelector: string = LABEL.fleet): Promise<void> {
    const list = () => this.#core.listPodForAllNamespaces({ labelSelector });
    return this.#watch('/api/v1/pods', list, handlers, labelSelector);
  }

  watchNodes(handlers: WatchHandlers<V1Node>): Promise<void> {
    return this.#watch('/api/v1/nodes', () => this.#core.listNode(), handlers);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#informers.map((informer) => informer.stop()));
  }

  /** @throws NotFoundError when the pod is gone, UnavailableError */
  async setStatus({ name, namespace }: PodRef, status: V1PodStatus): Promise<void> {
    try {
      await this.#core.patchNamespacedPodStatus({ name, namespace, body: { status } }, strategicMergePatch());
    } catch (error) {
      throw mapKubernetesError(error, `report the status of ${name}`);
    }
  }

  /** The last act of a kubelet for a pod: the object goes. It is fine if it has gone already. */
  async remove({ name, namespace, uid }: PodRef): Promise<void> {
    const body = { gracePeriodSeconds: 0, preconditions: { uid } };
    try {
      await this.#core.deleteNamespacedPod({ name, namespace, body });
    } catch (error) {
      const mapped = mapKubernetesError(error, `remove ${name}`);
      if (!(mapped instanceof NotFoundError) && mapped.code !== '409') throw mapped;
    }
  }

  /** A token of the pod's service account, bound to the pod, as it would be mounted. */
  async token(pod: PodRef, serviceAccount: string, seconds: number): Promise<string> {
    const { name, namespace, uid } = pod;
    const spec = {
      audiences: [],
      expirationSeconds: seconds,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
    };
    try {
      const { status } = await this.#core.createNamespacedServiceAccountToken({
        name: serviceAccount,
        namespace,
        body: { spec },
      });
      return status?.token ?? '';
    } catch (error) {
      throw mapKubernetesError(error, `get a token of ${serviceAccount} for ${name}`);
    }
  }

  /** The informer resumes quiet watches by itself; after an error it lists anew as soon as the server answers. */
  async #watch<T extends KubernetesObject>(
    path: string,
    list: () => Promise<KubernetesListObject<T>>,
    { onSet, onGone, onTrouble }: WatchHandlers<T>,
    labelSelector?: string,
  ): Promise<void> {
    const informer = makeInformer<T>(this.config, path, list, labelSelector);
    this.#informers.push(informer as unknown as Informer<KubernetesObject>);
    informer.on('add', onSet);
    informer.on('update', onSet);
    informer.on('delete', onGone);
    informer.on('error', (error) => {
      if (this.#stopped) return;
      onTrouble(error instanceof Error ? error : new Error(String(error)));
      setTimeout(() => {
        if (!this.#stopped) void informer.start();
      }, REWATCH_MS);
    });
    await informer.start();
  }
}
