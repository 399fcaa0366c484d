import type { V1Container, V1ObjectMeta, V1Pod, V1PodTemplateSpec } from '@kubernetes/client-node';
import { ANNOTATION, canaryName, DRAIN_COST, LABEL, NAMESPACE } from '../../core/protocol/names.ts';
import { parseUpgradeMark, type UpgradeMark } from '../../core/protocol/upgrade.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { ConflictError, NotFoundError } from '../errors.ts';
import { strategicMergePatch } from './client.ts';
import type { KubernetesAccess } from './eks.ts';
import { callKubernetes } from './errors.ts';
import { type WaitingContainer, waitingContainer } from './waiting.ts';
import type { WorkloadKind } from './workloads.ts';

/** What a pod runs. */
export interface Runs {
  /** Image of the model server. */
  image: string;
  models: string[];
}

export interface RolloutWorkload extends Runs {
  kind: WorkloadKind;
  name: string;
  pool: string;
  replicas: number;
  mark?: UpgradeMark | undefined;
}

export interface RolloutPod extends Runs {
  name: string;
  uid: string;
  /** Of whose workload, or of whose canary. */
  pool: string;
  isCanary: boolean;
  isReady: boolean;
  isTerminating: boolean;
  /** The scaler takes it away: it takes nothing any more, and is not Ready for that. */
  isDraining: boolean;
  createdAt: Seconds;
  boundAt?: Seconds | undefined;
  ip?: string | undefined;
  /** Of the worker and the model server together. */
  restarts: number;
  /** Why a container of it does not run; undefined: all do, or the kubelet has not said. */
  waiting?: Pick<WaitingContainer, 'reason' | 'message'> | undefined;
}

export interface FleetRollout {
  workloads: RolloutWorkload[];
  /** Replicas of the canaries, by pool. */
  canaries: Record<string, number>;
  pods: RolloutPod[];
}

/** What the pods of a fleet run, and how an upgrade changes it. All methods throw UnavailableError and RefusedError. */
export interface Rollouts {
  read(fleet: string): Promise<FleetRollout>;
  /** Disruptions that each pool's budget allows now. */
  budgets(fleet: string): Promise<Record<string, number>>;
  /** Says what the pods of a workload shall run; its controller replaces them. Throws NotFoundError. */
  change(workload: Pick<RolloutWorkload, 'kind' | 'name'>, runs: Partial<Runs>): Promise<void>;
  /** Null removes the mark. Throws NotFoundError. */
  mark(workload: Pick<RolloutWorkload, 'kind' | 'name'>, mark: UpgradeMark | null): Promise<void>;
  /** Gives a pool's canary its replica and what it runs, or takes it away. Throws NotFoundError. */
  setCanary(fleet: string, pool: string, replicas: 0 | 1, runs?: Runs): Promise<void>;
  /** Fine when it is gone, or another has its name by now. */
  removePod(name: string, uid: string): Promise<void>;
}

const MODEL_SERVER = 'ollama';
const WORKER = 'worker';
const MODELS = 'PADDOCK_MODELS';

export class KubernetesRollouts implements Rollouts {
  readonly #access: KubernetesAccess;
  readonly #namespace: string;

  constructor(access: KubernetesAccess, namespace = NAMESPACE) {
    this.#access = access;
    this.#namespace = namespace;
  }

