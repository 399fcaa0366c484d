import { SYSTEM_NODE } from '../../core/protocol/names.ts';
import { defineConfig, type PoolInput } from '../../infra/config/index.ts';
import config from '../../paddock.config.ts';
import { fleet, pool } from './config-fixtures.ts';
import { ofType, one, synthesizeCluster, systemNodesOf } from './templates.ts';

const template = synthesizeCluster(config);
const groups = ofType(template, 'AWS::EKS::Nodegroup');
const nodes = (name: string, of = template) =>
  one(of, 'AWS::EKS::Nodegroup', { NodegroupName: name })[1].Properties;
const launchData = (name: string, of = template) =>
  of.Resources[nodes(name, of).LaunchTemplate.Id.Ref]?.Properties.LaunchTemplateData;

/** One pool of each kind that the shipped configuration has none of. */
const KINDS: Record<string, Partial<PoolInput>> = {
  arm: { instanceTypes: ['c7g.4xlarge'] },
  gpus: { instanceTypes: ['p5.48xlarge'], gpusPerNode: 8, warmPool: { size: 2 } },
  'br-x86': { os: 'bottlerocket', nodeDiskGiB: 150 },
  'br-arm': { os: 'bottlerocket', instanceTypes: ['m7gd.4xlarge'] },
  'br-gpu': { os: 'bottlerocket', instanceTypes: ['g6e.xlarge'], warmPool: { size: 1, state: 'running' } },
  'br-gpu-arm': { os: 'bottlerocket', instanceTypes: ['g5g.xlarge'], gpusPerNode: 1 },
};
const kinds = synthesizeCluster(
  defineConfig({
    region: 'us-east-1',
    fleets: [
      fleet({
        name: 'all',
        pools: Object.entries(KINDS).map(([name, changes]) => pool({ name, pricePerHour: 1, ...changes })),
      }),
    ],
  }),
);

describe('node groups', () => {
  it('are one per pool and one for the system', () => {
    expect(systemNodesOf(template)[1].Properties.Labels).toMatchObject(SYSTEM_NODE);
    expect(groups.flatMap(([, { Properties }]) => Properties.NodegroupName ?? []).toSorted()).toEqual([
      'paddock-cpu-base-a',
      'paddock-cpu-base-b',
      'paddock-cpu-on-demand',
      'paddock-cpu-spot',
      'paddock-gpu-on-demand',
      'paddock-gpu-spot',
    ]);
  });

  it('take capacity type, instance types and upper bound from the pool', () => {
    expect(nodes('paddock-cpu-spot')).toMatchObject({
      CapacityType: 'SPOT',
      InstanceTypes: ['c6i.4xlarge', 'c6a.4xlarge'],
      ScalingConfig: { MaxSize: 8 },
    });
    expect(nodes('paddock-cpu-base-a')).toMatchObject({
      CapacityType: 'ON_DEMAND',
      InstanceTypes: ['c6a.8xlarge'],
      ScalingConfig: { MaxSize: 1 },
    });
    expect(nodes('paddock-gpu-on-demand').InstanceTypes).toEqual(['g5.2xlarge']);
  });

  it("label and taint nodes so that only the pool's replicas land on them", () => {
    expect(nodes('paddock-cpu-base-a')).toMatchObject({
      Labels: { 'paddock.dev/fleet': 'cpu', 'paddock.dev/pool': 'base-a' },
      Taints: [{ Key: 'paddock.dev/pool', Value: 'cpu-base-a', Effect: 'NO_SCHEDULE' }],
    });
    expect(nodes('paddock-gpu-spot')).toMatchObject({
      Labels: { accelerator: 'nvidia' },
      Taints: [
        { Key: 'paddock.dev/pool', Value: 'gpu-spot', Effect: 'NO_SCHEDULE' },
        { Key: 'nvidia.com/gpu', Value: 'present', Effect: 'NO_SCHEDULE' },
      ],
    });
    expect(systemNodesOf(template)[1].Properties.Taints).toBeUndefined();
  });

  it('keep a persistent pool in the subnet of its zone, and let elastic ones use all', () => {
    const zoneOf = (subnet: { Ref: string }) => template.Resources[subnet.Ref]?.Properties.AvailabilityZone;

    expect(nodes('paddock-cpu-base-a').Subnets.map(zoneOf)).toEqual(['us-east-1a']);
    expect(nodes('paddock-cpu-base-b').Subnets.map(zoneOf)).toEqual(['us-east-1b']);
    expect(nodes('paddock-gpu-spot').Subnets.map(zoneOf)).toEqual(['us-east-1a', 'us-east-1b', 'us-east-1c']);
    // Two nodes, two zones: a volume's zone always has one.
    expect(systemNodesOf(template)[1].Properties.Subnets.map(zoneOf)).toEqual(['us-east-1a', 'us-east-1b']);
  });

  it('respect disruption budgets, and have nodes that stay broken replaced', () => {
    for (const [, { Properties }] of groups) {
      expect(Properties.ForceUpdateEnabled).toBe(false);
      expect(Properties.NodeRepairConfig).toEqual({ Enabled: true });
    }
  });

  it('let a node join only when it can get addresses', () => {
    const [cni] = one(template, 'AWS::EKS::Addon', { AddonName: 'vpc-cni' });

    for (const [, group] of groups) expect(group.DependsOn).toContain(cni);
  });
});

