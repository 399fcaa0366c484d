import { z } from 'zod';
import { fleetSchema } from './fleet-schema.ts';
import { dnsLabel } from './strings.ts';

const KUBERNETES_VERSIONS = ['1.33', '1.34', '1.35', '1.36'] as const;

const image = z
  .string()
  .regex(
    /^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)*(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$/,
    'name an image with its tag or digest',
  );

const systemPoolSchema = z.strictObject({
  instanceTypes: z
    .array(z.string().min(1))
    .min(1)
    .default(['m6a.large'])
    .describe(
      'EC2 instance types of the untainted nodes that carry CoreDNS and the like. Paddock never scales them.',
    ),
  min: z.int().min(1).max(100).default(2).describe('System nodes at least.').meta({ unit: 'nodes' }),
  max: z.int().min(1).max(100).default(3).describe('System nodes at most.').meta({ unit: 'nodes' }),
});

export const clusterSchema = z.strictObject({
  name: dnsLabel(40)
    .default('paddock')
    .describe('Name of the EKS cluster. Part of the names of what belongs to it.'),
  version: z
    .enum(KUBERNETES_VERSIONS)
    .default('1.36')
    .describe(
      'Kubernetes version. 1.33 left standard support on 2026-07-29 and costs six times as much per hour; ' +
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
    .regex(
      /^\d{1,3}(\.\d{1,3}){3}\/(1[6-9]|20)$/,
      'write it as a CIDR block of /16 to /20, such as "10.0.0.0/16"',
    )
    .default('10.0.0.0/16')
    .describe('Addresses of the VPC, /16 to /20. Every pod takes one.'),
  natGateways: z
    .int()
    .min(1)
    .max(6)
    .default(1)
    .describe('NAT gateways, at most one per zone. More survive the loss of a zone and cost more.')
    .meta({ unit: 'gateways' }),
  systemPool: systemPoolSchema.prefault({}).describe('The nodes for everything that is no replica.'),
});

const imagesSchema = z.strictObject({
  ollama: image.default('docker.io/ollama/ollama:0.17.4').describe('The model server.'),
  worker: image
    .default('public.ecr.aws/docker/library/node:24-slim')
    .describe("Any image with Node 24 as `node`; the worker's code comes from S3."),
  fetch: image
    .default('public.ecr.aws/aws-cli/aws-cli:2.31.0')
    .describe("Any image with the AWS CLI, a shell and `sha256sum`; it fetches the worker's code."),
  devicePlugin: image
    .default('nvcr.io/nvidia/k8s-device-plugin:v0.17.4')
    .describe("NVIDIA's device plugin, which GPU nodes need to offer their GPUs."),
});

export const configSchema = z.strictObject({
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'name a region, such as "us-east-1"')
    .describe('AWS region of everything.'),
  cluster: clusterSchema.prefault({}).describe('The EKS cluster and its network.'),
  images: imagesSchema.prefault({}).describe('Container images, each with its tag or digest.'),
  logRetentionDays: z
    .union([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365].map((days) => z.literal(days)))
    .default(30)
    .describe(
      'How long logs of functions and state machines are kept: one of the periods that CloudWatch Logs offers.',
    )
    .meta({ unit: 'days' }),
  resultsRetentionDays: z
    .int()
    .min(1)
    .max(3650)
    .default(7)
    .describe('How long the result of a request stays in the bucket.')
    .meta({ unit: 'days' }),
  fleets: z
    .array(fleetSchema)
    .min(1)
    .max(20)
    .describe('The fleets. `presets.cpu()` and `presets.gpu()` return ready ones.'),
});
