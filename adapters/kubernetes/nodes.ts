import type { V1NodeCondition, V1ObjectMeta } from '@kubernetes/client-node';
import { LABEL } from '../../core/protocol/names.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import type { KubernetesAccess } from './eks.ts';
import { callKubernetes } from './errors.ts';

export interface NodeObservation {
  name: string;
  /** From `spec.providerID`; absent on nodes that are no EC2 instances. */
  instanceId?: string;
  /** Since when the kubelet's node is not Ready, and why; absent: it is. */
  notReady?: { since: Seconds; why: string };
}

export interface Nodes {
  /** Throws UnavailableError and RefusedError. */
  list(fleet: string): Promise<NodeObservation[]>;
}

export class KubernetesNodes implements Nodes {
  readonly #access: KubernetesAccess;

  constructor(access: KubernetesAccess) {
    this.#access = access;
  }

  async list(fleet: string): Promise<NodeObservation[]> {
    const nodes = await callKubernetes(this.#access, `list the nodes of the fleet ${fleet}`, ({ core }) =>
      core.listNode({ labelSelector: `${LABEL.fleet}=${fleet}` }),
    );
    return nodes.items.flatMap(({ metadata, spec, status }) => {
      if (!metadata?.name) return [];
      const instanceId = instanceIdOf(spec?.providerID);
      const notReady = notReadyOf(metadata, status?.conditions);
      return [
        { name: metadata.name, ...(instanceId ? { instanceId } : {}), ...(notReady ? { notReady } : {}) },
      ];
    });
  }
}

/** `aws:///us-east-1a/i-0123456789abcdef0` → `i-0123456789abcdef0`. */
const instanceIdOf = (providerId?: string): string | undefined =>
  providerId?.match(/^aws:\/\/.*\/(i-[0-9a-z]+)$/)?.[1];

function notReadyOf(
  { creationTimestamp }: V1ObjectMeta,
  conditions: V1NodeCondition[] = [],
): NodeObservation['notReady'] {
  const ready = conditions.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return undefined;
  const since = (ready?.lastTransitionTime ?? creationTimestamp)?.getTime() ?? 0;
  const why = ready
    ? `${ready.reason ?? ready.status}: ${ready.message ?? ''}`
    : 'its kubelet has reported nothing yet';
  return { since: since / 1000, why };
}