describe('images', () => {
  it.each([
    ['arm', 'AL2023_ARM_64_STANDARD'],
    ['gpus', 'AL2023_x86_64_NVIDIA'],
    ['br-x86', 'BOTTLEROCKET_x86_64'],
    ['br-arm', 'BOTTLEROCKET_ARM_64'],
    ['br-gpu', 'BOTTLEROCKET_x86_64_NVIDIA'],
    ['br-gpu-arm', 'BOTTLEROCKET_ARM_64_NVIDIA'],
  ])('for %s are %s', (name, image) => {
    expect(nodes(`paddock-all-${name}`, kinds).AmiType).toBe(image);
    expect(nodes('paddock-cpu-spot').AmiType).toBe('AL2023_x86_64_STANDARD');
  });
});

describe('launch templates', () => {
  it("carry the cluster's tag, by which an upgrade may launch from them and from no others", () => {
    for (const [, { Properties }] of ofType(template, 'AWS::EC2::LaunchTemplate'))
      expect(Properties.TagSpecifications).toEqual([
        {
          ResourceType: 'launch-template',
          Tags: expect.arrayContaining([{ Key: 'paddock.dev/cluster', Value: 'paddock' }]),
        },
      ]);
  });

  it('hold one encrypted gp3 disk of the configured size', () => {
    expect(launchData('paddock-cpu-spot').BlockDeviceMappings).toEqual([
      {
        DeviceName: '/dev/xvda',
        Ebs: { VolumeSize: 100, VolumeType: 'gp3', Encrypted: true, DeleteOnTermination: true },
      },
    ]);
    for (const [, { Properties }] of groups) expect(Properties.DiskSize).toBeUndefined();
  });

  it("give Bottlerocket's second disk the configured size: images and pods lie there", () => {
    const disks = launchData('paddock-all-br-x86', kinds);

    expect(disks.BlockDeviceMappings).toMatchObject([
      { DeviceName: '/dev/xvda', Ebs: { Encrypted: true } },
      { DeviceName: '/dev/xvdb', Ebs: { VolumeSize: 150, Encrypted: true } },
    ]);
  });

  it.each(groups.map(([, { Properties }]) => [Properties.NodegroupName ?? 'paddock-system', Properties]))(
    '%s: only the node itself asks for metadata, with a token, and its costs carry the pool',
    (name, { LaunchTemplate }) => {
      const data = template.Resources[LaunchTemplate.Id.Ref]?.Properties.LaunchTemplateData;
      const { MetadataOptions, TagSpecifications } = data;

      expect(MetadataOptions).toEqual({ HttpTokens: 'required', HttpPutResponseHopLimit: 1 });
      for (const resourceType of ['instance', 'volume'])
        expect(TagSpecifications).toContainEqual({
          ResourceType: resourceType,
          Tags: expect.arrayContaining([
            { Key: 'Name', Value: name },
            { Key: 'paddock.dev/cluster', Value: 'paddock' },
            { Key: 'paddock.dev/pool', Value: expect.any(String) },
          ]),
        });
    },
  );

  it('have no security group: EKS then gives nodes its own, behind which pods and apiserver are', () => {
    for (const [, { Properties }] of ofType(template, 'AWS::EC2::LaunchTemplate'))
      expect(Object.keys(Properties.LaunchTemplateData).toSorted()).toEqual([
        'BlockDeviceMappings',
        'MetadataOptions',
        'TagSpecifications',
      ]);
  });
});

