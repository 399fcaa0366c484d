import * as z from 'zod';
import type { ModelName } from './model-names.ts';

/**
 * Models: what they consist of, where the mirror keeps them, and what a person, the workers and the command line say to each
 * other about them (docs/adr/0011).
 */

const DIGEST = /^sha256:[0-9a-f]{64}$/;
const layerSchema = z.looseObject({
  mediaType: z.string().default(''),
  digest: z.string().regex(DIGEST, 'is no SHA-256 digest'),
  size: z.int().nonnegative(),
});

const manifestSchema = z.looseObject({
  schemaVersion: z.literal(2),
  config: layerSchema.optional(),
  layers: z.array(layerSchema).min(1),
});

/** One file of a model; several models may share it. */
export interface Layer {
  /** `sha256:<64 hexadecimal digits>` */
  digest: string;
  bytes: number;
}

/**
 * The layers of a manifest, its configuration among them, each once.
 * @throws Error that says what is wrong with it
 */
export function layersOf(manifest: string): Layer[] {
  let json: unknown;
  try {
    json = JSON.parse(manifest);
  } catch {
    throw new Error('the manifest is not JSON');
  }
  const parsed = manifestSchema.safeParse(json);
  if (!parsed.success) throw new Error(`the manifest makes no sense: ${z.prettifyError(parsed.error)}`);
  const { layers, config } = parsed.data;
  const all = config ? [...layers, config] : layers;
  return [...new Map(all.map(({ digest, size }) => [digest, { digest, bytes: size }])).values()];
}

export const bytesOf = (layers: readonly Layer[]): number =>
  layers.reduce((sum, { bytes }) => sum + bytes, 0);

/** Keys in the models' bucket. A registry's layout, with the registry's host; in lower case, as names mean the same in any. */
export const mirrorManifestKey = ({ host, namespace, model, tag }: ModelName): string =>
  `v2/${host}/${namespace}/${model}/manifests/${tag}`.toLowerCase();
export const MIRROR_MANIFESTS_PREFIX = 'v2/';
export const MIRROR_BLOBS_PREFIX = 'blobs/';
export const mirrorBlobKey = (digest: string): string => `${MIRROR_BLOBS_PREFIX}${digest.replace(':', '-')}`;
export const modelOrdersKey = (fleet: string): string => `fleets/${fleet}.json`;

/** The name whose manifest a key of the mirror holds; undefined for any other key. */
export function nameOfManifestKey(key: string): ModelName | undefined {
  const [, host, namespace, model, tag] =
    /^v2\/([^/]+)\/([^/]+)\/([^/]+)\/manifests\/([^/]+)$/.exec(key) ?? [];
  return host && namespace && model && tag ? { host, namespace, model, tag } : undefined;
}

/** Key in the results bucket: what the worker of a pod last said of its models. */
export const modelReportKey = (fleet: string, pod: string): string => `models/${fleet}/${pod}.json`;

const modelName = z.string().min(1).max(600);

/** What people want of a fleet's pods beside the models that it serves; `paddock models` writes it, workers read it. */
export const modelOrdersSchema = z.strictObject({
  v: z.literal(1),
  /** Of the last order, epoch seconds: what failed before is tried again at once. */
  at: z.number().nonnegative(),
  /** Every pod keeps them on its disk, as far as they fit beside what it serves. Names as `displayName` writes them. */
  extra: z.array(modelName).max(100),
  /** Never evicted; each is in `extra` or one that the fleet serves. */
  pinned: z.array(modelName).max(100),
  /** Deleted wherever they are found, until they are ordered again. */
  removed: z.array(modelName).max(1000),
});
export type ModelOrders = z.infer<typeof modelOrdersSchema>;

export const noOrders = (): ModelOrders => ({ v: 1, at: 0, extra: [], pinned: [], removed: [] });

const bytes = z.int().nonnegative();
const cachedSchema = z.strictObject({
  model: modelName,
  /** Of all its layers, shared ones included. 0: nobody has said it yet. */
  bytes,
  /** `waiting`: ordered, and not begun. `failed`: see `failure`; it is tried again. */
  phase: z.enum(['waiting', 'filling', 'on-disk', 'failed']),
  /** On the disk, while it fills. */
  completedBytes: bytes.optional(),
  /** In the model server's memory. */
  loaded: z.boolean(),
  pinned: z.boolean(),
  /** The fleet serves it. */
  served: z.boolean(),
  /** Somebody had it pulled or pinned. Missing in what an older worker reports. */
  ordered: z.boolean().default(false),
  /** Epoch seconds of the last request that it answered, else of when it came; 0: never. */
  lastUsedAt: z.number().nonnegative(),
  source: z.enum(['mirror', 'registry']).optional(),
  failure: z.string().optional(),
});
export type CachedModelReport = z.infer<typeof cachedSchema>;

/** What a worker says of its pod's disk. */
export const modelReportSchema = z.strictObject({
  v: z.literal(1),
  pod: z.string().min(1),
  podUid: z.string().min(1),
  pool: z.string().min(1),
  /** Epoch seconds. */
  at: z.number().nonnegative(),
  /** `at` of the orders that it knows. */
  ordersAt: z.number().nonnegative(),
  /** Its last word: the worker has ended. */
  ended: z.boolean().optional(),
  limitBytes: bytes,
  /** Of the models, each layer once. */
  usedBytes: bytes,
  models: z.array(cachedSchema),
});
export type ModelReport = z.infer<typeof modelReportSchema>;

/** A worker reports at least this often; one that is silent for three times as long has ended without saying so. */
export const REPORT_SECONDS = 60;
