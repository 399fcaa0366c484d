import { defineConfig, presets } from '../../infra/config/index.ts';
import { addonVersions, EKS_VERSIONS } from '../../local/emulators/eks-kubernetes-versions.ts';
import config from '../../paddock.config.ts';
import { actionsOf, ofType, one, type Statement, synthesizeCluster, systemNodesOf } from './templates.ts';

const template = synthesizeCluster(config);
const addon = (name: string) => one(template, 'AWS::EKS::Addon', { AddonName: name });
const configurationOf = (name: string) => JSON.parse(addon(name)[1].Properties.ConfigurationValues);
const [systemNodes] = systemNodesOf(template);

/** What the pods of a service account may do. */
function statementsFor(serviceAccount: string): Statement[] {
  const [, { Properties }] = one(template, 'AWS::EKS::PodIdentityAssociation', {
    ServiceAccount: serviceAccount,
  });
  const role = template.Resources[Properties.RoleArn['Fn::GetAtt'][0]];
  return (role?.Properties.Policies ?? []).flatMap(
    (policy: { PolicyDocument: { Statement: Statement[] } }) => policy.PolicyDocument.Statement,
  );
}

const associationOf = (serviceAccount: string) =>
  one(template, 'AWS::EKS::PodIdentityAssociation', { ServiceAccount: serviceAccount });

describe('add-ons', () => {
  it('are known to the local EKS, for each Kubernetes version', () => {
    for (const [, { Properties }] of ofType(template, 'AWS::EKS::Addon'))
      for (const version of EKS_VERSIONS)
        expect([Properties.AddonName, version, addonVersions(Properties.AddonName, [version])]).toEqual([
          ...[Properties.AddonName, version],
          expect.arrayContaining([
            expect.objectContaining({ compatibilities: [{ clusterVersion: version, defaultVersion: true }] }),
          ]),
        ]);
  });

  it('are these', () => {
    expect(
      ofType(template, 'AWS::EKS::Addon')
        .map(([, { Properties }]) => Properties.AddonName)
        .toSorted(),
    ).toEqual([
      'amazon-cloudwatch-observability',
      'aws-ebs-csi-driver',
      'coredns',
      'eks-node-monitoring-agent',
      'eks-pod-identity-agent',
      'kube-proxy',
      'vpc-cni',
    ]);
  });

  it('watch the health of nodes only if EKS repairs them', () => {
    const without = synthesizeCluster(
      defineConfig({ region: 'us-east-1', cluster: { nodeRepair: false }, fleets: [presets.gpu()] }),
    );

    expect(
      ofType(without, 'AWS::EKS::Addon').map(([, { Properties }]) => Properties.AddonName),
    ).not.toContain('eks-node-monitoring-agent');
    for (const [, { Properties }] of ofType(without, 'AWS::EKS::Nodegroup'))
      expect(Properties.NodeRepairConfig).toEqual({ Enabled: false });
  });

  it('make network policies count', () => {
    expect(configurationOf('vpc-cni')).toMatchObject({ enableNetworkPolicy: 'true' });
  });

  it.each(['coredns', 'aws-ebs-csi-driver', 'amazon-cloudwatch-observability'])(
    'that need nodes come after the system nodes: %s',
    (name) => {
      expect(addon(name)[1].DependsOn).toContain(systemNodes);
    },
  );

  it.each([
    ['aws-ebs-csi-driver', 'ebs-csi-controller-sa'],
    ['amazon-cloudwatch-observability', 'cloudwatch-agent'],
  ])('%s starts when its pods have an identity', (name, serviceAccount) => {
    expect(addon(name)[1].DependsOn).toContain(associationOf(serviceAccount)[0]);
  });
});

