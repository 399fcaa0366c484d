import { z } from 'zod';
import { clusterSchema } from './cluster-schema.ts';
import { fleetSchema } from './fleet-schema.ts';
import { gatewaySchema } from './gateway-schema.ts';
import { modelsSchema } from './models-schema.ts';
import { monitoringSchema } from './monitoring-schema.ts';
import { routerSchema } from './router-schema.ts';
import { upgradesSchema } from './upgrades-schema.ts';
import { webuiSchema } from './webui-schema.ts';

const image = z
  .string()
  .regex(
    /^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)*(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$/,
    'name an image with its tag or digest',
  );

const imagesSchema = z.strictObject({
  ollama: image
    .default('docker.io/ollama/ollama:0.17.4')
    .describe(
      'The model server that new clusters start with; an existing one changes it by an upgrade only.',
    ),
  worker: image
    .default('public.ecr.aws/docker/library/node:24-slim')
    .describe("Any image with Node 24 as `node`; the worker's code comes from S3."),
  fetch: image
    .default('public.ecr.aws/aws-cli/aws-cli:2.31.0')
    .describe("Any image with the AWS CLI, a shell and `sha256sum`; it fetches the worker's code."),
  devicePlugin: image
    .default('nvcr.io/nvidia/k8s-device-plugin:v0.17.4')
    .describe("NVIDIA's device plugin, which GPU nodes need to offer their GPUs."),
  router: image
    .default('docker.io/nginxinc/nginx-unprivileged:1.30-alpine')
    .describe('Nginx for the router, 1.29.7 or newer, listening without root.'),
  routerMetrics: image
    .default('docker.io/nginx/nginx-prometheus-exporter:1.4.2')
    .describe("Turns the router's status into Prometheus metrics."),
  webui: image.default('ghcr.io/open-webui/open-webui:v0.12.4').describe('Open WebUI, 0.11 or newer.'),
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
      'How long logs are kept, whichever part writes them: one of the periods that CloudWatch Logs offers.',
    )
    .meta({ unit: 'days' }),
  models: modelsSchema.prefault({}).describe('From where pods get their models (docs/models.md).'),
  monitoring: monitoringSchema.prefault({}).describe('Dashboard, alarms, Prometheus and Grafana.'),
  resultsRetentionDays: z
    .int()
    .min(1)
    .max(3650)
    .default(7)
    .describe('How long the result of a request stays in the bucket.')
    .meta({ unit: 'days' }),
  retainData: z
    .boolean()
    .default(true)
    .describe(
      "Whether results, and the scaler's memory with its plans, outlive `cdk destroy`. " +
        'Logs, queues and model volumes go with it either way.',
    ),
  gateway: gatewaySchema.prefault({}).describe('The HTTP API for application developers.'),
  router: routerSchema
    .prefault({})
    .describe('The way in for interactive requests: Nginx and its load balancer.'),
  volumeType: z
    .enum(['gp3', 'gp2'])
    .default('gp3')
    .describe(
      "EBS volumes of persistent pools and of Open WebUI; encrypted either way. `gp2` is the original set-up's. Choose before the " +
        'first deploy: Kubernetes refuses another class for volumes that exist.',
    ),
  webui: webuiSchema.prefault({}).describe('Open WebUI: chat in the browser, for people with an account.'),
  upgrades: upgradesSchema.prefault({}).describe('How upgrades prove what they bring (docs/upgrades.md).'),
  fleets: z
    .array(fleetSchema)
    .min(1)
    .max(20)
    .describe('The fleets. `presets.cpu()` and `presets.gpu()` return ready ones.'),
});
