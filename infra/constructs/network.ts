import { RemovalPolicy } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  FlowLogMaxAggregationInterval,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  type IVpc,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { WorkloadNetwork } from '../../workloads/index.ts';
import type { PaddockConfig } from '../config/index.ts';
import { acceptFindings, LOGS_OF_AWS_KEY } from './findings.ts';

const TRAFFIC = { all: FlowLogTrafficType.ALL, rejected: FlowLogTrafficType.REJECT } as const;

/**
 * A subnet of each kind in each zone of the configuration. What may call pods has subnets of its own: a network policy can name
 * those, but could not tell a function's address from a pod's in a subnet that both share.
 */
export const SUBNETS = {
  /** Nodes, and thereby pods. */
  nodes: 'private',
  /** The API server's interfaces and the functions. */
  control: 'control',
  /** Internal load balancers. */
  balancers: 'balancers',
  /** NAT, and load balancers that the internet reaches. */
  public: 'public',
} as const;

export function createVpc(scope: Construct, { cluster, logRetentionDays }: PaddockConfig): IVpc {
  const { zones, vpcCidr, natGateways } = cluster;
  // Private subnets get most of the block, because every pod takes an address: a quarter each for up to three zones.
  const privateMask = Number(vpcCidr.split('/')[1]) + (zones.length > 3 ? 3 : 2);
  const vpc = new Vpc(scope, 'Vpc', {
    // Stated, not looked up: synthesis needs no account.
    availabilityZones: [...zones],
    ipAddresses: IpAddresses.cidr(vpcCidr),
    natGateways,
    subnetConfiguration: [
      { name: SUBNETS.nodes, subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: privateMask },
      // Nothing that would want a public address by itself runs here: load balancers and NAT bring their own.
      {
        name: SUBNETS.public,
        subnetType: SubnetType.PUBLIC,
        cidrMask: privateMask + 4,
        mapPublicIpOnLaunch: false,
      },
      { name: SUBNETS.control, subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: privateMask + 4 },
      { name: SUBNETS.balancers, subnetType: SubnetType.PRIVATE_ISOLATED, cidrMask: privateMask + 4 },
    ],
    // Models, results and the scaler's memory then don't pass, and don't pay for, the NAT gateway.
    gatewayEndpoints: {
      s3: { service: GatewayVpcEndpointAwsService.S3 },
      dynamodb: { service: GatewayVpcEndpointAwsService.DYNAMODB },
    },
    // What names no security group of its own then reaches nothing.
    restrictDefaultSecurityGroup: true,
  });
  if (cluster.flowLogs !== 'off') logFlows(vpc, TRAFFIC[cluster.flowLogs], logRetentionDays);
  else acceptFindings(vpc, { 'AwsSolutions-VPC7': 'The configuration turns flow logs off.' });
  for (const subnet of [...vpc.privateSubnets, ...vpc.isolatedSubnets, ...vpc.publicSubnets])
    acceptFindings(subnet, {
      W3010:
        'The configuration names the zones: looked up, they would need an account, and could change with it.',
    });
  // CDK's own types don't hold under exactOptionalPropertyTypes.
  return vpc as IVpc;
}

/** Where what calls pods comes from. */
export function workloadNetwork(vpc: IVpc, { router }: PaddockConfig): WorkloadNetwork {
  const of = (subnetGroupName: string) => vpc.selectSubnets({ subnetGroupName }).subnets;
  const balancers = of(router.scheme === 'internal' ? SUBNETS.balancers : SUBNETS.public);
  return {
    controlCidrs: of(SUBNETS.control).map(({ ipv4CidrBlock }) => ipv4CidrBlock),
    loadBalancerCidrs: balancers.map(({ ipv4CidrBlock }) => ipv4CidrBlock),
    loadBalancerSubnetIds: balancers.map(({ subnetId }) => subnetId),
  };
}

/** CDK makes the role: it may write to this log group, and nothing else. */
function logFlows(vpc: Vpc, trafficType: FlowLogTrafficType, retention: number): void {
  const logGroup = new LogGroup(vpc, 'FlowLogs', { retention, removalPolicy: RemovalPolicy.DESTROY });
  acceptFindings(logGroup, { CKV_AWS_158: LOGS_OF_AWS_KEY });
  vpc.addFlowLog('FlowLog', {
    destination: FlowLogDestination.toCloudWatchLogs(logGroup),
    trafficType,
    // A record per connection and ten minutes, not per minute: a tenth of the volume.
    maxAggregationInterval: FlowLogMaxAggregationInterval.TEN_MINUTES,
  });
}
