import { z } from 'zod';
import { isModelName } from '../../core/protocol/model-names.ts';
import { nodeOs } from './cluster-schema.ts';
import { policySchema } from './policy-schema.ts';
import { dnsLabel } from './strings.ts';

const labelKey = z
  .string()
  .max(317)
  .regex(
    /^([a-z0-9.-]{1,253}\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/,
    'use a Kubernetes label key, such as "team" or "example.com/team"',
  );
const labelValue = z
  .string()
  .max(63)
  .regex(
    /^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$/,
    'use a Kubernetes label value: letters, digits, dots, underscores and dashes, beginning and ending with a letter or digit',
  );

const taintSchema = z.strictObject({
  key: labelKey.describe('Key of the taint.'),
  value: labelValue.default('').describe('Value of the taint.'),
  effect: z
    .enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute'])
    .default('NoSchedule')
    .describe('What happens to pods that do not tolerate it.'),
});

const resourcesSchema = z.strictObject({
  cpu: z
    .number()
    .min(0.1)
    .max(448)
    .default(1)
    .describe('CPU that Ollama requests. A replica has its node to itself, so this only guards the fit.')
    .meta({ unit: 'vCPU' }),
  cpuLimit: z
    .number()
    .min(0.1)
    .max(448)
    .optional()
    .describe('CPU that Ollama may use at most.')
    .meta({ unit: 'vCPU', defaultText: 'no limit: the whole node' }),
  memoryGiB: z
    .number()
    .min(0.25)
    .max(24_576)
    .default(2)
    .describe('Memory that Ollama requests.')
    .meta({ unit: 'GiB' }),
  memoryLimitGiB: z
    .number()
    .min(0.25)
    .max(24_576)
    .optional()
    .describe('Memory that Ollama may use at most; past it the container is killed.')
    .meta({ unit: 'GiB', defaultText: 'no limit: the whole node' }),
});

const warmPoolSchema = z.strictObject({
  size: z
    .int()
    .min(1)
    .max(50)
    .describe('Nodes that wait, besides those that the pool has.')
    .meta({ unit: 'nodes' }),
  state: z
    .enum(['stopped', 'running'])
    .default('stopped')
    .describe('`stopped` costs their disks, `running` costs as much as nodes that serve and joins sooner.'),
});

export const poolSchema = z.strictObject({
  name: dnsLabel(31).describe(
    'Name of the pool, unique in its fleet. Part of the names of workload and node group. ' +
      'Capacity type, instance types, zones and operating system stay with it: a pool with others is another pool.',
  ),
  capacityType: z
    .enum(['on-demand', 'spot'])
    .describe("How EC2 sells the capacity. Spot is cheaper and can be taken back with two minutes' notice."),
  kind: z
    .enum(['persistent', 'elastic'])
    .default('elastic')
    .describe(
      '`persistent`: a StatefulSet whose models lie on EBS volumes, in one zone. ' +
        "`elastic`: a Deployment whose models lie on the node's disk, in any zone.",
    ),
  instanceTypes: z
    .array(z.string().regex(/^[a-z0-9-]+\.[a-z0-9-]+$/, 'name an EC2 instance type, such as "g5.2xlarge"'))
    .min(1)
    .max(20)
    .describe(
      'EC2 instance types, of like size: a pool has one service rate. More types find spot capacity more often.',
    ),
  zones: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'Availability zones: a full name (`us-east-1a`) or its letter (`a`). A persistent pool states exactly one.',
    )
    .meta({ defaultText: 'all zones of the cluster (elastic pools)' }),
  min: z
    .int()
    .min(0)
    .max(450)
    .default(0)
    .describe('Replicas, and so nodes, at least.')
    .meta({ unit: 'replicas' }),
  max: z.int().min(1).max(450).describe('Replicas, and so nodes, at most.').meta({ unit: 'replicas' }),
  slots: z
    .int()
    .min(1)
    .max(64)
    .default(1)
    .describe(
      'Requests that one replica serves at a time (`OLLAMA_NUM_PARALLEL`). Each slot needs memory for its context.',
    )
    .meta({ unit: 'requests' }),
  pricePerHour: z
    .number()
    .positive()
    .max(1000)
    .optional()
    .describe('Price of one node. Pools are filled by price per service rate.')
    .meta({
      unit: 'US dollars per node-hour',
      defaultText: 'the built-in price table (us-east-1, January 2026; spot at 0.45 of it)',
    }),
  onDemandPricePerHour: z
    .number()
    .positive()
    .max(1000)
    .optional()
    .describe('What the same node costs on-demand: what `paddock cost` counts a saving against.')
    .meta({
      unit: 'US dollars per node-hour',
      defaultText:
        'the built-in price table; for types that it lacks `pricePerHour`, of a spot pool divided by 0.45',
    }),
  gpusPerNode: z
    .int()
    .min(0)
    .max(16)
    .optional()
    .describe('NVIDIA GPUs of a node; a replica takes all of them.')
    .meta({ unit: 'GPUs', defaultText: 'what the instance type has' }),
  expectedSecondsPerRequest: z
    .number()
    .positive()
    .max(3600)
    .default(10)
    .describe('First guess of the time one slot takes for one request, used until it is learned.')
    .meta({ unit: 'seconds' }),
  expectedLeadSeconds: z
    .number()
    .positive()
    .max(3600)
    .default(180)
    .describe(
      'First guess of the time from deciding on a replica until it is warm, used until it is learned.',
    )
    .meta({ unit: 'seconds' }),
  resources: resourcesSchema.prefault({}).describe('What the Ollama container requests and may use.'),
  modelStorageGiB: z
    .int()
    .min(5)
    .max(16_384)
    .default(60)
    .describe(
      "Room for models: the size of the volume (persistent) or of the share of the node's disk (elastic).",
    )
    .meta({ unit: 'GiB' }),
  nodeDiskGiB: z
    .int()
    .min(20)
    .max(16_384)
    .optional()
    .describe('Root disk of a node: system, images and, on elastic pools, the models.')
    .meta({ unit: 'GiB', defaultText: '40, plus `modelStorageGiB` on elastic pools' }),
  os: nodeOs,
  warmPool: warmPoolSchema
    .optional()
    .describe(
      'Nodes that have booted once and wait outside the cluster, so that they join faster. On-demand only.',
    )
    .meta({ defaultText: 'none' }),
  labels: z
    .record(labelKey, labelValue)
    .default({})
    .describe('More labels for the nodes; the replicas select by them.'),
  taints: z
    .array(taintSchema)
    .max(48)
    .default([])
    .describe("More taints for the nodes; the replicas tolerate them. The pool's own taint is always there."),
});

