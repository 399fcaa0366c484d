import {
  ApiException,
  CoreV1Api,
  KubeConfig,
  type V1Node,
  type V1NodeCondition,
} from '@kubernetes/client-node';
import { makeApi, strategicMergePatch } from '../../adapters/kubernetes/client.ts';
import { instanceType, nodeResources } from './instance-types.ts';

export interface NodeTaint {
  key: string;
  value?: string | undefined;
  /** As Kubernetes spells it: `NoSchedule`, `PreferNoSchedule`, `NoExecute`. */
  effect: string;
}

/** An instance that is about to become a node of the cluster. */
export interface NodeSpec {
  /** `ip-10-0-1-23.ec2.internal` */
  name: string;
  instanceId: string;
  instanceType: string;
  capacityType: 'ON_DEMAND' | 'SPOT';
  region: string;
  zone: string;
  internalIp: string;
  nodegroupName: string;
  /** The node group's own labels. */
  labels: Record<string, string>;
  taints: NodeTaint[];
  kubernetesVersion: string;
  /** Its kubelet registers and never gets further. */
  neverReady?: boolean;
}

/** What happens in Kubernetes when an instance comes and goes. Both are retried by the caller when they reject. */
export interface NodeLifecycle {
  join(node: NodeSpec): Promise<void>;
  leave(nodeName: string): Promise<void>;
  /** Cordons the node and evicts its pods, as far as disruption budgets let it; true once none is left but daemons. */
  drain(nodeName: string): Promise<boolean>;
  /** No further pod is put on it, or some may be again. */
  cordon(nodeName: string, isCordoned: boolean): Promise<void>;
  isReady(nodeName: string): Promise<boolean>;
}

type NodeApi = Pick<
  CoreV1Api,
  | 'createNode'
  | 'readNode'
  | 'deleteNode'
  | 'patchNode'
  | 'listPodForAllNamespaces'
  | 'createNamespacedPodEviction'
>;

/** As the kubelet of a node without a working network plugin reports, the usual way for an EKS node to stay unready. */
const NETWORK_NOT_READY: V1NodeCondition = {
  type: 'Ready',
  status: 'False',
  reason: 'KubeletNotReady',
  message:
    'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized',
};

/** The Node object as the kubelet of an EKS managed node group registers it; KWOK keeps it Ready. */
export function nodeManifest(spec: NodeSpec): V1Node {
  const type = instanceType(spec.instanceType);
  const { capacity, allocatable } = nodeResources(type);
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: spec.name,
      annotations: {
        ...(spec.neverReady ? {} : { 'kwok.x-k8s.io/node': 'fake' }),
        'node.alpha.kubernetes.io/ttl': '0',
      },
      labels: {
        'beta.kubernetes.io/arch': type.arch,
        'beta.kubernetes.io/os': 'linux',
        'beta.kubernetes.io/instance-type': spec.instanceType,
        'kubernetes.io/arch': type.arch,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/hostname': spec.name,
        'node.kubernetes.io/instance-type': spec.instanceType,
        'topology.kubernetes.io/region': spec.region,
        'topology.kubernetes.io/zone': spec.zone,
        'failure-domain.beta.kubernetes.io/region': spec.region,
        'failure-domain.beta.kubernetes.io/zone': spec.zone,
        'eks.amazonaws.com/nodegroup': spec.nodegroupName,
        'eks.amazonaws.com/capacityType': spec.capacityType,
        ...spec.labels,
      },
    },
    spec: {
      providerID: `aws:///${spec.zone}/${spec.instanceId}`,
      ...(spec.taints.length > 0
        ? {
            taints: spec.taints.map(({ key, value, effect }) => ({
              key,
              effect,
              ...(value ? { value } : {}),
            })),
          }
        : {}),
    },
    status: {
      capacity,
      allocatable,
      ...(spec.neverReady ? { conditions: [NETWORK_NOT_READY] } : {}),
      addresses: [
        { type: 'InternalIP', address: spec.internalIp },
        { type: 'InternalDNS', address: spec.name },
        { type: 'Hostname', address: spec.name },
      ],
      nodeInfo: {
        architecture: type.arch,
        operatingSystem: 'linux',
        osImage: 'Amazon Linux 2023',
        kernelVersion: '6.12.0',
        containerRuntimeVersion: 'containerd://2.1.0',
        kubeletVersion: `v${spec.kubernetesVersion}`,
        kubeProxyVersion: '',
        bootID: spec.instanceId,
        machineID: spec.instanceId,
        systemUUID: spec.instanceId,
      },
    },
  };
}

