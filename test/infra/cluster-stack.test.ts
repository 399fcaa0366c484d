import { App } from 'aws-cdk-lib';
import { defineConfig, presets } from '../../infra/config/index.ts';
import { ClusterStack } from '../../infra/stacks/cluster-stack.ts';
import config from '../../paddock.config.ts';
import { ofType, one, type Template } from './templates.ts';

function synthesize(configuration = config): Template {
  const app = new App({ analyticsReporting: false, builtinCloudFormationValidation: false });
  new ClusterStack(app, 'PaddockCluster', { env: { region: configuration.region }, config: configuration });
  return app.synth().getStackByName('PaddockCluster').template as Template;
}

const template = synthesize();
const nodes = (name: string) => one(template, 'AWS::EKS::Nodegroup', { NodegroupName: name })[1].Properties;
const groups = ofType(template, 'AWS::EKS::Nodegroup');

describe('node groups', () => {
  it('are one per pool and one for the system', () => {
    expect(groups.map(([, { Properties }]) => Properties.NodegroupName).toSorted()).toEqual([
      'paddock-cpu-base-a',
      'paddock-cpu-base-b',
      'paddock-cpu-spot',
      'paddock-gpu-on-demand',
      'paddock-gpu-spot',
      'paddock-system',
    ]);
  });

  it.each(groups.map(([, { Properties }]) => [Properties.NodegroupName, Properties]))(
    '%s leaves the desired size to the scaler and respects disruption budgets',
    (_name, properties) => {
      expect(Object.keys(properties.ScalingConfig).toSorted()).toEqual(['MaxSize', 'MinSize']);
      expect(properties.ForceUpdateEnabled).toBe(false);
    },
  );

  it('take bounds, capacity type and instance types from the pool', () => {
    expect(nodes('paddock-cpu-spot')).toMatchObject({
      CapacityType: 'SPOT',
      InstanceTypes: ['c6i.4xlarge', 'c6a.4xlarge'],
      ScalingConfig: { MinSize: 0, MaxSize: 8 },
      DiskSize: 100,
    });
  });

  it("label and taint nodes so that only the pool's replicas land on them", () => {
    expect(nodes('paddock-cpu-base-a')).toMatchObject({
      Labels: { 'paddock.dev/fleet': 'cpu', 'paddock.dev/pool': 'base-a' },
      Taints: [{ Key: 'paddock.dev/pool', Value: 'cpu-base-a', Effect: 'NO_SCHEDULE' }],
    });
    expect(nodes('paddock-system').Taints).toBeUndefined();
  });

  it("mark GPU nodes, and boot them from an image with NVIDIA's driver", () => {
    expect(nodes('paddock-gpu-spot')).toMatchObject({
      AmiType: 'AL2023_x86_64_NVIDIA',
      Labels: { accelerator: 'nvidia' },
      Taints: [
        { Key: 'paddock.dev/pool', Value: 'gpu-spot', Effect: 'NO_SCHEDULE' },
        { Key: 'nvidia.com/gpu', Value: 'present', Effect: 'NO_SCHEDULE' },
      ],
    });
    expect(nodes('paddock-cpu-spot').AmiType).toBe('AL2023_x86_64_STANDARD');
  });

  it('keep a persistent pool in the subnet of its zone, and let elastic ones use all', () => {
    const zoneOf = (subnet: { Ref: string }) => template.Resources[subnet.Ref]?.Properties.AvailabilityZone;

    expect(nodes('paddock-cpu-base-a').Subnets.map(zoneOf)).toEqual(['us-east-1a']);
    expect(nodes('paddock-cpu-base-b').Subnets.map(zoneOf)).toEqual(['us-east-1b']);
    expect(nodes('paddock-gpu-spot').Subnets.map(zoneOf)).toEqual(['us-east-1a', 'us-east-1b', 'us-east-1c']);
  });
});

describe('the cluster', () => {
  it('has the configured name and version, access entries, and an endpoint reachable from both sides', () => {
    expect(one(template, 'AWS::EKS::Cluster')[1].Properties).toMatchObject({
      Name: 'paddock',
      Version: '1.36',
      AccessConfig: { AuthenticationMode: 'API' },
      ResourcesVpcConfig: { EndpointPrivateAccess: true, EndpointPublicAccess: true },
    });
  });

  it('has its add-ons, the volume driver only where a pool has volumes', () => {
    const addons = (of: Template) =>
      ofType(of, 'AWS::EKS::Addon')
        .map(([, { Properties }]) => Properties.AddonName)
        .toSorted();
    const basic = ['coredns', 'eks-pod-identity-agent', 'kube-proxy', 'vpc-cni'];

    expect(addons(template)).toEqual(['aws-ebs-csi-driver', ...basic]);
    expect(addons(synthesize(defineConfig({ region: 'us-east-1', fleets: [presets.gpu()] })))).toEqual(basic);
  });

  it('lets nodes join only when they can get addresses', () => {
    const [cni] = one(template, 'AWS::EKS::Addon', { AddonName: 'vpc-cni' });

    for (const [, group] of groups) expect(group.DependsOn).toContain(cni);
  });
});

describe('synthesis', () => {
  it('looks nothing up, in any region', () => {
    const app = new App({ analyticsReporting: false, builtinCloudFormationValidation: false });
    const elsewhere = defineConfig({ region: 'eu-central-1', fleets: [presets.cpu()] });
    new ClusterStack(app, 'PaddockCluster', { env: { region: 'eu-central-1' }, config: elsewhere });

    expect(app.synth().manifest.missing ?? []).toEqual([]);
  });

  it.each([
    [['a', 'b'], '10.1.0.0/16'],
    [['a', 'b', 'c', 'd', 'e', 'f'], '10.1.0.0/16'],
    [['a', 'b', 'c', 'd', 'e', 'f'], '10.1.0.0/20'],
  ])('finds room for the subnets of zones %j in %s', (zones, vpcCidr) => {
    const spread = defineConfig({
      region: 'us-east-1',
      cluster: { zones, vpcCidr },
      fleets: [presets.cpu()],
    });

    expect(ofType(synthesize(spread), 'AWS::EC2::Subnet')).toHaveLength(zones.length * 2);
  });
});
