import { type ConfigInput, defineConfig, presets } from '../../infra/config/index.ts';
import { ofType, one, type Resource, synthesize } from './templates.ts';

/** Which subnets of the cluster's template belong to a kind: logical ids, and their blocks. */
function subnetsOf(kind: string, resources: readonly [string, Resource][]) {
  const found = resources.filter(([, { Properties }]) =>
    Properties.Tags.some(
      ({ Key, Value }: { Key: string; Value: string }) => Key === 'aws-cdk:subnet-name' && Value === kind,
    ),
  );
  return { ids: found.map(([id]) => id), blocks: found.map(([, { Properties }]) => Properties.CidrBlock) };
}

const idsIn = (value: unknown): string[] =>
  [...JSON.stringify(value).matchAll(/Vpc\w*?Subnet\dSubnet[0-9A-F]{8}/g)].map(([id]) => id);

const OPEN = {
  scheme: 'internet-facing' as const,
  allowedCidrs: ['203.0.113.0/24'],
  certificateArn: 'arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-0000-4000-8000-000000000000',
} satisfies ConfigInput['router'];

const appOf = (router: ConfigInput['router']) => {
  const { cluster, controlPlane } = synthesize(
    defineConfig({ region: 'us-east-1', router, fleets: [presets.gpu()] }),
  );
  const subnets = ofType(cluster, 'AWS::EC2::Subnet');
  const manifests = ofType(controlPlane, 'Custom::AWSCDK-EKS-KubernetesResource')
    .map(([, { Properties }]) => JSON.stringify(Properties.Manifest))
    .join('\n');
  return { cluster, controlPlane, manifests, of: (kind: string) => subnetsOf(kind, subnets) };
};

describe('what may call pods', () => {
  const internal = appOf({});

  it('lies in subnets where no pod is', () => {
    const { cluster, controlPlane, of } = internal;
    const control = of('control').ids;
    const functions = ofType(controlPlane, 'AWS::Lambda::Function').filter(
      ([, { Properties }]) => Properties.VpcConfig !== undefined,
    );

    expect(functions.length).toBeGreaterThanOrEqual(2);
    for (const [, { Properties }] of functions)
      expect(new Set(idsIn(Properties.VpcConfig.SubnetIds))).toEqual(new Set(control));
    expect(idsIn(one(cluster, 'AWS::EKS::Cluster')[1].Properties.ResourcesVpcConfig)).toEqual(control);
    for (const [, { Properties }] of ofType(cluster, 'AWS::EKS::Nodegroup'))
      for (const id of idsIn(Properties.Subnets)) expect(of('private').ids).toContain(id);
  });

  it.each([
    ['internal', 'balancers', 'public'],
    ['internet-facing', 'public', 'balancers'],
  ] as const)('is a load balancer that is %s in the subnets %s', (scheme, kind, other) => {
    const { manifests, of } = scheme === 'internal' ? internal : appOf(OPEN);
    const service = manifests.split('\n').find((text) => text.includes('router-clients')) ?? '';

    expect(new Set(idsIn(service))).toEqual(new Set(of(kind).ids));
    for (const block of [...of(kind).blocks, ...of('control').blocks]) expect(manifests).toContain(block);
    for (const block of [...of(other).blocks, ...of('private').blocks])
      expect(manifests).not.toContain(block);
  });
});