/** Creates and deletes Node objects in a real cluster; pods of a deleted node are left to the pod garbage collector. */
export class KubernetesNodes implements NodeLifecycle {
  readonly #api: NodeApi;
  readonly #labels: Readonly<Record<string, string>>;

  /** @param labels that every node gets besides its own. */
  constructor(api: NodeApi, labels: Readonly<Record<string, string>> = {}) {
    this.#api = api;
    this.#labels = labels;
  }

  /** @param path kubeconfig of an administrator. */
  static fromKubeconfig(path: string, labels?: Readonly<Record<string, string>>): KubernetesNodes {
    const config = new KubeConfig();
    config.loadFromFile(path);
    return new KubernetesNodes(makeApi(config, CoreV1Api), labels);
  }

  async join(spec: NodeSpec): Promise<void> {
    const body = nodeManifest({ ...spec, labels: { ...spec.labels, ...this.#labels } });
    try {
      await this.#api.createNode({ body });
    } catch (error) {
      if (!hasCode(error, 409)) throw error;
      // A retry of a join whose answer was lost is fine; another instance's node is not.
      const existing = await this.#api.readNode({ name: spec.name });
      if (existing.spec?.providerID !== body.spec?.providerID) {
        throw new Error(
          `The cluster already has a node ${spec.name} of ${existing.spec?.providerID ?? 'an unknown instance'}. Delete it: it is left over from another run.`,
        );
      }
    }
  }

  async leave(nodeName: string): Promise<void> {
    try {
      await this.#api.deleteNode({ name: nodeName });
    } catch (error) {
      if (!hasCode(error, 404)) throw error;
    }
  }

  async cordon(nodeName: string, isCordoned: boolean): Promise<void> {
    try {
      const body = { spec: { unschedulable: isCordoned } };
      await this.#api.patchNode({ name: nodeName, body }, strategicMergePatch());
    } catch (error) {
      if (!hasCode(error, 404)) throw error;
    }
  }

  async isReady(nodeName: string): Promise<boolean> {
    try {
      const { status } = await this.#api.readNode({ name: nodeName });
      return status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') ?? false;
    } catch (error) {
      if (hasCode(error, 404)) return false;
      throw error;
    }
  }

  async drain(nodeName: string): Promise<boolean> {
    await this.cordon(nodeName, true);
    const { items } = await this.#api.listPodForAllNamespaces({
      fieldSelector: `spec.nodeName=${nodeName}`,
    });
    const pods = items.filter(
      ({ metadata }) => !metadata?.ownerReferences?.some(({ kind }) => kind === 'DaemonSet'),
    );
    for (const { metadata } of pods) {
      if (metadata?.deletionTimestamp === undefined)
        await this.#evict(metadata?.namespace ?? '', metadata?.name ?? '');
    }
    return pods.length === 0;
  }

  async #evict(namespace: string, name: string): Promise<void> {
    try {
      await this.#api.createNamespacedPodEviction({
        namespace,
        name,
        body: { metadata: { namespace, name } },
      });
    } catch (error) {
      // 404: it went meanwhile. 429: a disruption budget says not now.
      if (!hasCode(error, 404) && !hasCode(error, 429)) throw error;
    }
  }
}

const hasCode = (error: unknown, code: number): boolean =>
  error instanceof ApiException && error.code === code;
