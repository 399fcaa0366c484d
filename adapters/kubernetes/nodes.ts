import type { V1NodeCondition } from '@kubernetes/client-node';
import { LABEL } from '../../core/protocol/names.ts';
import type { KubernetesAccess } from './eks.ts';
import { callKubernetes } from './errors.ts';

export interface NodeObservation {
  name: string;
  /** From `spec.providerID`; absent on nodes that are no EC2 instances. */
  instanceId?: string;
  /** Why the kubelet's node is not Ready; absent: it is. */
  notReady?: string;
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
      const notReady = whyNotReady(status?.conditions);
      return [
        { name: metadata.name, ...(instanceId ? { instanceId } : {}), ...(notReady ? { notReady } : {}) },
      ];
    });
  }
}

/** `aws:///us-east-1a/i-0123456789abcdef0` → `i-0123456789abcdef0`. */
const instanceIdOf = (providerId?: string): string | undefined =>
  providerId?.match(/^aws:\/\/.*\/(i-[0-9a-z]+)$/)?.[1];

function whyNotReady(conditions: V1NodeCondition[] = []): string | undefined {
  const ready = conditions.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return undefined;
  return ready
    ? `${ready.reason ?? ready.status}: ${ready.message ?? ''}`
    : 'its kubelet has reported nothing yet';
}
