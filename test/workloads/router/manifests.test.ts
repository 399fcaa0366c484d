import { describe, expect, it } from '@jest/globals';
import type { V1ConfigMap, V1Deployment, V1PodDisruptionBudget, V1Service } from '@kubernetes/client-node';
import { type ConfigInput, defineConfig, presets } from '../../../infra/config/index.ts';
import { routerManifests } from '../../../workloads/router/index.ts';
import { containerOf, find, network, podOf } from '../fixtures.ts';

const manifests = (router: ConfigInput['router'] = {}, gatewayUrl?: string, webui = true) => {
  const config = defineConfig({ region: 'us-east-1', router, fleets: [presets.cpu(), presets.gpu()] });
  const { fleets, images } = config;
  return routerManifests({
    fleets,
    images,
    router: config.router,
    network,
    gatewayUrl,
    webui,
  });
};
const configOf = (all: ReturnType<typeof manifests>) =>
  find<V1ConfigMap>(all, 'ConfigMap', 'router').data?.['nginx.conf'] ?? '';
const checksumOf = (all: ReturnType<typeof manifests>) =>
  find<V1Deployment>(all, 'Deployment', 'router').spec?.template.metadata?.annotations?.[
    'paddock.dev/config'
  ];
const clients = (router: ConfigInput['router'] = {}) =>
  find<V1Service>(manifests(router), 'Service', 'router-clients');
const annotationsOf = ({ metadata }: V1Service) =>
  Object.fromEntries(
    Object.entries(metadata?.annotations ?? {}).map(([name, value]) => [
      name.replace('service.beta.kubernetes.io/aws-load-balancer-', ''),
      value,
    ]),
  );

const certificateArn = 'arn:aws:acm:us-east-1:123456789012:certificate/0a1b';

describe("the router's pods", () => {
  const deployment = find<V1Deployment>(manifests(), 'Deployment', 'router');
  const pod = podOf(deployment);

  it('stand on the system nodes, spread over zones and nodes, and leave one at a time', () => {
    expect(deployment.spec?.replicas).toBe(2);
    expect(pod.nodeSelector).toEqual({ 'paddock.dev/role': 'system' });
    expect(pod.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey)).toEqual([
      'topology.kubernetes.io/zone',
      'kubernetes.io/hostname',
    ]);
    expect(find<V1PodDisruptionBudget>(manifests(), 'PodDisruptionBudget', 'router').spec).toMatchObject({
      maxUnavailable: 1,
      selector: deployment.spec?.selector,
    });
  });

  it('run without root, may write nothing but temporary files, and have no Kubernetes token', () => {
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(pod.automountServiceAccountToken).toBe(false);
    for (const name of ['router', 'metrics'])
      expect(containerOf(pod, name).securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
  });

  it('are told by probes that no client reaches, and leave the load balancer before they end', () => {
    const nginx = containerOf(pod, 'router');
    expect(nginx.readinessProbe?.httpGet).toEqual({ path: '/healthz', port: 'internal' });
    // A Network Load Balancer takes two minutes, for old pods and for new ones.
    expect(nginx.lifecycle?.preStop?.sleep?.seconds).toBeGreaterThan(120);
    expect(deployment.spec?.minReadySeconds).toBeGreaterThan(120);
    // EKS drains a node for 15 minutes at most.
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(600);
    expect(pod.terminationGracePeriodSeconds).toBeLessThanOrEqual(900);
  });

  it('are replaced when their configuration changes, and only then', () => {
    expect(checksumOf(manifests())).toBe(checksumOf(manifests()));
    expect(checksumOf(manifests({ requestsPerSecond: 20 }))).not.toBe(checksumOf(manifests()));
    expect(checksumOf(manifests({ replicas: 3 }))).toBe(checksumOf(manifests()));
    const [one, other] = ['https://token-1', 'https://token-2'].map((token) => manifests({}, token));
    expect(checksumOf(one ?? [])).toBe(checksumOf(other ?? []));
    expect(checksumOf(one ?? [])).not.toBe(checksumOf(manifests()));
  });
});