describe('CloudWatch observability', () => {
  it('is on tainted nodes too, its manager is not, and workloads stay as they are', () => {
    expect(configurationOf('amazon-cloudwatch-observability')).toMatchObject({
      tolerations: [{ operator: 'Exists' }],
      containerLogs: { enabled: true },
      manager: {
        tolerations: [],
        applicationSignals: { autoMonitor: { monitorAllServices: false } },
      },
    });
  });

  it('writes to log groups that forget, and that were there first', () => {
    const groups = ofType(template, 'AWS::Logs::LogGroup').filter(([, { Properties }]) =>
      String(Properties.LogGroupName).startsWith('/aws/containerinsights/paddock/'),
    );

    expect(groups.map(([, { Properties }]) => Properties.LogGroupName.split('/').at(-1)).toSorted()).toEqual([
      'application',
      'dataplane',
      'host',
      'performance',
    ]);
    for (const [id, { Properties }] of groups) {
      expect(Properties.RetentionInDays).toBe(30);
      expect(addon('amazon-cloudwatch-observability')[1].DependsOn).toContain(id);
    }
  });

  it('may write its logs and metrics, and read what they are named after', () => {
    expect(statementsFor('cloudwatch-agent').flatMap(actionsOf).toSorted()).toEqual([
      'cloudwatch:PutMetricData',
      'ec2:DescribeTags',
      'ec2:DescribeVolumes',
      'logs:CreateLogStream',
      'logs:DescribeLogStreams',
      'logs:PutLogEvents',
    ]);
  });
});

describe('the load balancer controller', () => {
  const chart = one(template, 'Custom::AWSCDK-EKS-HelmChart', { Release: 'aws-load-balancer-controller' })[1];
  const statements = statementsFor('aws-load-balancer-controller');

  it('is told what the node would not tell it, and takes Services that name it', () => {
    const [, parts] = chart.Properties.Values['Fn::Join'];
    const [vpc] = one(template, 'AWS::EC2::VPC');

    expect(parts[1]).toEqual({ Ref: vpc });
    expect(JSON.parse([parts[0], 'vpc', ...parts.slice(2)].join(''))).toMatchObject({
      clusterName: 'paddock',
      region: 'us-east-1',
      vpcId: 'vpc',
      defaultTargetType: 'ip',
      enableServiceMutatorWebhook: false,
      serviceAccount: { name: 'aws-load-balancer-controller' },
    });
  });

  it('runs before anything asks it: it has nodes, DNS and an identity, and is waited for', () => {
    expect(chart.DependsOn).toEqual(
      expect.arrayContaining([
        systemNodes,
        addon('coredns')[0],
        associationOf('aws-load-balancer-controller')[0],
      ]),
    );
    expect(chart.Properties).toMatchObject({ Wait: true, Namespace: 'kube-system' });
  });

  it('reads anything, and changes only what carries the name of this cluster, and this network', () => {
    const changing = statements.filter(({ Resource }) => Resource !== '*');
    const tagged = ({ Condition }: Statement) =>
      Object.entries((Condition as { StringEquals?: object } | undefined)?.StringEquals ?? {}).some(
        ([key, value]) => key.endsWith('/elbv2.k8s.aws/cluster') && value === 'paddock',
      );
    const exact = ({ Resource }: Statement) => !JSON.stringify(Resource).includes('/*"');

    expect(
      statements
        .filter(({ Resource }) => Resource === '*')
        .flatMap(actionsOf)
        .filter((action) => !/:(Describe|Get)/.test(action)),
    ).toEqual([]);
    expect(changing.filter((one) => !tagged(one) && !exact(one)).flatMap(actionsOf)).toEqual([
      // Of Elastic Load Balancing's own role, whose name the condition states.
      'iam:CreateServiceLinkedRole',
      // Listeners of network load balancers: they have no tags yet when they are tagged first.
      'elasticloadbalancing:AddTags',
      'elasticloadbalancing:DeleteListener',
      'elasticloadbalancing:ModifyListener',
      'elasticloadbalancing:ModifyListenerAttributes',
      'elasticloadbalancing:RemoveTags',
    ]);
  });
});
