import { type ConfigInput, defineConfig, presets } from '../../infra/config/index.ts';
import config from '../../paddock.config.ts';
import { ofType, one, statementsOf, synthesizeCluster, type Template } from './templates.ts';

const template = synthesizeCluster(config);
const withCluster = (cluster: ConfigInput['cluster']): Template =>
  synthesizeCluster(defineConfig({ region: 'us-east-1', cluster, fleets: [presets.gpu()] }));

const subnets = (kind: string) =>
  ofType(template, 'AWS::EC2::Subnet').filter(([, { Properties }]) =>
    Properties.Tags.some(
      ({ Key, Value }: { Key: string; Value: string }) => Key === 'aws-cdk:subnet-name' && Value === kind,
    ),
  );
const zones = (kind: string) => subnets(kind).map(([, { Properties }]) => Properties.AvailabilityZone);
const tagsOf = (kind: string) =>
  subnets(kind).flatMap(([, { Properties }]) => Properties.Tags.map(({ Key }: { Key: string }) => Key));

describe('subnets', () => {
  it.each(['public', 'private', 'control', 'balancers'])('of kind %s are in each of three zones', (kind) => {
    expect(zones(kind)).toEqual(['us-east-1a', 'us-east-1b', 'us-east-1c']);
  });

  it('tell load balancers which of them to use', () => {
    const roles = (kind: string) =>
      tagsOf(kind).filter((key: string) => key.startsWith('kubernetes.io/role/'));

    expect(roles('public')).toEqual(Array(3).fill('kubernetes.io/role/elb'));
    expect(roles('private')).toEqual(Array(3).fill('kubernetes.io/role/internal-elb'));
  });

  it('give nothing a public address by itself', () => {
    for (const [, { Properties }] of ofType(template, 'AWS::EC2::Subnet'))
      expect(Properties.MapPublicIpOnLaunch).toBe(false);
  });

  it.each([
    [['a', 'b'], '10.1.0.0/16'],
    [['a', 'b', 'c', 'd', 'e', 'f'], '10.1.0.0/16'],
    [['a', 'b', 'c', 'd', 'e', 'f'], '10.1.0.0/20'],
  ])('find room for the zones %j in %s', (zones, vpcCidr) => {
    expect(ofType(withCluster({ zones, vpcCidr }), 'AWS::EC2::Subnet')).toHaveLength(zones.length * 4);
  });
});

it.each([1, 3])('private subnets reach the internet through %i NAT gateways', (natGateways) => {
  const of = withCluster({ natGateways });
  const ways = ofType(of, 'AWS::EC2::Route').flatMap(
    ([, { Properties }]) => Properties.NatGatewayId?.Ref ?? [],
  );

  expect(ofType(of, 'AWS::EC2::NatGateway')).toHaveLength(natGateways);
  expect(ways).toHaveLength(6);
  expect(new Set(ways).size).toBe(natGateways);
});

it('S3 and DynamoDB are reached past the NAT gateway, from every subnet', () => {
  const endpoints = ofType(template, 'AWS::EC2::VPCEndpoint').map(([, { Properties }]) => Properties);

  expect(endpoints.map(({ ServiceName }) => JSON.stringify(ServiceName)).toSorted()).toEqual([
    expect.stringContaining('dynamodb'),
    expect.stringContaining('s3'),
  ]);
  for (const { VpcEndpointType, RouteTableIds } of endpoints) {
    expect(VpcEndpointType).toBe('Gateway');
    expect(RouteTableIds).toHaveLength(12);
  }
});

it('the default security group lets nothing through', () => {
  const [vpc] = one(template, 'AWS::EC2::VPC');

  expect(one(template, 'Custom::VpcRestrictDefaultSG')[1].Properties.DefaultSecurityGroupId).toEqual({
    'Fn::GetAtt': [vpc, 'DefaultSecurityGroup'],
  });
});

describe('flow logs', () => {
  it('are of all connections, kept for the configured time, by a role that can do nothing else', () => {
    const { Properties } = one(template, 'AWS::EC2::FlowLog')[1];
    const logs = Properties.LogGroupName.Ref;

    expect(Properties).toMatchObject({ ResourceType: 'VPC', TrafficType: 'ALL' });
    expect(template.Resources[logs]?.Properties.RetentionInDays).toBe(30);
    expect(statementsOf(template, Properties.DeliverLogsPermissionArn['Fn::GetAtt'][0])).toEqual([
      {
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
        Resource: { 'Fn::GetAtt': [logs, 'Arn'] },
      },
    ]);
  });

  it('are of refused connections only, or none, if the configuration says so', () => {
    expect(one(withCluster({ flowLogs: 'rejected' }), 'AWS::EC2::FlowLog')[1].Properties.TrafficType).toBe(
      'REJECT',
    );
    expect(ofType(withCluster({ flowLogs: 'off' }), 'AWS::EC2::FlowLog')).toEqual([]);
  });
});
