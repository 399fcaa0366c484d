import type { V1Lease } from '@kubernetes/client-node';
import { heartbeatSchema } from '../../core/protocol/heartbeat.ts';
import { parseJson } from '../../core/protocol/json.ts';
import { ANNOTATION, LABEL, NAMESPACE } from '../../core/protocol/names.ts';
import type { Seconds, WorkerObservation } from '../../core/scaling/types.ts';
import { NotFoundError, RefusedError } from '../errors.ts';
import { mergePatch } from './client.ts';
import type { KubernetesAccess } from './eks.ts';
import { callKubernetes } from './errors.ts';

export interface LeaseObservation {
  worker: WorkerObservation;
  /** The drain mark, epoch seconds. */
  drainDeadline?: Seconds;
  /** For `forget`: changes with each renewal. */
  resourceVersion: string;
}

/** The workers' Leases, seen by the scaler. All methods throw UnavailableError and RefusedError. */
export interface Leases {
  /**
   * Leases without a heartbeat are left out: nothing was said yet.
   * @throws RefusedError that names the Leases whose heartbeat can't be understood: a worker that is not heard
   * is not the same as a worker that is not there
   */
  list(fleet: string): Promise<LeaseObservation[]>;
  /** Sets the drain mark; null removes it. Throws NotFoundError when the worker has no Lease (yet). */
  markDrain(replica: string, deadline: Seconds | null): Promise<void>;
  /**
   * Removes the Lease of a worker that is gone; fine when there is none.
   * @throws ConflictError when it was renewed since it was listed: the worker lives
   */
  forget(replica: string, resourceVersion: string): Promise<void>;
}

export class KubernetesLeases implements Leases {
  readonly #access: KubernetesAccess;
  readonly #namespace: string;

  constructor(access: KubernetesAccess, namespace = NAMESPACE) {
    this.#access = access;
    this.#namespace = namespace;
  }

  async list(fleet: string): Promise<LeaseObservation[]> {
    const leases = await callKubernetes(
      this.#access,
      `list the Leases of the fleet ${fleet}`,
      ({ coordination }) =>
        coordination.listNamespacedLease({
          namespace: this.#namespace,
          labelSelector: `${LABEL.fleet}=${fleet}`,
        }),
    );
    const broken: string[] = [];
    const found = leases.items.flatMap((lease) => {
      if (lease.metadata?.annotations?.[ANNOTATION.heartbeat] === undefined) return [];
      const observed = observe(lease);
      if (!observed) broken.push(String(lease.metadata?.name));
      return observed ?? [];
    });
    if (broken.length === 0) return found;
    throw new RefusedError(
      `the heartbeat of ${broken.join(', ')} can't be understood: is its worker newer than this function?`,
      'NotUnderstood',
    );
  }

  async markDrain(replica: string, deadline: Seconds | null): Promise<void> {
    const mark = deadline === null ? null : String(Math.round(deadline));
    const body = { metadata: { annotations: { [ANNOTATION.drain]: mark } } };
    const what = `${deadline === null ? 'remove the drain mark from' : 'set the drain mark on'} the Lease ${replica}`;
    await callKubernetes(this.#access, what, ({ coordination }) =>
      coordination.patchNamespacedLease({ namespace: this.#namespace, name: replica, body }, mergePatch()),
    );
  }

  async forget(replica: string, resourceVersion: string): Promise<void> {
    try {
      await callKubernetes(this.#access, `remove the Lease ${replica}`, ({ coordination }) =>
        coordination.deleteNamespacedLease({
          namespace: this.#namespace,
          name: replica,
          body: { preconditions: { resourceVersion } },
        }),
      );
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error;
    }
  }
}

function observe(lease: V1Lease): LeaseObservation[] | undefined {
  const { metadata, spec } = lease;
  const parsed = heartbeatSchema.safeParse(parseJson(metadata?.annotations?.[ANNOTATION.heartbeat]));
  if (!parsed.success || !metadata?.name) return undefined;
  const { workerId, podUid, pool, state, slots, lastActiveAt, warmUp } = parsed.data;
  const { busyQueue, busyInteractive, completedQueue, completedInteractive, busySlotSeconds } = parsed.data;
  const mark = metadata.annotations?.[ANNOTATION.drain];
  return [
    {
      worker: {
        replica: metadata.name,
        workerId,
        podUid,
        pool,
        state,
        slots,
        busyQueue,
        busyInteractive,
        completedQueue,
        completedInteractive,
        busySlotSeconds,
        renewedAt: epochSeconds(spec?.renewTime),
        lastActiveAt,
        ...(warmUp && { warmUp }),
      },
      // The worker takes a mark that can't be read for one whose deadline has passed: so does this side.
      ...(mark ? { drainDeadline: Number.isFinite(Number(mark)) ? Number(mark) : 0 } : {}),
      resourceVersion: metadata.resourceVersion ?? '',
    },
  ];
}

/** The client hands a MicroTime on as the text it came in. */
const epochSeconds = (time?: Date | string): Seconds => (time ? new Date(time).getTime() / 1000 : 0);
