/** Why something is granted although no run on this machine can use it. */
export interface Reason {
  /** Roles as docs/permissions.md names them. */
  readonly holders: readonly string[];
  /** Actions, verbs, or an AWS-managed policy; `*` for all that the holder has and no run uses. */
  readonly what: readonly string[];
  /** Only on this resource, as docs/permissions.md names it. */
  readonly on?: string;
  readonly why: string;
}

/**
 * Everything that is granted is used by a recorded run or stands here. An entry that fits nothing, or only what a run
 * uses, fails the test (test/permissions).
 */
export const REASONS: readonly Reason[] = [
  {
    holders: [
      'ScalerRole',
      'WarmupRole',
      'GatewayRole',
      'HealthcheckRole',
      'UpgradesUpgradeRole',
      'SpotFunctionRole',
      'NodeGroupSetupCallsRole',
      'ValuesCallsRole',
    ],
    what: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    why: "Lambda writes a function's log with the function's role.",
  },
  {
    holders: ['ScalerRole', 'WarmupRole', 'HealthcheckRole', 'UpgradesUpgradeRole'],
    what: [
      'ec2:AssignPrivateIpAddresses',
      'ec2:CreateNetworkInterface',
      'ec2:DeleteNetworkInterface',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSubnets',
      'ec2:UnassignPrivateIpAddresses',
    ],
    why: "Lambda makes and removes the network interfaces of a function in the VPC with the function's role.",
  },
  {
    holders: ['ScaleRole', 'SpotMachineRole', 'WarmupMachineRole', 'UpgradesMachineRole'],
    what: [
      'logs:CreateLogDelivery',
      'logs:DeleteLogDelivery',
      'logs:DescribeLogGroups',
      'logs:DescribeResourcePolicies',
      'logs:GetLogDelivery',
      'logs:ListLogDeliveries',
      'logs:PutResourcePolicy',
      'logs:UpdateLogDelivery',
    ],
    why: "Step Functions has a state machine's log delivered with the state machine's role.",
  },
  {
    holders: ['ScaleRole'],
    what: ['autoscaling:SetInstanceProtection'],
    why: 'Instances of a pool in use that fails to give more are protected before its size is lowered; no recorded run has such a pool.',
  },
  {
    holders: ['Fleet<fleet>WorkerRole'],
    what: ['s3:GetObject'],
    on: 's3:cdk-hnb659fds-assets-<account>-<region>/<hash>.mjs',
    why: 'An init container fetches the worker; pods on this machine run the file where it was built.',
  },
  {
    holders: ['UpgradesUpgradeRole'],
    what: ['states:DescribeExecution'],
    why: 'Asked when a lock is held: whether the execution that holds it still runs.',
  },
  {
    holders: ['UpgradesUpgradeRole'],
    what: ['eks:DescribeUpdate'],
    on: '{Cluster}',
    why: 'Upgrades of Kubernetes, which npm run accept -- upgrade-kubernetes plays where a second version is built.',
  },
  {
    holders: ['UpgradesMachineRole'],
    what: ['eks:UpdateAddon', 'eks:UpdateClusterVersion'],
    why: 'Upgrades of Kubernetes, which npm run accept -- upgrade-kubernetes plays where a second version is built.',
  },
  {
    holders: ['UpgradesMachineRole'],
    what: ['ssm:PutParameter'],
    on: 'ssm:parameter/paddock/paddock/kubernetes-version',
    why: 'Written at the end of an upgrade of Kubernetes.',
  },
  {
    holders: ['Role paddock/paddock-upgrade'],
    what: ['delete'],
    why: 'A replica that never came up is removed on the way back; a StatefulSet would wait for it for ever.',
  },
  {
    holders: ['Role paddock/paddock-upgrade'],
    what: ['patch'],
    on: 'statefulsets.apps <fleet>-<pool>',
    why: 'Persistent pools; the recorded run has an elastic one.',
  },
  {
    holders: [
      'ClusterKubectlProviderHandlerServiceRole',
      'ClusterKubectlProviderframeworkonEventServiceRole',
    ],
    what: ['*'],
    why: "CDK's own functions, which apply the manifests during a deployment.",
  },
  {
    holders: ['CustomVpcRestrictDefaultSGCustomResourceProviderRole'],
    what: ['*'],
    why: "CDK's own function, which empties the VPC's default security group during a deployment.",
  },
  {
    holders: ['CustomS3AutoDeleteObjectsCustomResourceProviderRole'],
    what: ['*'],
    why: "CDK's own function, which empties buckets when the stack goes and no data is to be kept.",
  },
  {
    holders: ['ClusterRole'],
    what: ['AmazonEKSClusterPolicy'],
    why: "EKS runs the control plane with it: network interfaces, load balancers, nodes' instances.",
  },
  {
    holders: ['NodeRole'],
    what: ['AmazonEKSWorkerNodePolicy', 'AmazonEKS_CNI_Policy', 'AmazonEC2ContainerRegistryPullOnly'],
    why: 'Real nodes join with it, get addresses for their pods, and pull images; nodes on this machine are played.',
  },
  {
    holders: ['VpcFlowLogIAMRole'],
    what: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
    why: 'VPC flow logs are written with it; no network is made on this machine.',
  },
  {
    holders: ['ObservabilityRole'],
    what: [
      'cloudwatch:PutMetricData',
      'condition cloudwatch:namespace',
      'ec2:DescribeTags',
      'ec2:DescribeVolumes',
      'logs:CreateLogStream',
      'logs:DescribeLogStreams',
      'logs:PutLogEvents',
    ],
    why: 'The CloudWatch agent and Fluent Bit, AWS programs in an add-on, send logs and metrics with it.',
  },
  {
    holders: ['LoadBalancerControllerIdentityRole'],
    what: ['*'],
    why: 'The AWS Load Balancer Controller makes network load balancers with it; test/infra/load-balancer-policy.integration.test.ts asks for each call.',
  },
  {
    holders: ['VolumeDriverRole'],
    what: ['service-role/AmazonEBSCSIDriverPolicy'],
    why: 'The EBS CSI driver makes and attaches volumes with it; volumes on this machine are played.',
  },
  {
    holders: ['Role paddock/paddock-scaler'],
    what: ['delete'],
    on: 'pods',
    why: 'A pod that three attempts could not warm is deleted, so that its controller makes another one; no recorded run has such a pod.',
  },
];
