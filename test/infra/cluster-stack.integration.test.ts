import { type ConfigInput, defineConfig, presets } from '../../infra/config/index.ts';
import config from '../../paddock.config.ts';
import { ofType, one, synthesize, synthesizeCluster, type Template } from './templates.ts';

const { cluster: template, missing, order } = synthesize(config);

const withCluster = (cluster: ConfigInput['cluster']): Template =>
  synthesizeCluster(defineConfig({ region: 'us-east-1', cluster, fleets: [presets.gpu()] }));
const open = withCluster({
  publicAccessCidrs: ['203.0.113.0/24', '198.51.100.7/32'],
  admins: ['arn:aws:iam::111122223333:role/Admin'],
  controlPlaneLogs: ['audit'],
});
const clusterOf = (of: Template) => one(of, 'AWS::EKS::Cluster')[1].Properties;

describe('the API server', () => {
  it('answers inside the VPC only, in the private subnets', () => {
    const { ResourcesVpcConfig } = clusterOf(template);
    const names = ResourcesVpcConfig.SubnetIds.map(
      ({ Ref }: { Ref: string }) => template.Resources[Ref]?.Properties.MapPublicIpOnLaunch,
    );

    expect(ResourcesVpcConfig).toMatchObject({ EndpointPrivateAccess: true, EndpointPublicAccess: false });
    expect(ResourcesVpcConfig.PublicAccessCidrs).toBeUndefined();
    expect(names).toEqual([false, false, false]);
  });

  it('answers those besides whom the configuration names', () => {
    expect(clusterOf(open).ResourcesVpcConfig).toMatchObject({
      EndpointPrivateAccess: true,
      EndpointPublicAccess: true,
      PublicAccessCidrs: ['203.0.113.0/24', '198.51.100.7/32'],
    });
  });

  it.each([
    ['closed', template],
    ['open', open],
  ])('is reached from inside by what applies manifests, when it is %s too', (_, of) => {
    const [, handler] = ofType(of, 'AWS::Lambda::Function').find(([id]) =>
      id.startsWith('ClusterKubectlProviderHandler'),
    ) ?? ['', undefined];

    expect(handler?.Properties.VpcConfig.SubnetIds).toEqual(clusterOf(of).ResourcesVpcConfig.SubnetIds);
    // The group that EKS itself makes, in which everything may talk to everything.
    expect(handler?.Properties.VpcConfig.SecurityGroupIds).toEqual([
      { 'Fn::GetAtt': [one(of, 'AWS::EKS::Cluster')[0], 'ClusterSecurityGroupId'] },
    ]);
  });
});

describe('access', () => {
  const ADMIN = 'AmazonEKSClusterAdminPolicy';
  const adminsOf = (of: Template) =>
    ofType(of, 'AWS::EKS::AccessEntry')
      .filter(([, { Properties }]) => JSON.stringify(Properties.AccessPolicies ?? '').includes(ADMIN))
      .map(([, { Properties }]) => Properties.PrincipalArn);

  it('comes from access entries, and none of whoever deploys', () => {
    expect(clusterOf(template).AccessConfig).toEqual({
      AuthenticationMode: 'API',
      BootstrapClusterCreatorAdminPermissions: false,
    });
  });

  it('to everything have the administrators of the configuration, and what applies manifests', () => {
    const handlerRole = expect.objectContaining({ 'Fn::GetAtt': expect.any(Array) });

    expect(adminsOf(template)).toEqual([handlerRole]);
    expect(adminsOf(open)).toEqual(
      expect.arrayContaining(['arn:aws:iam::111122223333:role/Admin', handlerRole]),
    );
  });
});

describe('the cluster', () => {
  it('encrypts Secrets with a key of its own that rotates, and goes with it after a month', () => {
    const [keyId, key] = one(template, 'AWS::KMS::Key');

    expect(clusterOf(template).EncryptionConfig).toEqual([
      { Provider: { KeyArn: { 'Fn::GetAtt': [keyId, 'Arn'] } }, Resources: ['secrets'] },
    ]);
    expect(key.Properties).toMatchObject({ EnableKeyRotation: true, PendingWindowInDays: 30 });
    expect(key).toMatchObject({ DeletionPolicy: 'Delete' });
  });

  it('logs what the configuration says, to a group that forgets and was there first', () => {
    const types = (of: Template) =>
      clusterOf(of).Logging?.ClusterLogging.EnabledTypes.map(({ Type }: { Type: string }) => Type);
    const [logs, { Properties }] = one(template, 'AWS::Logs::LogGroup', {
      LogGroupName: '/aws/eks/paddock/cluster',
    });

    expect(types(template)).toEqual(['api', 'audit', 'authenticator', 'controllerManager', 'scheduler']);
    expect(types(open)).toEqual(['audit']);
    expect(types(withCluster({ controlPlaneLogs: [] })) ?? []).toEqual([]);
    expect(Properties.RetentionInDays).toBe(30);
    expect(one(template, 'AWS::EKS::Cluster')[1].DependsOn).toContain(logs);
  });
});

describe('synthesis', () => {
  it('looks nothing up', () => {
    expect(missing).toEqual([]);
  });

  it('deploys state before the cluster, the cluster before the control plane, and last what watches them', () => {
    expect(order).toEqual(['PaddockState', 'PaddockCluster', 'PaddockControlPlane', 'PaddockMonitoring']);
  });
});