describe("the router's configuration in the cluster", () => {
  it('follows the warm pods by the headless Services, with a new connection for each request', () => {
    const text = configOf(manifests());
    for (const fleet of ['cpu', 'gpu'])
      expect(text).toMatch(
        new RegExp(
          `upstream fleet_${fleet} \\{[^}]*least_conn;[^}]*keepalive 0;[^}]*server ${fleet}.paddock.svc.cluster.local:8080 resolve`,
        ),
      );
    expect(text).toMatch(/resolver kube-dns.kube-system.svc.cluster.local valid=/);
  });

  it('believes PROXY headers from the load balancer alone, and lets in only the allowed networks', () => {
    const text = configOf(manifests({ allowedCidrs: ['10.1.0.0/16', '10.2.0.0/16'] }));
    expect(text.match(/listen \d+ proxy_protocol/g)).toEqual([
      'listen 8080 proxy_protocol',
      'listen 8082 proxy_protocol',
    ]);
    expect([...new Set(text.match(/set_real_ip_from \S+;/g))]).toEqual([
      'set_real_ip_from 10.0.200.0/24;',
      'set_real_ip_from 10.0.201.0/24;',
    ]);
    expect(text.match(/allow 10.1.0.0\/16;\s+allow 10.2.0.0\/16;\s+deny all;/g)).toHaveLength(2);
  });

  it('waits for a generation longer than the worker lets it run', () => {
    const timeouts = [...configOf(manifests()).matchAll(/proxy_read_timeout (\d+)s/g)].map(([, s]) =>
      Number(s),
    );
    expect(Math.min(...timeouts)).toBeGreaterThan(600);
  });

  it('names the queued path: the one that is stated, else the gateway', () => {
    expect(configOf(manifests())).not.toContain('/v1/responses>');
    expect(configOf(manifests({}, 'https://gateway.example'))).toContain(
      '<https://gateway.example/v1/responses>',
    );
    expect(configOf(manifests({ queueUrl: 'https://own.example' }, 'https://gateway.example'))).toContain(
      '<https://own.example/v1/responses>',
    );
  });
});

describe('the load balancer for clients', () => {
  it('is internal, sends PROXY protocol v2 to the pods themselves, and lets in the VPC', () => {
    expect(clients().spec).toMatchObject({
      type: 'LoadBalancer',
      loadBalancerClass: 'service.k8s.aws/nlb',
      loadBalancerSourceRanges: ['10.0.0.0/16'],
      ports: [
        { port: 80, targetPort: 'http' },
        { port: 8080, targetPort: 'webui' },
      ],
    });
    expect(annotationsOf(clients())).toMatchObject({
      scheme: 'internal',
      'nlb-target-type': 'ip',
      subnets: 'subnet-0a,subnet-0b',
      'proxy-protocol': '*',
      attributes: 'load_balancing.cross_zone.enabled=true',
      'healthcheck-path': '/healthz',
    });
    expect(annotationsOf(clients())).not.toHaveProperty('ssl-cert');
  });

  it('ends no connection of a pod that leaves: neither when it is taken out nor when its probes fail', () => {
    expect(annotationsOf(clients())['target-group-attributes']?.split(',')).toEqual(
      expect.arrayContaining([
        'deregistration_delay.timeout_seconds=900',
        'deregistration_delay.connection_termination.enabled=false',
        'target_health_state.unhealthy.connection_termination.enabled=false',
        'target_health_state.unhealthy.draining_interval_seconds=900',
      ]),
    );
  });

  it('has no port for Open WebUI where there is none', () => {
    const service = find<V1Service>(manifests({}, undefined, false), 'Service', 'router-clients');
    expect(service.spec?.ports?.map(({ port }) => port)).toEqual([80]);
  });

  it('speaks TLS with a certificate, and tells Open WebUI so', () => {
    const router: ConfigInput['router'] = {
      certificateArn,
      scheme: 'internet-facing',
      allowedCidrs: ['203.0.113.0/24'],
    };
    expect(annotationsOf(clients(router))).toMatchObject({
      scheme: 'internet-facing',
      'ssl-cert': certificateArn,
      'ssl-ports': '443,8443',
    });
    expect(clients(router).spec?.ports?.map(({ port }) => port)).toEqual([443, 8443]);
    expect(configOf(manifests(router))).toContain('X-Forwarded-Proto https;');
  });
});

it('inside the cluster there are ports for Open WebUI and for Prometheus, and none for clients', () => {
  const { spec } = find<V1Service>(manifests(), 'Service', 'router');
  expect(spec?.type).toBeUndefined();
  expect(spec?.ports?.map(({ name, port }) => [name, port])).toEqual([
    ['backend', 8081],
    ['metrics', 9113],
  ]);
});
