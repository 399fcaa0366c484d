import { PatchStrategy, setHeaderOptions, type V1ObjectMeta } from '@kubernetes/client-node';
import { ANNOTATION, LABEL, NAMESPACE } from '../../core/protocol/names.ts';
import { parseUpgradeMark, type UpgradeMark } from '../../core/protocol/upgrade.ts';
import { ConflictError } from '../errors.ts';
import { mergePatch } from './client.ts';
import type { KubernetesAccess } from './eks.ts';
import { callKubernetes, isFailedTest } from './errors.ts';

export type WorkloadKind = 'StatefulSet' | 'Deployment';

export interface WorkloadObservation {
  kind: WorkloadKind;
  name: string;
  pool: string;
  replicas: number;
  /** Whether an upgrade works on it. */
  upgrade?: UpgradeMark;
}

/** A fleet's StatefulSets and Deployments. All methods throw UnavailableError and RefusedError. */
export interface Workloads {
  list(fleet: string): Promise<WorkloadObservation[]>;
  /**
   * @throws ConflictError when the workload no longer has `from` replicas: nothing is changed
   * @throws NotFoundError when there is no such workload
   */
  setReplicas(kind: WorkloadKind, name: string, from: number, to: number): Promise<void>;
}

export class KubernetesWorkloads implements Workloads {
  readonly #access: KubernetesAccess;
  readonly #namespace: string;

  constructor(access: KubernetesAccess, namespace = NAMESPACE) {
    this.#access = access;
    this.#namespace = namespace;
  }

  async list(fleet: string): Promise<WorkloadObservation[]> {
    const query = { namespace: this.#namespace, labelSelector: `${LABEL.fleet}=${fleet}` };
    const [sets, deployments] = await Promise.all([
      callKubernetes(this.#access, `list the StatefulSets of the fleet ${fleet}`, ({ apps }) =>
        apps.listNamespacedStatefulSet(query),
      ),
      callKubernetes(this.#access, `list the Deployments of the fleet ${fleet}`, ({ apps }) =>
        apps.listNamespacedDeployment(query),
      ),
    ]);
    return [
      ...sets.items.flatMap((set) => observe('StatefulSet', set.metadata, set.spec?.replicas)),
      ...deployments.items.flatMap((one) => observe('Deployment', one.metadata, one.spec?.replicas)),
    ];
  }

  async setReplicas(kind: WorkloadKind, name: string, from: number, to: number): Promise<void> {
    const what = `set the replicas of the ${kind} ${name} from ${from} to ${to}`;
    try {
      await callKubernetes(this.#access, what, ({ apps }) => {
        const request = { namespace: this.#namespace, name, body: scalePatch(from, to) };
        const strategy = from === 0 ? mergePatch() : jsonPatch();
        return kind === 'StatefulSet'
          ? apps.patchNamespacedStatefulSetScale(request, strategy)
          : apps.patchNamespacedDeploymentScale(request, strategy);
      });
    } catch (error) {
      if (!isFailedTest(error)) throw error;
      throw new ConflictError(`${what}: it has another number by now`, '422', error);
    }
  }
}

/**
 * The patch holds only while the workload still has `from` replicas. A Scale of zero replicas shows no such field
 * to test; from zero any other number is an increase, so nothing can be lost.
 */
const scalePatch = (from: number, to: number): object =>
  from === 0
    ? { spec: { replicas: to } }
    : [
        { op: 'test', path: '/spec/replicas', value: from },
        { op: 'replace', path: '/spec/replicas', value: to },
      ];

const jsonPatch = () => setHeaderOptions('Content-Type', PatchStrategy.JsonPatch);

function observe(kind: WorkloadKind, metadata?: V1ObjectMeta, replicas = 1): WorkloadObservation[] {
  const pool = metadata?.labels?.[LABEL.pool];
  if (!pool || !metadata?.name) return [];
  const upgrade = parseUpgradeMark(metadata.annotations?.[ANNOTATION.upgrade]);
  return [{ kind, name: metadata.name, pool, replicas, ...(upgrade && { upgrade }) }];
}
