import type { V1NetworkPolicy } from '@kubernetes/client-node';
import { networkPolicies } from '../../workloads/network-policy.ts';
import { network } from './fixtures.ts';

const policies = networkPolicies({
  ...network,
  webui: true,
}) as unknown as V1NetworkPolicy[];

interface Pod {
  app: string;
  namespace?: string;
}
type Place = Pod | { address: string };

interface Rule {
  from?: unknown;
  to?: unknown;
  ports?: { port: number; protocol?: string }[];
}

const inBlock = (address: string, cidr: string): boolean => {
  const [network = '', bits = '32'] = cidr.split('/');
  const number = (ip: string) => ip.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - Number(bits));
  return Math.floor(number(address) / size) === Math.floor(number(network) / size);
};

// biome-ignore lint/suspicious/noExplicitAny: a peer as plain JSON
function matches(peer: any, place: Place): boolean {
  if (peer.ipBlock) return 'address' in place && inBlock(place.address, peer.ipBlock.cidr);
  if ('address' in place) return false;
  const namespace = peer.namespaceSelector?.matchLabels['kubernetes.io/metadata.name'] ?? 'paddock';
  const labels = peer.podSelector?.matchLabels ?? {};
  const app = labels['app.kubernetes.io/name'] ?? labels['k8s-app'];
  return (place.namespace ?? 'paddock') === namespace && (app === undefined || app === place.app);
}

/** As Kubernetes reads policies: a direction is open when no policy names it for the pod, else what any of them allows. */
function allows(direction: 'Ingress' | 'Egress', pod: Pod, other: Place, port: number, protocol = 'TCP') {
  if ((pod.namespace ?? 'paddock') !== 'paddock') return true;
  const mine = policies.filter(({ spec }) => {
    const app = spec?.podSelector?.matchLabels?.['app.kubernetes.io/name'];
    return spec?.policyTypes?.includes(direction) && (app === undefined || app === pod.app);
  });
  const rules = mine.flatMap(
    ({ spec }) => ((direction === 'Ingress' ? spec?.ingress : spec?.egress) ?? []) as unknown as Rule[],
  );
  return (
    mine.length === 0 ||
    rules.some((rule) => {
      const peers = (direction === 'Ingress' ? rule.from : rule.to) as unknown[] | undefined;
      const isPeer = peers === undefined || peers.some((peer) => matches(peer, other));
      return isPeer && (rule.ports ?? []).some((one) => one.port === port && one.protocol === protocol);
    })
  );
}

const connects = (from: Place, to: Place, port: number, protocol?: string): boolean =>
  ('address' in from || allows('Egress', from, to, port, protocol)) &&
  ('address' in to || allows('Ingress', to, from, port, protocol));

const replica = { app: 'ollama' };
const router = { app: 'router' };
const webui = { app: 'webui' };
const prometheus = { app: 'prometheus', namespace: 'monitoring' };
const someone = { app: 'someone', namespace: 'default' };
const dns = { app: 'kube-dns', namespace: 'kube-system' };
const internet = { address: '52.94.133.131' };
const loadBalancer = { address: '10.0.200.5' };
const warmup = { address: '10.0.64.17' };

describe('the network of the namespace', () => {
  it.each<[string, Place, Place, number, string?]>([
    ['the load balancer reaches the API of the router', loadBalancer, router, 8080],
    ['the load balancer reaches the page of Open WebUI at the router', loadBalancer, router, 8082],
    ['the router reaches replicas', router, replica, 8080],
    ['the router reaches Open WebUI', router, webui, 8080],
    ['Open WebUI reaches the port of the router that is meant for it', webui, router, 8081],
    ['the warm-up function reaches replicas', warmup, replica, 8080],
    ['Prometheus reads replicas', prometheus, replica, 9090],
    ['Prometheus reads the router', prometheus, router, 9113],
    ['replicas reach AWS, the Kubernetes API and registries', replica, internet, 443],
    ['replicas get credentials from the agent on their node', replica, { address: '169.254.170.23' }, 80],
    ['replicas find names', replica, dns, 53, 'UDP'],
    ['the router finds names', router, dns, 53, 'TCP'],
    ['Open WebUI finds names', webui, dns, 53, 'UDP'],
  ])('%s', (_what, from, to, port, ...[protocol]) => {
    expect(connects(from, to, port, protocol)).toBe(true);
  });

  it.each<[string, Place, Place, number, string?]>([
    ['what is not the router or the warm-up reaches no replica', someone, replica, 8080],
    ['a part of the VPC where no function is reaches no replica', loadBalancer, replica, 8080],
    ['Open WebUI reaches no replica past the router', webui, replica, 8080],
    ['replicas reach no other replica', replica, replica, 8080],
    ['nobody reaches Ollama past the worker', router, replica, 11434],
    ['clients reach no port without their limit', loadBalancer, router, 8081],
    ['other pods reach no port without their limit', someone, router, 8081],
    [
      'a pod reaches the router only as clients do, and forges no PROXY header',
      { address: '10.0.1.9' },
      router,
      8080,
    ],
    ['other pods reach Open WebUI only as clients do', someone, webui, 8080],
    ['Open WebUI reaches nothing outside', webui, internet, 443],
    ['the router reaches nothing outside', router, internet, 443],
    [
      "no pod reaches its node's metadata, and with it the node's role",
      replica,
      { address: '169.254.169.254' },
      80,
    ],
    ['Prometheus sends no work', prometheus, replica, 8080],
  ])('%s', (_what, from, to, port, ...[protocol]) => {
    expect(connects(from, to, port, protocol)).toBe(false);
  });

  it('is written as Kubernetes reads it, not as the generated client spells it', () => {
    expect(JSON.stringify(policies)).not.toContain('_from');
  });
});
