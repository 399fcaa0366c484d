import type {
  V1NetworkPolicy,
  V1NetworkPolicyEgressRule,
  V1NetworkPolicyPeer,
  V1NetworkPolicyPort,
} from '@kubernetes/client-node';
import {
  APP_CANARY,
  APP_OLLAMA,
  LABEL,
  METRICS_PORT,
  NAMESPACE,
  WORKER_PORT,
} from '../core/protocol/names.ts';
import { APP_ROUTER, APP_WEBUI, MONITORING_NAMESPACE, ROUTER_PORTS, WEBUI_PORT } from './names.ts';
import type { WorkloadNetwork } from './types.ts';

/**
 * Who may talk to whom in the namespace. The VPC CNI holds it at each pod's interface, before the address of a Service is
 * translated: from a selector it learns the pods and the Services over them, so a Service's port must be its pods' port. What
 * comes from a pod's own node (the kubelet's probes) is always let in.
 */
export interface Neighbours extends Pick<WorkloadNetwork, 'controlCidrs' | 'loadBalancerCidrs'> {
  readonly webui: boolean;
}

/** The generated type spells it `_from`, which is right for its own client alone: these objects are also written as they are. */
interface Ingress {
  readonly from: V1NetworkPolicyPeer[];
  readonly ports: V1NetworkPolicyPort[];
}

interface NetworkPolicy extends Omit<V1NetworkPolicy, 'spec'> {
  readonly spec: {
    readonly podSelector: { readonly matchLabels?: Record<string, string> };
    readonly policyTypes: string[];
    readonly ingress?: Ingress[];
    readonly egress?: V1NetworkPolicyEgressRule[];
  };
}

/** Nothing goes in or out but what a policy allows: these are all. */
export const networkPolicies = (neighbours: Neighbours): NetworkPolicy[] => [
  policy('default-deny', undefined, { ingress: [], egress: [] }),
  policy('names', undefined, { egress: [dns] }),
  policy('replicas', APP_OLLAMA, {
    ingress: [
      from([pods(APP_ROUTER), ...neighbours.controlCidrs.map(block)], WORKER_PORT),
      from([monitoring], METRICS_PORT),
    ],
    egress: toAws,
  }),
  // Nobody but an upgrade talks to its canary.
  policy('canaries', APP_CANARY, {
    ingress: [from(neighbours.controlCidrs.map(block), WORKER_PORT)],
    egress: toAws,
  }),
  policy('router', APP_ROUTER, {
    ingress: [
      from(neighbours.loadBalancerCidrs.map(block), ROUTER_PORTS.public.port, ROUTER_PORTS.webui.port),
      ...(neighbours.webui ? [from([pods(APP_WEBUI)], ROUTER_PORTS.backend.port)] : []),
      from([monitoring], ROUTER_PORTS.metrics.port),
    ],
    egress: [
      to([pods(APP_OLLAMA)], WORKER_PORT),
      ...(neighbours.webui ? [to([pods(APP_WEBUI)], WEBUI_PORT.port)] : []),
    ],
  }),
  ...(neighbours.webui
    ? [
        policy('webui', APP_WEBUI, {
          ingress: [from([pods(APP_ROUTER)], WEBUI_PORT.port)],
          egress: [to([pods(APP_ROUTER)], ROUTER_PORTS.backend.port)],
        }),
      ]
    : []),
];

/** @param app whose pods it is about; undefined: all */
const policy = (
  name: string,
  app: string | undefined,
  rules: { ingress?: Ingress[]; egress?: V1NetworkPolicyEgressRule[] },
): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace: NAMESPACE },
  spec: {
    podSelector: app === undefined ? {} : { matchLabels: { [LABEL.app]: app } },
    policyTypes: [...(rules.ingress ? ['Ingress'] : []), ...(rules.egress ? ['Egress'] : [])],
    ...rules,
  },
});

const tcp = (...ports: number[]): V1NetworkPolicyPort[] => ports.map((port) => ({ protocol: 'TCP', port }));
const from = (peers: V1NetworkPolicyPeer[], ...ports: number[]): Ingress => ({
  from: peers,
  ports: tcp(...ports),
});
const to = (peers: V1NetworkPolicyPeer[], ...ports: number[]): V1NetworkPolicyEgressRule => ({
  to: peers,
  ports: tcp(...ports),
});

const block = (cidr: string): V1NetworkPolicyPeer => ({ ipBlock: { cidr } });
const pods = (app: string): V1NetworkPolicyPeer => ({ podSelector: { matchLabels: { [LABEL.app]: app } } });
const inNamespace = (name: string): V1NetworkPolicyPeer => ({
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
});

const monitoring = inNamespace(MONITORING_NAMESPACE);

const dns: V1NetworkPolicyEgressRule = {
  to: [{ ...inNamespace('kube-system'), podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } }],
  ports: [{ protocol: 'UDP', port: 53 }, ...tcp(53)],
};

const toAws: V1NetworkPolicyEgressRule[] = [
  // AWS, its endpoint for the Kubernetes API and the models' registry: none has addresses that stay. Not the node's
  // metadata service, which answers at port 80.
  to([block('0.0.0.0/0')], 443),
  // EKS Pod Identity's agent on the node, which hands out the pod's own credentials.
  to([block('169.254.170.23/32')], 80),
];
