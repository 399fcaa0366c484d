import { hostname } from 'node:os';
import {
  ApiException,
  CoordinationV1Api,
  type KubeConfig,
  type V1Lease,
  V1MicroTime,
} from '@kubernetes/client-node';
import { z } from 'zod';

/** What names a Kubernetes object. */
export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

const LEASE = { name: 'paddock-local', namespace: 'default' };
/** On the Lease: what its holder applies to the cluster, as JSON. */
const APPLIED = 'paddock.dev/applied';
const DURATION_SECONDS = 30;
const RENEW_MS = 10_000;

const refs = z.array(
  z.object({
    apiVersion: z.string(),
    kind: z.string(),
    metadata: z.object({ name: z.string(), namespace: z.string().exactOptional() }),
  }),
);

/**
 * One local Paddock at a time on a cluster: a Lease that its run renews, and on which it notes what it applies. One that
 * is renewed no more belongs to a run that crashed, and what it notes is to be removed.
 */
export class Claim {
  readonly #leases: CoordinationV1Api;
  readonly #server: string;
  readonly #holder: string;
  #applied: ObjectRef[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** @param stateDir of this run, which holds its lock: what has it as holder is of an earlier run */
  constructor(config: KubeConfig, stateDir: string) {
    this.#leases = config.makeApiClient(CoordinationV1Api);
    this.#server = config.getCurrentCluster()?.server ?? 'the cluster';
    this.#holder = `${hostname()}:${stateDir}`;
  }

  /** What this run, or the crashed one before it, applied. */
  get applied(): readonly ObjectRef[] {
    return this.#applied;
  }

  /** Throws when another run holds the cluster. */
  async take(): Promise<void> {
    const lease = await this.#read();
    const { holderIdentity = '', renewTime, leaseDurationSeconds = DURATION_SECONDS } = lease?.spec ?? {};
    const until = new Date(renewTime ?? 0).getTime() + leaseDurationSeconds * 1000;
    if (lease && holderIdentity !== this.#holder && until > Date.now()) {
      throw new Error(
        `Another local Paddock uses ${this.#server}: ${holderIdentity} (host:state folder). Stop it and start again; ` +
          `if it was killed, its claim ends by itself within ${DURATION_SECONDS} s.`,
      );
    }
    this.#applied = refs.parse(JSON.parse(lease?.metadata?.annotations?.[APPLIED] ?? '[]'));
    await this.#write(lease);
    this.#timer = setInterval(() => void this.#renew(), RENEW_MS).unref();
  }

  /** Notes what is about to be applied. */
  async note(objects: readonly ObjectRef[]): Promise<void> {
    this.#applied = objects.map(({ apiVersion, kind, metadata: { name, namespace } }) => ({
      apiVersion,
      kind,
      metadata: { name, ...(namespace !== undefined && { namespace }) },
    }));
    await this.#again(() => this.#renewed());
  }

  /** Throws when the cluster is another run's by now: nothing there may be removed then. */
  async check(): Promise<void> {
    await this.#own();
  }

  /** Renews it no more; `forget` removes the Lease: nothing is left to be cleaned up. */
  async end(options: { forget: boolean }): Promise<void> {
    clearInterval(this.#timer);
    if (!options.forget) return;
    await this.#again(async () => {
      const lease = await this.#own();
      const { uid, resourceVersion } = lease.metadata ?? {};
      const preconditions = { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) };
      await this.#leases.deleteNamespacedLease({ ...LEASE, body: { preconditions } });
    });
  }

  /** A renewal by the timer may come between reading and writing: then it is read anew. */
  async #again(change: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await change();
      } catch (error) {
        if (!(error instanceof ApiException && error.code === 409)) throw error;
      }
    }
  }

  async #renewed(): Promise<void> {
    await this.#write(await this.#own());
  }

  async #own(): Promise<V1Lease> {
    const lease = await this.#read();
    if (lease?.spec?.holderIdentity === this.#holder) return lease;
    throw new Error(
      `${this.#server} is claimed by ${lease?.spec?.holderIdentity ?? 'nobody'} now, not by this run any more.`,
    );
  }

  /** One that fails is made up for by the next. */
  async #renew(): Promise<void> {
    await this.#renewed().catch(() => {});
  }

  async #read(): Promise<V1Lease | undefined> {
    try {
      return await this.#leases.readNamespacedLease(LEASE);
    } catch (error) {
      if (error instanceof ApiException && error.code === 404) return undefined;
      throw error;
    }
  }

  /** The resource version in `before` keeps two runs from both winning. */
  async #write(before: V1Lease | undefined): Promise<void> {
    const body: V1Lease = {
      ...before,
      metadata: {
        ...(before?.metadata ?? LEASE),
        annotations: { ...before?.metadata?.annotations, [APPLIED]: JSON.stringify(this.#applied) },
      },
      spec: {
        holderIdentity: this.#holder,
        leaseDurationSeconds: DURATION_SECONDS,
        renewTime: new V1MicroTime(),
      },
    };
    if (before) await this.#leases.replaceNamespacedLease({ ...LEASE, body });
    else await this.#leases.createNamespacedLease({ namespace: LEASE.namespace, body });
  }
}