  async read(fleet: string): Promise<FleetRollout> {
    const query = { namespace: this.#namespace, labelSelector: `${LABEL.fleet}=${fleet}` };
    const [sets, deployments, pods] = await Promise.all([
      callKubernetes(this.#access, `list the StatefulSets of the fleet ${fleet}`, ({ apps }) =>
        apps.listNamespacedStatefulSet(query),
      ),
      callKubernetes(this.#access, `list the Deployments of the fleet ${fleet}`, ({ apps }) =>
        apps.listNamespacedDeployment(query),
      ),
      callKubernetes(this.#access, `list the pods of the fleet ${fleet}`, ({ core }) =>
        core.listNamespacedPod(query),
      ),
    ]);
    const canaries = deployments.items.flatMap(({ metadata, spec }) => {
      const pool = metadata?.labels?.[LABEL.canary];
      return pool ? [[pool, spec?.replicas ?? 0] as const] : [];
    });
    return {
      workloads: [
        ...sets.items.flatMap(({ metadata, spec }) =>
          observe('StatefulSet', metadata, spec?.replicas, spec?.template),
        ),
        ...deployments.items.flatMap(({ metadata, spec }) =>
          observe('Deployment', metadata, spec?.replicas, spec?.template),
        ),
      ],
      canaries: Object.fromEntries(canaries),
      pods: pods.items.flatMap(observePod),
    };
  }

  async budgets(fleet: string): Promise<Record<string, number>> {
    const budgets = await callKubernetes(
      this.#access,
      `list the disruption budgets of the fleet ${fleet}`,
      ({ policy }) =>
        policy.listNamespacedPodDisruptionBudget({
          namespace: this.#namespace,
          labelSelector: `${LABEL.fleet}=${fleet}`,
        }),
    );
    return Object.fromEntries(
      budgets.items.flatMap(({ metadata, status }) => {
        const pool = metadata?.labels?.[LABEL.pool];
        return pool ? [[pool, status?.disruptionsAllowed ?? 0] as const] : [];
      }),
    );
  }

  change(workload: Pick<RolloutWorkload, 'kind' | 'name'>, runs: Partial<Runs>): Promise<void> {
    return this.#patch(workload, 'change what runs in', { spec: { template: templatePatch(runs) } });
  }

  mark(workload: Pick<RolloutWorkload, 'kind' | 'name'>, mark: UpgradeMark | null): Promise<void> {
    const annotations = { [ANNOTATION.upgrade]: mark === null ? null : JSON.stringify(mark) };
    return this.#patch(workload, 'mark', { metadata: { annotations } });
  }

  setCanary(fleet: string, pool: string, replicas: 0 | 1, runs?: Runs): Promise<void> {
    const spec = { replicas, ...(runs && { template: templatePatch(runs) }) };
    return this.#patch({ kind: 'Deployment', name: canaryName(fleet, pool) }, 'set', { spec });
  }

  async removePod(name: string, uid: string): Promise<void> {
    try {
      await callKubernetes(this.#access, `remove the pod ${name} (${uid})`, ({ core }) =>
        core.deleteNamespacedPod({ namespace: this.#namespace, name, body: { preconditions: { uid } } }),
      );
    } catch (error) {
      if (!(error instanceof NotFoundError || error instanceof ConflictError)) throw error;
    }
  }

  async #patch(
    { kind, name }: Pick<RolloutWorkload, 'kind' | 'name'>,
    verb: string,
    body: object,
  ): Promise<void> {
    await callKubernetes<unknown>(this.#access, `${verb} the ${kind} ${name}`, ({ apps }) => {
      const request = { namespace: this.#namespace, name, body };
      return kind === 'StatefulSet'
        ? apps.patchNamespacedStatefulSet(request, strategicMergePatch())
        : apps.patchNamespacedDeployment(request, strategicMergePatch());
    });
  }
}

/** Containers and variables are merged by name: everything else of the template stays. */
const templatePatch = ({ image, models }: Partial<Runs>): object => ({
  spec: {
    ...(image !== undefined && { initContainers: [{ name: MODEL_SERVER, image }] }),
    ...(models && { containers: [{ name: WORKER, env: [{ name: MODELS, value: models.join(',') }] }] }),
  },
});

const runsOf = (containers: V1Container[]): Runs => {
  const named = (name: string) => containers.find((one) => one.name === name);
  const models = named(WORKER)?.env?.find(({ name }) => name === MODELS)?.value ?? '';
  return { image: named(MODEL_SERVER)?.image ?? '', models: models.split(',').filter(Boolean) };
};

function observe(
  kind: WorkloadKind,
  metadata?: V1ObjectMeta,
  replicas = 1,
  template?: V1PodTemplateSpec,
): RolloutWorkload[] {
  const pool = metadata?.labels?.[LABEL.pool];
  const name = metadata?.name;
  if (!pool || !name || !template?.spec) return [];
  const { initContainers = [], containers } = template.spec;
  const mark = parseUpgradeMark(metadata.annotations?.[ANNOTATION.upgrade]);
  return [{ kind, name, pool, replicas, mark, ...runsOf([...initContainers, ...containers]) }];
}

function observePod({ metadata, spec, status }: V1Pod): RolloutPod[] {
  const canaryOf = metadata?.labels?.[LABEL.canary];
  const pool = canaryOf ?? metadata?.labels?.[LABEL.pool];
  if (!metadata?.name || !metadata.uid || !pool || !spec) return [];
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return [];
  const condition = (type: string) =>
    status?.conditions?.find((one) => one.type === type && one.status === 'True');
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  return [
    {
      name: metadata.name,
      uid: metadata.uid,
      pool,
      isCanary: canaryOf !== undefined,
      isReady: condition('Ready') !== undefined,
      isTerminating: metadata.deletionTimestamp !== undefined,
      isDraining: metadata.annotations?.[ANNOTATION.deletionCost] === String(DRAIN_COST),
      createdAt: seconds(metadata.creationTimestamp) ?? 0,
      boundAt: seconds(condition('PodScheduled')?.lastTransitionTime),
      ip: status?.podIP,
      restarts: statuses.reduce((sum, { restartCount }) => sum + restartCount, 0),
      waiting: waitingContainer(status),
      ...runsOf([...(spec.initContainers ?? []), ...spec.containers]),
    },
  ];
}

const seconds = (date?: Date): Seconds | undefined => (date ? date.getTime() / 1000 : undefined);
