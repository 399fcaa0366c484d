import { CoordinationV1Api, type KubeConfig, type V1Lease, V1MicroTime } from '@kubernetes/client-node';
import { type Heartbeat, heartbeatSchema } from '../../core/protocol/heartbeat.ts';
import { ANNOTATION, APP_OLLAMA, LABEL } from '../../core/protocol/names.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { ConflictError, mapKubernetesError, NotFoundError } from '../errors.ts';
import { makeApi, mergePatch } from './client.ts';

/** What the renewal's answer says. */
export interface Renewal {
  /** The scaler's drain mark: a deadline in epoch seconds; absent when there is none. */
  drainDeadline?: Seconds;
}

/** The worker's own Lease. Throws UnavailableError and RefusedError. */
export interface HeartbeatLease {
  renew(heartbeat: Heartbeat): Promise<Renewal>;
}

export interface LeaseOptions {
  namespace: string;
  /** Name of the pod, and so of the Lease. */
  name: string;
  /** A Lease not renewed for this long means a dead worker; at least 1. */
  durationSeconds: number;
}

/**
 * The Lease carries no owner reference: it outlives its pod until the scaler has folded the last counters in.
 * A pod of a StatefulSet may so find its predecessor's Lease, whose drain mark is not meant for it.
 */
export class KubernetesLease implements HeartbeatLease {
  readonly #api: CoordinationV1Api;
  readonly #options: LeaseOptions;
  #claimed = false;

  constructor(config: KubeConfig, options: LeaseOptions) {
    this.#api = makeApi(config, CoordinationV1Api, 5000);
    this.#options = options;
  }

  async renew(heartbeat: Heartbeat): Promise<Renewal> {
    const { name } = this.#options;
    try {
      if (!this.#claimed) return await this.#claim(heartbeat);
      return drainMark(await this.#patch(heartbeat, {}));
    } catch (error) {
      const mapped = mapKubernetesError(error, `renew the Lease ${name}`);
      // Someone removed it: the next line makes it anew.
      if (mapped instanceof NotFoundError) return this.#claim(heartbeat);
      throw mapped;
    }
  }

  /** First contact: make the Lease, or take over one that is there. */
  async #claim(heartbeat: Heartbeat): Promise<Renewal> {
    const { name, namespace } = this.#options;
    const renewal = await this.#takeOverOrCreate(heartbeat).catch((error: unknown) => {
      throw mapKubernetesError(error, `claim the Lease ${namespace}/${name}`);
    });
    this.#claimed = true;
    return renewal;
  }

  async #takeOverOrCreate(heartbeat: Heartbeat): Promise<Renewal> {
    const { name, namespace } = this.#options;
    const body = this.#lease(heartbeat, {});
    try {
      return drainMark(await this.#api.createNamespacedLease({ namespace, body }));
    } catch (error) {
      if (!(mapKubernetesError(error, 'create') instanceof ConflictError)) throw error;
    }
    const existing = await this.#api.readNamespacedLease({ namespace, name });
    const owner = podUidOf(existing);
    const isOurs = owner === undefined || owner === heartbeat.podUid;
    return drainMark(await this.#patch(heartbeat, isOurs ? {} : { [ANNOTATION.drain]: null }));
  }

  #patch(heartbeat: Heartbeat, annotations: Record<string, string | null>): Promise<V1Lease> {
    const { name, namespace } = this.#options;
    const body = this.#lease(heartbeat, annotations);
    return this.#api.patchNamespacedLease({ namespace, name, body }, mergePatch());
  }

  #lease(heartbeat: Heartbeat, annotations: Record<string, string | null>): V1Lease {
    const { name, namespace, durationSeconds } = this.#options;
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name,
        namespace,
        labels: {
          [LABEL.app]: APP_OLLAMA,
          [LABEL.fleet]: heartbeat.fleet,
          [LABEL.pool]: heartbeat.pool,
        },
        annotations: {
          ...(annotations as Record<string, string>),
          [ANNOTATION.heartbeat]: JSON.stringify(heartbeat),
        },
      },
      spec: {
        holderIdentity: heartbeat.workerId,
        leaseDurationSeconds: durationSeconds,
        renewTime: new V1MicroTime(),
      },
    };
  }
}

function drainMark(lease: V1Lease): Renewal {
  const mark = lease.metadata?.annotations?.[ANNOTATION.drain];
  if (mark === undefined || mark === '') return {};
  const deadline = Number(mark);
  // A mark that can't be read still means drain; without a deadline there is no time left to wait for.
  return { drainDeadline: Number.isFinite(deadline) ? deadline : 0 };
}

/** Whose heartbeat it holds; undefined when it holds none that can be read. */
function podUidOf(lease: V1Lease): string | undefined {
  try {
    const text = lease.metadata?.annotations?.[ANNOTATION.heartbeat] ?? '';
    return heartbeatSchema.pick({ podUid: true }).strip().parse(JSON.parse(text)).podUid;
  } catch {
    return undefined;
  }
}