describe('warm pools', () => {
  it('are of a fixed size beside the nodes that serve, stopped unless told otherwise', () => {
    expect(nodes('paddock-all-gpus', kinds).WarmPoolConfig).toEqual({
      Enabled: true,
      MinSize: 2,
      MaxGroupPreparedCapacity: 2,
      PoolState: 'STOPPED',
      ReuseOnScaleIn: false,
    });
    expect(nodes('paddock-all-br-gpu', kinds).WarmPoolConfig).toMatchObject({
      MinSize: 1,
      PoolState: 'RUNNING',
    });
  });

  it('are off unless asked for', () => {
    for (const [, { Properties }] of groups) expect(Properties.WarmPoolConfig).toBeUndefined();
  });
});

describe('once a group exists', () => {
  const call = (properties: Record<string, unknown>, event: 'Create' | 'Update' | 'Delete') => {
    // Resolved as far as this test needs: a GetAtt stands as its attribute.
    const node = properties[event] as string | { 'Fn::Join': [string, unknown[]] } | undefined;
    if (node === undefined) return undefined;
    const text =
      typeof node === 'string'
        ? node
        : node['Fn::Join'][1]
            .map((part) => (typeof part === 'string' ? part : JSON.stringify(part).replaceAll('"', '')))
            .join('');
    return JSON.parse(text);
  };

  it.each(
    groups.map(([id, { Properties }]) => [
      Properties.NodegroupName ?? `{Fn::GetAtt:[${id},NodegroupName]}`,
      id,
    ]),
  )("%s's Auto Scaling group moves no nodes between zones, and a replaced one doesn't either", (name, id) => {
    const described = ofType(template, 'Custom::NodegroupDescription').find(
      ([, { Properties }]) => call(Properties, 'Create').parameters.nodegroupName === name,
    );
    const suspended = ofType(template, 'Custom::AzRebalanceSuspension').filter(([, { Properties }]) =>
      JSON.stringify(Properties.Create).includes(`"${described?.[0]}"`),
    );

    expect(suspended).toHaveLength(1);
    for (const event of ['Create', 'Update'] as const) {
      expect(call(described?.[1].Properties ?? {}, event)).toMatchObject({
        service: 'EKS',
        action: 'describeNodegroup',
        // Another group has another ARN: both calls are then made again.
        physicalResourceId: { id: `{Fn::GetAtt:[${id},Arn]}` },
      });
      expect(call(suspended[0]?.[1].Properties ?? {}, event)).toMatchObject({
        service: 'AutoScaling',
        action: 'suspendProcesses',
        parameters: { ScalingProcesses: ['AZRebalance'] },
        physicalResourceId: { id: `{Fn::GetAtt:[${id},Arn]}` },
      });
    }
  });

  it('may only be set up, and only if it is of this cluster', () => {
    const [, fn] = ofType(template, 'AWS::Lambda::Function').find(([id]) => id.startsWith('AWS679')) ?? [];
    const role = template.Resources[fn?.Properties.Role['Fn::GetAtt'][0]];
    const Statement = role?.Properties.Policies[0].PolicyDocument.Statement;

    expect(Statement.map(({ Action }: { Action: unknown }) => Action)).toEqual([
      'eks:DescribeNodegroup',
      'autoscaling:SuspendProcesses',
      'ssm:PutParameter',
      ['logs:CreateLogStream', 'logs:PutLogEvents'],
    ]);
    expect(Statement[1].Condition).toEqual({
      StringEquals: { 'autoscaling:ResourceTag/eks:cluster-name': 'paddock' },
    });
    expect(role?.Properties.ManagedPolicyArns).toBeUndefined();
  });
});
