import { simulate } from '../../local/front/iam/simulate.ts';
import { removables } from '../../local/permissions/iam-grants.ts';
import type { PolicyDocument } from '../../local/template/aws-managed-policies.ts';
import { loadTemplates } from '../../local/template/load.ts';
import config from '../../paddock.config.ts';
import { ENVIRONMENT } from '../local/template/support.ts';
import { synthesize } from './templates.ts';

/**
 * The calls of the AWS Load Balancer Controller while a Service with pods as targets gets a Network Load Balancer,
 * changes, and goes. From the controller's documentation and its published policy: no run on this machine makes them.
 */

const { accountId } = ENVIRONMENT;
const REGION = config.region;
const app = loadTemplates({ assembly: synthesize(config).directory, ...ENVIRONMENT, region: REGION });
const identity = app.podIdentities.find(
  ({ serviceAccount }) => serviceAccount === 'aws-load-balancer-controller',
);
const role = app.roles.find(({ arn }) => arn === identity?.roleArn);
const policies = role?.policies ?? [];
const attribute = (type: string, name: string) =>
  String(app.resources.find((resource) => resource.type === type)?.attribute(name));

const arn = (service: string, resource: string) => `arn:aws:${service}:${REGION}:${accountId}:${resource}`;
const TAG = 'elbv2.k8s.aws/cluster';
const requested = (cluster = 'paddock') => ({ [`aws:RequestTag/${TAG}`]: cluster });
const owned = (cluster = 'paddock') => ({ [`aws:ResourceTag/${TAG}`]: cluster });

const VPC = arn('ec2', `vpc/${attribute('AWS::EC2::VPC', 'VpcId')}`);
const OWN_GROUP = arn('ec2', 'security-group/sg-0123456789abcdef0');
const PODS_GROUP = arn('ec2', `security-group/${attribute('AWS::EKS::Cluster', 'ClusterSecurityGroupId')}`);
const BALANCER = arn('elasticloadbalancing', 'loadbalancer/net/k8s-paddock-router-1/0123456789abcdef');
const TARGETS = arn('elasticloadbalancing', 'targetgroup/k8s-paddock-router-2/0123456789abcdef');
const LISTENER = arn(
  'elasticloadbalancing',
  'listener/net/k8s-paddock-router-1/0123456789abcdef/fedcba9876543210',
);

type Context = Record<string, string>;
type Call = [action: string, resource: string, context?: Context];

const each = (service: string, actions: string[], resource: string, context?: Context): Call[] =>
  actions.map((action) => [`${service}:${action}`, resource, ...(context ? [context] : [])] as Call);

const CALLS: Call[] = [
  ...each(
    'ec2',
    [
      'DescribeAvailabilityZones',
      'DescribeInstances',
      'DescribeNetworkInterfaces',
      'DescribeSecurityGroups',
      'DescribeSubnets',
      'DescribeVpcs',
      'DescribeAccountAttributes',
      'DescribeAddresses',
      'DescribeInternetGateways',
      'GetSecurityGroupsForVpc',
    ],
    '*',
  ),
  ...each(
    'elasticloadbalancing',
    [
      'DescribeCapacityReservation',
      'DescribeListenerAttributes',
      'DescribeListenerCertificates',
      'DescribeListeners',
      'DescribeLoadBalancerAttributes',
      'DescribeLoadBalancers',
      'DescribeTags',
      'DescribeTargetGroupAttributes',
      'DescribeTargetGroups',
      'DescribeTargetHealth',
    ],
    '*',
  ),
  [
    'iam:CreateServiceLinkedRole',
    `arn:aws:iam::${accountId}:role/aws-service-role/elasticloadbalancing.amazonaws.com/AWSServiceRoleForElasticLoadBalancing`,
    { 'iam:AWSServiceName': 'elasticloadbalancing.amazonaws.com' },
  ],
  // Security groups: the load balancer's own, and the way from it to the pods.
  ['ec2:CreateSecurityGroup', OWN_GROUP, requested()],
  ['ec2:CreateSecurityGroup', VPC],
  ['ec2:CreateTags', OWN_GROUP, { 'ec2:CreateAction': 'CreateSecurityGroup', ...requested() }],
  ...each(
    'ec2',
    [
      'AuthorizeSecurityGroupIngress',
      'RevokeSecurityGroupIngress',
      'DeleteSecurityGroup',
      'CreateTags',
      'DeleteTags',
    ],
    OWN_GROUP,
    owned(),
  ),
  ...each('ec2', ['AuthorizeSecurityGroupIngress', 'RevokeSecurityGroupIngress'], PODS_GROUP),
  // The load balancer.
  ['elasticloadbalancing:CreateLoadBalancer', BALANCER, requested()],
  [
    'elasticloadbalancing:AddTags',
    BALANCER,
    { 'elasticloadbalancing:CreateAction': 'CreateLoadBalancer', ...requested() },
  ],
  ...each(
    'elasticloadbalancing',
    [
      'AddTags',
      'RemoveTags',
      'CreateListener',
      'ModifyLoadBalancerAttributes',
      'SetIpAddressType',
      'SetSecurityGroups',
      'SetSubnets',
      'DeleteLoadBalancer',
    ],
    BALANCER,
    owned(),
  ),
  ['elasticloadbalancing:CreateTargetGroup', TARGETS, requested()],
  [
    'elasticloadbalancing:AddTags',
    TARGETS,
    { 'elasticloadbalancing:CreateAction': 'CreateTargetGroup', ...requested() },
  ],
  ...each(
    'elasticloadbalancing',
    [
      'AddTags',
      'RemoveTags',
      'ModifyTargetGroup',
      'ModifyTargetGroupAttributes',
      'RegisterTargets',
      'DeregisterTargets',
      'DeleteTargetGroup',
    ],
    TARGETS,
    owned(),
  ),
  ...each(
    'elasticloadbalancing',
    ['AddTags', 'RemoveTags', 'ModifyListener', 'ModifyListenerAttributes', 'DeleteListener'],
    LISTENER,
  ),
];

