import { Duration } from 'aws-cdk-lib';
import { AlbControllerVersion, HelmChart, type ICluster } from 'aws-cdk-lib/aws-eks-v2';
import { Construct, type IDependable } from 'constructs';
import { CLUSTER_TAG } from './cluster-tag.ts';
import { loadBalancerStatements } from './load-balancer-policy.ts';
import { PodRole } from './pod-role.ts';

const NAME = 'aws-load-balancer-controller';
const NAMESPACE = 'kube-system';
const VERSION = AlbControllerVersion.V3_2_2;

export interface LoadBalancerControllerProps {
  readonly clusterName: string;
  readonly region: string;
  /** What its pods need to start: nodes, and the cluster's DNS. */
  readonly after: readonly IDependable[];
}

/**
 * The AWS Load Balancer Controller, which makes Network Load Balancers for Services: EKS by itself would make Classic
 * ones. It belongs to the cluster's stack: the stack with the Services then comes after it, and goes before it, so that
 * it is there to take their load balancers down.
 */
export class LoadBalancerController extends Construct {
  constructor(scope: Construct, id: string, cluster: ICluster, props: LoadBalancerControllerProps) {
    super(scope, id);
    const { clusterName, region, after } = props;
    const role = new PodRole(this, 'Identity', {
      cluster,
      namespace: NAMESPACE,
      serviceAccount: NAME,
      description: 'AWS Load Balancer Controller: Network Load Balancers for Services',
      statements: loadBalancerStatements({
        clusterName,
        vpcId: cluster.vpc.vpcId,
        nodeSecurityGroupId: cluster.clusterSecurityGroupId,
      }),
    });
    const chart = new HelmChart(this, 'Chart', {
      cluster,
      chart: NAME,
      repository: 'https://aws.github.io/eks-charts',
      version: VERSION.helmChartVersion,
      release: NAME,
      namespace: NAMESPACE,
      createNamespace: false,
      // Until it runs, its webhooks would refuse what comes next.
      wait: true,
      timeout: Duration.minutes(10),
      values: {
        clusterName,
        region,
        // Nodes answer no pod that asks them for it.
        vpcId: cluster.vpc.vpcId,
        serviceAccount: { create: true, name: NAME },
        controllerConfig: { featureGates: { ServiceTypeLoadBalancerOnly: true } },
        defaultTargetType: 'ip',
        defaultTags: { [CLUSTER_TAG]: clusterName },
        // Services name their class. Else no Service of the cluster could be made while the controller is away.
        enableServiceMutatorWebhook: false,
        // What Ingresses would need.
        createIngressClassResource: false,
        ingressClassParams: { create: false },
        enableShield: false,
        enableWaf: false,
        enableWafv2: false,
        podDisruptionBudget: { maxUnavailable: 1 },
        resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '256Mi' } },
      },
    });
    chart.node.addDependency(role, ...after);
  }
}
