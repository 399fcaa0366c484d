import { idKind, type Kind } from './physical-kind.ts';

/** EC2 has no emulator: its ids only have to be well-formed, distinct and stable. */
export const ec2Kinds: Readonly<Record<string, Kind>> = {
  'AWS::EC2::VPC': idKind('vpc', 'VpcId', {
    CidrBlock: (s) => s.required('CidrBlock'),
    DefaultSecurityGroup: (s) => s.hex('sg', 'default'),
    DefaultNetworkAcl: (s) => s.hex('acl', 'default'),
    CidrBlockAssociations: (s) => [s.hex('vpc-cidr-assoc')],
    Ipv6CidrBlocks: () => [],
  }),
  'AWS::EC2::Subnet': idKind('subnet', 'SubnetId', {
    AvailabilityZone: (s) => s.required('AvailabilityZone'),
    CidrBlock: (s) => s.required('CidrBlock'),
    VpcId: (s) => s.required('VpcId'),
    NetworkAclAssociationId: (s) => s.hex('aclassoc'),
    Ipv6CidrBlocks: () => [],
  }),
  'AWS::EC2::SecurityGroup': idKind('sg', 'GroupId', {
    Id: (s) => s.ref,
    VpcId: (s) => s.required('VpcId'),
  }),
  'AWS::EC2::SecurityGroupIngress': idKind('sgr', 'Id'),
  'AWS::EC2::SecurityGroupEgress': idKind('sgr', 'Id'),
  'AWS::EC2::RouteTable': idKind('rtb', 'RouteTableId'),
  'AWS::EC2::InternetGateway': idKind('igw', 'InternetGatewayId'),
  'AWS::EC2::EgressOnlyInternetGateway': idKind('eigw', 'Id'),
  'AWS::EC2::NatGateway': idKind('nat', 'NatGatewayId'),
  'AWS::EC2::VPCEndpoint': idKind('vpce', 'Id'),
  'AWS::EC2::FlowLog': idKind('fl', 'Id'),
  'AWS::EC2::Volume': idKind('vol', 'VolumeId'),
  'AWS::EC2::LaunchTemplate': idKind('lt', 'LaunchTemplateId', {
    LatestVersionNumber: () => '1',
    DefaultVersionNumber: () => '1',
  }),
  // An elastic IP's Ref is its address; 203.0.113.0/24 is set aside for documentation.
  'AWS::EC2::EIP': {
    ref: (s) => `203.0.113.${1 + (Number.parseInt(s.hex('x').slice(2, 8), 16) % 254)}`,
    attributes: { AllocationId: (s) => s.hex('eipalloc'), PublicIp: (s) => s.ref },
  },
};
