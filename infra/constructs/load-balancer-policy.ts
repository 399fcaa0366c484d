import { Aws } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { PatternStatement } from './findings.ts';

/** Tag that the controller puts on what it makes; its value is the name of the cluster. */
const OWNER = 'elbv2.k8s.aws/cluster';

const ANY_GROUP = "An id that EC2 gives; the tag tells which are the controller's.";
const ANY_BALANCER =
  "Names and ids that the controller and the service make up; the tag tells which are the cluster's.";

export interface LoadBalancerPolicyProps {
  /** As configured: a literal. */
  readonly clusterName: string;
  readonly vpcId: string;
  /** Of nodes and pods: load balancers are let in there. */
  readonly nodeSecurityGroupId: string;
}

/**
 * What the AWS Load Balancer Controller does for Services of type LoadBalancer with pods as targets: Network Load
 * Balancers, their target groups, listeners and security groups. The policy that it publishes allows more: Ingresses
 * (application load balancers, their rules, certificates, user pools and firewalls), peered networks, address pools.
 */
export function loadBalancerStatements(props: LoadBalancerPolicyProps): PolicyStatement[] {
  return [...readStatements(), ...securityGroupStatements(props), ...balancerStatements(props.clusterName)];
}

const arn = (service: string, resource: string) =>
  `arn:${Aws.PARTITION}:${service}:${Aws.REGION}:${Aws.ACCOUNT_ID}:${resource}`;

const requested = (clusterName: string) => ({ [`aws:RequestTag/${OWNER}`]: clusterName });
const owned = (clusterName: string) => ({ [`aws:ResourceTag/${OWNER}`]: clusterName });

function readStatements(): PolicyStatement[] {
  return [
    new PatternStatement({
      sid: 'Read',
      actions: [
        'ec2:DescribeAvailabilityZones',
        'ec2:DescribeInstances',
        'ec2:DescribeNetworkInterfaces',
        'ec2:DescribeSecurityGroups',
        'ec2:DescribeSubnets',
        'ec2:DescribeVpcs',
        // Elastic Load Balancing itself asks these of whoever makes a load balancer.
        'ec2:DescribeAccountAttributes',
        'ec2:DescribeAddresses',
        'ec2:DescribeInternetGateways',
        'ec2:GetSecurityGroupsForVpc',
        'elasticloadbalancing:DescribeCapacityReservation',
        'elasticloadbalancing:DescribeListenerAttributes',
        'elasticloadbalancing:DescribeListenerCertificates',
        'elasticloadbalancing:DescribeListeners',
        'elasticloadbalancing:DescribeLoadBalancerAttributes',
        'elasticloadbalancing:DescribeLoadBalancers',
        'elasticloadbalancing:DescribeTags',
        'elasticloadbalancing:DescribeTargetGroupAttributes',
        'elasticloadbalancing:DescribeTargetGroups',
        'elasticloadbalancing:DescribeTargetHealth',
      ],
      resources: ['*'],
      reason: 'Neither service knows a resource for what describes.',
    }),
    new PatternStatement({
      sid: 'FirstLoadBalancerOfTheAccount',
      actions: ['iam:CreateServiceLinkedRole'],
      resources: [
        `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/aws-service-role/elasticloadbalancing.amazonaws.com/*`,
      ],
      reason: "The one role of this service: its name below the service's path is AWS's choice.",
      conditions: { StringEquals: { 'iam:AWSServiceName': 'elasticloadbalancing.amazonaws.com' } },
    }),
  ];
}

/** A load balancer's own group, and the rule that lets it in where the pods are. */
function securityGroupStatements(props: LoadBalancerPolicyProps): PolicyStatement[] {
  const { clusterName, vpcId, nodeSecurityGroupId } = props;
  const anyGroup = arn('ec2', 'security-group/*');
  return [
    new PatternStatement({
      sid: 'MakeSecurityGroups',
      actions: ['ec2:CreateSecurityGroup'],
      resources: [anyGroup],
      reason: ANY_GROUP,
      conditions: { StringEquals: requested(clusterName) },
    }),
    new PolicyStatement({
      sid: 'InThisNetwork',
      actions: ['ec2:CreateSecurityGroup'],
      resources: [arn('ec2', `vpc/${vpcId}`)],
    }),
    new PatternStatement({
      sid: 'TagNewSecurityGroups',
      actions: ['ec2:CreateTags'],
      resources: [anyGroup],
      reason: ANY_GROUP,
      conditions: {
        StringEquals: { 'ec2:CreateAction': 'CreateSecurityGroup', ...requested(clusterName) },
      },
    }),
    new PatternStatement({
      sid: 'OwnSecurityGroups',
      actions: [
        'ec2:AuthorizeSecurityGroupIngress',
        'ec2:RevokeSecurityGroupIngress',
        'ec2:DeleteSecurityGroup',
        'ec2:CreateTags',
        'ec2:DeleteTags',
      ],
      resources: [anyGroup],
      reason: ANY_GROUP,
      conditions: { StringEquals: owned(clusterName) },
    }),
    new PolicyStatement({
      sid: 'LetInToPods',
      actions: ['ec2:AuthorizeSecurityGroupIngress', 'ec2:RevokeSecurityGroupIngress'],
      resources: [arn('ec2', `security-group/${nodeSecurityGroupId}`)],
    }),
  ];
}

function balancerStatements(clusterName: string): PolicyStatement[] {
  return [
    ...ownable(clusterName, 'LoadBalancer', 'loadbalancer/net/*/*', [
      'CreateListener',
      'ModifyLoadBalancerAttributes',
      'SetIpAddressType',
      'SetSecurityGroups',
      'SetSubnets',
      'DeleteLoadBalancer',
    ]),
    ...ownable(clusterName, 'TargetGroup', 'targetgroup/*/*', [
      'ModifyTargetGroup',
      'ModifyTargetGroupAttributes',
      'RegisterTargets',
      'DeregisterTargets',
      'DeleteTargetGroup',
    ]),
    new PatternStatement({
      sid: 'Listeners',
      actions: elb('AddTags', 'RemoveTags', 'ModifyListener', 'ModifyListenerAttributes', 'DeleteListener'),
      resources: [arn('elasticloadbalancing', 'listener/net/*/*/*')],
      reason:
        'The listeners of Network Load Balancers; no condition, for a listener has no tags yet when it is tagged first.',
    }),
  ];
}

const elb = (...actions: string[]): string[] => actions.map((action) => `elasticloadbalancing:${action}`);

/** To make one with the cluster's tag, and to change and delete what carries it. */
function ownable(
  clusterName: string,
  what: 'LoadBalancer' | 'TargetGroup',
  resource: string,
  actions: string[],
): PolicyStatement[] {
  const resources = [arn('elasticloadbalancing', resource)];
  return [
    new PatternStatement({
      sid: `Make${what}s`,
      actions: elb(`Create${what}`),
      resources,
      reason: ANY_BALANCER,
      conditions: { StringEquals: requested(clusterName) },
    }),
    new PatternStatement({
      sid: `TagNew${what}s`,
      actions: elb('AddTags'),
      resources,
      reason: ANY_BALANCER,
      conditions: {
        StringEquals: { 'elasticloadbalancing:CreateAction': `Create${what}`, ...requested(clusterName) },
      },
    }),
    new PatternStatement({
      sid: `Own${what}s`,
      actions: elb('AddTags', 'RemoveTags', ...actions),
      resources,
      reason: ANY_BALANCER,
      conditions: { StringEquals: owned(clusterName) },
    }),
  ];
}