export const fleetSchema = z.strictObject({
  name: dnsLabel(31).describe(
    'Name of the fleet, unique in the file. Part of the names of queue, workloads and node groups.',
  ),
  models: z
    .array(z.string().refine(isModelName, 'name an Ollama model, such as "llama3.1:8b"'))
    .min(1)
    .max(16)
    .describe('Ollama models that every replica loads before it takes traffic.'),
  contextTokens: z
    .int()
    .min(256)
    .max(1_048_576)
    .default(4096)
    .describe('Context per slot (`OLLAMA_CONTEXT_LENGTH`).')
    .meta({ unit: 'tokens' }),
  requestTimeoutSeconds: z
    .int()
    .min(5)
    .max(3600)
    .default(600)
    .describe('One generation at most; past it the attempt counts as failed.')
    .meta({ unit: 'seconds' }),
  maxAttempts: z
    .int()
    .min(1)
    .max(10)
    .default(5)
    .describe(
      'Failed attempts (errors of the model server, time-outs) after which a queued request is given up: its response says why, its message goes to the dead-letter queue.',
    )
    .meta({ unit: 'attempts' }),
  visibilitySeconds: z
    .int()
    .min(5)
    .max(43_200)
    .default(30)
    .describe(
      'How long a queued request stays hidden from other workers after one took it. A worker extends it while it works; one that dies leaves the request hidden for so long at most. After trouble with the bucket or the model server a request waits 2 s for its next try, then twice as long each time, up to ten times this or 300 s; after 20 deliveries it is a dead letter.',
    )
    .meta({ unit: 'seconds' }),
  policy: policySchema.prefault({}).describe('How the fleet is scaled.'),
  pools: z
    .array(poolSchema)
    .min(1)
    .max(10)
    .describe('Where the replicas run. At least one pool is on-demand.'),
});
