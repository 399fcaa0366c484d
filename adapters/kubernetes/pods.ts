import type { V1Pod, V1PodCondition } from '@kubernetes/client-node';
import { ANNOTATION, LABEL, NAMESPACE, READINESS_GATE } from '../../core/protocol/names.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { NotFoundError } from '../errors.ts';
import { strategicMergePatch } from './client.ts';
import type { KubernetesAccess, KubernetesApis } from './eks.ts';
import { asUidConflict, callKubernetes } from './errors.ts';

/** A pod of a fleet that has not ended. */
export interface PodObservation {
  name: string;
  uid: string;
  pool: string;
  createdAt: Seconds;
  isTerminating: boolean;
  /** Its containers have been started. */
  isRunning: boolean;
  /** The kubelet's word: every container answers its probe. */
  containersReady: boolean;
  /** The kubelet's word: containers ready and every gate open. */
  isReady: boolean;
  /** The warm gate is open. */
  isGateOpen: boolean;
  /** When the gate opened. */
  gateOpenedAt?: Seconds;
  ip?: string;
  node?: string;
  /** When it was bound to its node. */
  boundAt?: Seconds;
  deletionCost?: number;
}

/** The pods of the fleets. All methods throw UnavailableError and RefusedError. */
export interface Pods {
  /** Pods that failed or succeeded are no replicas any more, and left out. */
  list(fleet: string): Promise<PodObservation[]>;
  /** Undefined when there is no such pod, or it has ended. */
  get(name: string): Promise<PodObservation | undefined>;
  /**
   * What a ReplicaSet removes first: the lowest. Null removes the mark.
   * @throws NotFoundError when there is no such pod, ConflictError when the name belongs to another by now
   */
  setDeletionCost(name: string, uid: string, cost: number | null): Promise<void>;
  /**
   * Sets the pod's warm condition to True.
   * @throws NotFoundError when there is no such pod, ConflictError when the name belongs to another by now
   */
  openGate(name: string, uid: string, at: Seconds, message: string): Promise<void>;
}

export class KubernetesPods implements Pods {
  readonly #access: KubernetesAccess;
  readonly #namespace: string;

  constructor(access: KubernetesAccess, namespace = NAMESPACE) {
    this.#access = access;
    this.#namespace = namespace;
  }

  async list(fleet: string): Promise<PodObservation[]> {
    const pods = await callKubernetes(this.#access, `list the pods of the fleet ${fleet}`, ({ core }) =>
      core.listNamespacedPod({
        namespace: this.#namespace,
        labelSelector: `${LABEL.fleet}=${fleet}`,
      }),
    );
    return pods.items.flatMap(observe);
  }

  async get(name: string): Promise<PodObservation | undefined> {
    try {
      const pod = await callKubernetes(this.#access, `get the pod ${name}`, ({ core }) =>
        core.readNamespacedPod({ namespace: this.#namespace, name }),
      );
      return observe(pod)[0];
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  }

  async setDeletionCost(name: string, uid: string, cost: number | null): Promise<void> {
    const annotations = { [ANNOTATION.deletionCost]: cost === null ? null : String(cost) };
    const body = { metadata: { uid, annotations } };
    await this.#patch(`set the deletion cost of the pod ${name} (${uid})`, ({ core }) =>
      core.patchNamespacedPod({ namespace: this.#namespace, name, body }, strategicMergePatch()),
    );
  }

  async openGate(name: string, uid: string, at: Seconds, message: string): Promise<void> {
    const condition = {
      type: READINESS_GATE,
      status: 'True',
      reason: 'ModelsAnswered',
      message,
      lastTransitionTime: new Date(at * 1000).toISOString().replace(/\.\d+Z$/, 'Z'),
    };
    const body = { metadata: { uid }, status: { conditions: [condition] } };
    await this.#patch(`open the warm gate of the pod ${name} (${uid})`, ({ core }) =>
      core.patchNamespacedPodStatus({ namespace: this.#namespace, name, body }, strategicMergePatch()),
    );
  }

  /** The uid in a patch is a precondition. */
  async #patch(what: string, run: (apis: KubernetesApis) => Promise<unknown>): Promise<void> {
    try {
      await callKubernetes(this.#access, what, run);
    } catch (error) {
      throw asUidConflict(error);
    }
  }
}

function observe(pod: V1Pod): PodObservation[] {
  const { metadata, spec, status } = pod;
  const pool = metadata?.labels?.[LABEL.pool];
  if (!metadata?.name || !metadata.uid || !pool) return [];
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return [];
  const condition = (type: string): V1PodCondition | undefined =>
    status?.conditions?.find((one) => one.type === type && one.status === 'True');
  const gate = condition(READINESS_GATE);
  const cost = Number(metadata.annotations?.[ANNOTATION.deletionCost] ?? Number.NaN);
  return [
    {
      name: metadata.name,
      uid: metadata.uid,
      pool,
      createdAt: seconds(metadata.creationTimestamp) ?? 0,
      isTerminating: metadata.deletionTimestamp !== undefined,
      isRunning: status?.phase === 'Running',
      containersReady: condition('ContainersReady') !== undefined,
      isReady: condition('Ready') !== undefined,
      isGateOpen: gate !== undefined,
      ...optional('gateOpenedAt', seconds(gate?.lastTransitionTime)),
      ...optional('ip', status?.podIP),
      ...optional('node', spec?.nodeName),
      ...optional('boundAt', seconds(condition('PodScheduled')?.lastTransitionTime)),
      ...optional('deletionCost', Number.isFinite(cost) ? cost : undefined),
    },
  ];
}

const seconds = (date?: Date): Seconds | undefined => (date ? date.getTime() / 1000 : undefined);

const optional = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
  (value === undefined || value === '' ? {} : { [key]: value }) as { [P in K]?: V };
