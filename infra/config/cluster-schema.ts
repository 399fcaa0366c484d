import { z } from 'zod';
import { dnsLabel } from './strings.ts';

const KUBERNETES_VERSIONS = ['1.33', '1.34', '1.35', '1.36'] as const;

/** As EKS names them; logs of the control plane go to `/aws/eks/<cluster>/cluster`. */
const CONTROL_PLANE_LOGS = ['api', 'audit', 'authenticator', 'controllerManager', 'scheduler'] as const;

export const nodeOs = z
  .enum(['al2023', 'bottlerocket'])
  .default('al2023')
  .describe('Operating system of the nodes, in its EKS-optimized image; with GPUs in its NVIDIA variant.');

const systemPoolSchema = z.strictObject({
  instanceTypes: z
    .array(z.string().min(1))
    .min(1)
    .default(['m6a.large'])
    .describe(
      'EC2 instance types of the untainted nodes that carry CoreDNS and the like. Paddock never scales them.',
    ),
  min: z
    .int()
    .min(1)
    .max(100)
    .default(2)
    .describe('System nodes, from the start on.')
    .meta({ unit: 'nodes' }),
  zones: z
    .array(z.string().min(1))
    .min(1)
    .max(6)
    .optional()
    .describe(
      'Zones of the system nodes, at most `min` of them: each then always has a node, ' +
        'as what keeps a volume there needs.',
    )
    .meta({ defaultText: 'the first two of the cluster' }),
  max: z
    .int()
    .min(1)
    .max(100)
    .default(3)
    .describe(
      'System nodes at most. One more than `min` lets a version update start a node before it ends one.',
    )
    .meta({ unit: 'nodes' }),
  os: nodeOs,
});

export const clusterSchema = z.strictObject({
  name: dnsLabel(40)
    .default('paddock')
    .describe('Name of the EKS cluster. Part of the names of what belongs to it.'),
  version: z
    .enum(KUBERNETES_VERSIONS)
    .default('1.36')
    .describe(
      'Kubernetes version that a new cluster starts with; an existing one changes its version by an upgrade only. ' +
        '1.33 left standard support on 2026-07-29 and costs six times as much per hour; ' +
        'manifests are applied with kubectl 1.36.',
    ),
  zones: z
    .array(z.string().min(1))
    .min(2)
    .max(6)
    .default(['a', 'b', 'c'])
    .describe(
      'Availability zones of the VPC: full names (`us-east-1a`) or letters (`a`). EKS wants two at least.',
    ),
  vpcCidr: z
    .string()
    .refine(
      (text) => z.cidrv4().safeParse(text).success && /\/(1[6-9]|20)$/.test(text),
      'write it as a CIDR block of /16 to /20, such as "10.0.0.0/16"',
    )
    .default('10.0.0.0/16')
    .describe('Addresses of the VPC, /16 to /20. Every pod takes one.'),
  natGateways: z
    .int()
    .min(1)
    .max(6)
    .default(1)
    .describe('NAT gateways: 1, or one per zone. More survive the loss of a zone and cost more.')
    .meta({ unit: 'gateways' }),
  flowLogs: z
    .enum(['all', 'rejected', 'off'])
    .default('all')
    .describe(
      "Which of the VPC's connections are logged, for `logRetentionDays`: all, the refused ones, or none.",
    ),
  publicAccessCidrs: z
    .array(z.cidrv4('write it as an IPv4 CIDR block, such as "203.0.113.7/32"'))
    .max(40)
    .default([])
    .describe(
      'Who reaches the Kubernetes API from the internet. Empty: nobody. The API then answers inside the VPC only, ' +
        'and kubectl needs a way in: a VPN, a peered network, or a machine in the VPC. ' +
        'Deployments and the control plane work either way: their functions run in the VPC.',
    ),
  admins: z
    .array(
      z
        .string()
        .regex(
          /^arn:aws[a-z-]*:iam::\d{12}:(role|user)\/[\w+=,.@/-]+$/,
          'write the ARN of an IAM role or user, such as "arn:aws:iam::111122223333:role/Admin"',
        ),
    )
    .max(50)
    .default([])
    .describe(
      'IAM roles and users that administer the cluster with kubectl. Nobody else does, not even who deploys it.',
    ),
  controlPlaneLogs: z
    .array(z.enum(CONTROL_PLANE_LOGS))
    .max(CONTROL_PLANE_LOGS.length)
    .default([...CONTROL_PLANE_LOGS])
    .describe('Which logs of the Kubernetes control plane CloudWatch gets, for `logRetentionDays`.'),
  nodeRepair: z
    .boolean()
    .default(true)
    .describe(
      'EKS replaces a node that has not been Ready for 30 minutes, or whose GPU has failed for 10. ' +
        'The number of nodes stays what the scaler decided.',
    ),
  systemPool: systemPoolSchema.prefault({}).describe('The nodes for everything that is no replica.'),
});
