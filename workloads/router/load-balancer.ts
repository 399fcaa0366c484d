import type { V1Service } from '@kubernetes/client-node';
import { LABEL, NAMESPACE } from '../../core/protocol/names.ts';
import { APP_ROUTER, ROUTER_PORTS } from '../names.ts';

export interface LoadBalancerSettings {
  readonly scheme: 'internal' | 'internet-facing';
  /** Networks of the clients that are let in. */
  readonly allowedCidrs: readonly string[];
  readonly certificateArn?: string | undefined;
}

/** Longer than any router pod takes to end. */
const LEAVING_SECONDS = 900;

const annotation = (name: string): string => `service.beta.kubernetes.io/aws-load-balancer-${name}`;

const attributes = (values: Record<string, string | number | boolean>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');

/** Ports that clients see. */
export const clientPorts = ({ certificateArn }: Pick<LoadBalancerSettings, 'certificateArn'>) =>
  certificateArn === undefined ? { api: 80, webui: 8080 } : { api: 443, webui: 8443 };

/**
 * For clients: a Network Load Balancer before the pods' own addresses, made by the AWS Load Balancer Controller. With `ip`
 * targets the pods would see the load balancer's address: PROXY protocol v2 tells them the client's.
 */
export function clientService(
  settings: LoadBalancerSettings,
  subnetIds: readonly string[],
  webui: boolean,
): V1Service {
  const { scheme, allowedCidrs, certificateArn } = settings;
  const ports = clientPorts(settings);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: `${APP_ROUTER}-clients`,
      namespace: NAMESPACE,
      labels: { [LABEL.app]: APP_ROUTER },
      annotations: {
        [annotation('nlb-target-type')]: 'ip',
        [annotation('scheme')]: scheme,
        // Stated, not found by tags: the tags for internal ones are on the nodes' subnets too.
        [annotation('subnets')]: subnetIds.join(','),
        [annotation('proxy-protocol')]: '*',
        [annotation('attributes')]: attributes({ 'load_balancing.cross_zone.enabled': true }),
        [annotation('target-group-attributes')]: attributes({
          'preserve_client_ip.enabled': false,
          // A generation that runs is not cut off when its router pod leaves. Such a pod takes no new connection, so the probes
          // fail it: by default that would end the connections that it still serves.
          'deregistration_delay.timeout_seconds': LEAVING_SECONDS,
          'deregistration_delay.connection_termination.enabled': false,
          'target_health_state.unhealthy.connection_termination.enabled': false,
          'target_health_state.unhealthy.draining_interval_seconds': LEAVING_SECONDS,
        }),
        // The probes carry a PROXY header too, so they go to the ports that expect one.
        [annotation('healthcheck-protocol')]: 'http',
        [annotation('healthcheck-port')]: 'traffic-port',
        [annotation('healthcheck-path')]: '/healthz',
        [annotation('healthcheck-interval')]: '10',
        [annotation('healthcheck-healthy-threshold')]: '2',
        [annotation('healthcheck-unhealthy-threshold')]: '2',
        ...(certificateArn !== undefined && {
          [annotation('ssl-cert')]: certificateArn,
          [annotation('ssl-ports')]: webui ? `${ports.api},${ports.webui}` : String(ports.api),
          [annotation('ssl-negotiation-policy')]: 'ELBSecurityPolicy-TLS13-1-2-2021-06',
        }),
      },
    },
    spec: {
      type: 'LoadBalancer',
      // The AWS Load Balancer Controller's own class: no other controller makes a load balancer of it first.
      loadBalancerClass: 'service.k8s.aws/nlb',
      allocateLoadBalancerNodePorts: false,
      loadBalancerSourceRanges: [...allowedCidrs],
      selector: { [LABEL.app]: APP_ROUTER },
      ports: [
        { name: 'http', port: ports.api, targetPort: ROUTER_PORTS.public.name, protocol: 'TCP' },
        ...(webui
          ? [{ name: 'webui', port: ports.webui, targetPort: ROUTER_PORTS.webui.name, protocol: 'TCP' }]
          : []),
      ],
    },
  };
}
