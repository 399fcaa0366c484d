import type { V1Pod, V1PodCondition, V1PodStatus } from '@kubernetes/client-node';
import { ANNOTATION, LABEL, NAMESPACE, READINESS_GATE, WORKER_CONTAINER } from '../../core/protocol/names.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { NotFoundError } from '../errors.ts';
import { strategicMergePatch } from './client.ts';
import type { KubernetesAccess, KubernetesApis } from './eks.ts';
import { asUidConflict, callKubernetes } from './errors.ts';
import { type WaitingContainer, waitingContainer } from './waiting.ts';

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
  /** The last attempt to warm it failed, then and so; the gate is shut. */
  warmupFailure?: { at: Seconds; kind: string; reason: string };
  /** Since when its containers answer no probe, if they did before. */
  unreadySince?: Seconds;
  /** When the run of the worker's container began that goes on now. */
  workerStartedAt?: Seconds;
  /** What a container waits for, in the kubelet's words: `worker: CrashLoopBackOff: back-off 20s …`. */
  waitingFor?: string;
  ip?: string;
  node?: string;
  /** When it was bound to its node. */
  boundAt?: Seconds;
  deletionCost?: number;
  /** Why it is on no node, or what one of its containers waits for. */
  trouble?: string;
}

/** Why a gate is shut: `kind` in kebab-case. */
export interface GateFailure {
  kind: string;
  reason: string;
}

export interface PodNote {
  type: 'Normal' | 'Warning';
  /** One word in CamelCase. */
  reason: string;
  message: string;
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
  /**
   * Sets the pod's warm condition to False, with the reason for which it can't be warmed. `at` becomes its probe time.
   * @throws as `openGate`
   */
  shutGate(name: string, uid: string, at: Seconds, failure: GateFailure): Promise<void>;
  /**
   * Deletes the pod with its grace period; its controller makes another one.
   * @throws as `openGate`
   */
  remove(name: string, uid: string): Promise<void>;
  /** Writes an event about the pod, for `kubectl describe pod`. */
  note(pod: Pick<PodObservation, 'name' | 'uid'>, event: PodNote, at: Seconds): Promise<void>;
}

/** As `kubectl` shows it in full; the API takes 1024 characters. */
const LONGEST_NOTE = 1000;

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
      status: 'True',
      reason: 'ModelsAnswered',
      message,
      lastTransitionTime: timestamp(at),
    };
    await this.#setGate(`open the warm gate of the pod ${name} (${uid})`, name, uid, condition);
  }

  async shutGate(name: string, uid: string, at: Seconds, { kind, reason }: GateFailure): Promise<void> {
    const when = { lastTransitionTime: timestamp(at), lastProbeTime: timestamp(at) };
    const condition = { status: 'False', reason: camelCase(kind), message: reason, ...when };
    await this.#setGate(`shut the warm gate of the pod ${name} (${uid})`, name, uid, condition);
  }

  async remove(name: string, uid: string): Promise<void> {
    const body = { preconditions: { uid } };
    await callKubernetes(this.#access, `delete the pod ${name} (${uid})`, ({ core }) =>
      core.deleteNamespacedPod({ namespace: this.#namespace, name, body }),
    );
  }

  async note({ name, uid }: { name: string; uid: string }, event: PodNote, at: Seconds): Promise<void> {
    const namespace = this.#namespace;
    const time = new Date(at * 1000);
    await callKubernetes(this.#access, `write an event about the pod ${name}`, ({ core }) =>
      core.createNamespacedEvent({
        namespace,
        body: {
          metadata: { generateName: `${name}.`, namespace },
          involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid },
          source: { component: 'paddock-warmup' },
          ...{ type: event.type, reason: event.reason, message: event.message.slice(0, LONGEST_NOTE) },
          ...{ firstTimestamp: time, lastTimestamp: time, count: 1 },
        },
      }),
    );
  }

  #setGate(what: string, name: string, uid: string, condition: object): Promise<void> {
    const body = { metadata: { uid }, status: { conditions: [{ type: READINESS_GATE, ...condition }] } };
    return this.#patch(what, ({ core }) =>
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
  const conditionOf = (type: string) => status?.conditions?.find((one) => one.type === type);
  const condition = (type: string): V1PodCondition | undefined =>
    conditionOf(type)?.status === 'True' ? conditionOf(type) : undefined;
  const gate = condition(READINESS_GATE);
  const containers = conditionOf('ContainersReady');
  const cost = Number(metadata.annotations?.[ANNOTATION.deletionCost] ?? Number.NaN);
  const worker = status?.containerStatuses?.find(({ name }) => name === WORKER_CONTAINER);
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
      ...optional('warmupFailure', failureIn(conditionOf(READINESS_GATE))),
      ...optional(
        'unreadySince',
        containers?.status === 'False' ? seconds(containers.lastTransitionTime) : undefined,
      ),
      ...optional('workerStartedAt', seconds(worker?.state?.running?.startedAt)),
      ...optional('waitingFor', waitingFor(status)),
      ...optional('ip', status?.podIP),
      ...optional('node', spec?.nodeName),
      ...optional('boundAt', seconds(condition('PodScheduled')?.lastTransitionTime)),
      ...optional('deletionCost', Number.isFinite(cost) ? cost : undefined),
      ...optional('trouble', troubleOf(pod)),
    },
  ];
}

function failureIn(gate: V1PodCondition | undefined): PodObservation['warmupFailure'] {
  const at = seconds(gate?.lastProbeTime);
  if (gate?.status !== 'False' || at === undefined) return undefined;
  return { at, kind: kebabCase(gate.reason ?? ''), reason: gate.message ?? '' };
}

function waitingFor(status: V1PodStatus | undefined): string | undefined {
  const waiting = waitingContainer(status);
  return waiting && `${waiting.name}: ${waiting.reason}${saying(waiting)}`;
}

const saying = ({ message }: WaitingContainer): string => (message ? `: ${message}` : '');

/** `disk-full` ↔ `DiskFull`: a condition's reason has to be CamelCase. */
const camelCase = (kebab: string): string =>
  kebab
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');
const kebabCase = (camel: string): string => camel.replaceAll(/(?!^)([A-Z])/g, '-$1').toLowerCase();

/** The API takes times of whole seconds only. */
const timestamp = (at: Seconds): string => new Date(at * 1000).toISOString().replace(/\.\d+Z$/, 'Z');

const seconds = (date?: Date): Seconds | undefined => (date ? date.getTime() / 1000 : undefined);

const optional = <K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } =>
  (value === undefined || value === '' ? {} : { [key]: value }) as { [P in K]?: V };

function troubleOf({ status }: V1Pod): string | undefined {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') return `${scheduled.reason}: ${scheduled.message}`;
  const waiting = waitingContainer(status);
  return waiting && `${waiting.name} ${waiting.reason} after ${waiting.restarts} restarts${saying(waiting)}`;
}
