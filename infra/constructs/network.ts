import { GatewayVpcEndpointAwsService, IpAddresses, type IVpc, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import type { PaddockConfig } from '../config/index.ts';

/** Public subnets for load balancers and NAT, private ones for nodes and functions, in the zones of the configuration. */
export function createVpc(scope: Construct, { zones, vpcCidr, natGateways }: PaddockConfig['cluster']): IVpc {
  // Private subnets get most of the block, because every pod takes an address: a quarter each for up to three zones.
  const privateMask = Number(vpcCidr.split('/')[1]) + (zones.length > 3 ? 3 : 2);
  const vpc = new Vpc(scope, 'Vpc', {
    // Stated, not looked up: synthesis needs no account.
    availabilityZones: [...zones],
    ipAddresses: IpAddresses.cidr(vpcCidr),
    natGateways,
    subnetConfiguration: [
      { name: 'private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: privateMask },
      { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: privateMask + 4 },
    ],
    // Models and results then don't pass, and don't pay for, the NAT gateway.
    gatewayEndpoints: { s3: { service: GatewayVpcEndpointAwsService.S3 } },
  });
  // CDK's own types don't hold under exactOptionalPropertyTypes.
  return vpc as IVpc;
}