/** The simulator takes these two for those of Classic Load Balancers, and knows no other resource for them. */
const isKnown = (action: string, resource: string): boolean =>
  !/:(Add|Remove)Tags$/.test(action) || resource.includes(':loadbalancer/net/');
const KNOWN = CALLS.filter(([action, resource]) => isKnown(action, resource));

async function isAllowed(
  [action, resource, context]: Call,
  by: readonly PolicyDocument[] = policies,
): Promise<boolean> {
  const principal = { name: 'controller', roleArn: role?.arn ?? '' };
  const decision = await simulate(principal, by, { action, resource, context: context ?? {} }, accountId);
  return decision === 'Allowed';
}

it('the controller may make each of its calls', async () => {
  const refused = [];
  for (const call of KNOWN) if (!(await isAllowed(call))) refused.push(call);

  expect(refused).toEqual([]);
});

it('each action on each resource is needed by one of them', async () => {
  const unneeded = [];
  for (const { action, resource, without } of removables(policies)) {
    if (!isKnown(action, resource)) continue;
    const sameAction = KNOWN.filter(([called]) => called === action);
    const stillAllowed = await Promise.all(sameAction.map((call) => isAllowed(call, without)));
    if (stillAllowed.every(Boolean)) unneeded.push(`${action} on ${resource}`);
  }

  expect(removables(policies).length).toBeGreaterThan(40);
  expect(unneeded).toEqual([]);
});

it.each<[string, Call]>([
  [
    'the load balancer of another cluster',
    ['elasticloadbalancing:DeleteLoadBalancer', BALANCER, owned('other')],
  ],
  ['one without an owner', ['elasticloadbalancing:DeleteLoadBalancer', BALANCER]],
  ['the targets of another cluster', ['elasticloadbalancing:RegisterTargets', TARGETS, owned('other')]],
  [
    'a load balancer in the name of another',
    ['elasticloadbalancing:CreateLoadBalancer', BALANCER, requested('other')],
  ],
  [
    'an application load balancer',
    [
      'elasticloadbalancing:CreateLoadBalancer',
      arn('elasticloadbalancing', 'loadbalancer/app/a/0123456789abcdef'),
      requested(),
    ],
  ],
  ["somebody else's security group", ['ec2:AuthorizeSecurityGroupIngress', OWN_GROUP]],
  ["the pods' security group itself", ['ec2:DeleteSecurityGroup', PODS_GROUP]],
  [
    'a security group in another network',
    ['ec2:CreateSecurityGroup', arn('ec2', 'vpc/vpc-0fedcba9876543210')],
  ],
  ['a tag that makes another group its own', ['ec2:CreateTags', OWN_GROUP, requested()]],
])('it may not touch %s', async (_, call) => {
  expect(await isAllowed(call)).toBe(false);
});
