import type { S3MirrorUpload } from '../../adapters/aws/mirror-upload.ts';
import { NotFoundError, RefusedError } from '../../adapters/errors.ts';
import type { ModelOrigin } from '../../adapters/registry/registry.ts';
import { displayName, type ModelName } from '../../core/protocol/model-names.ts';
import { bytesOf, type Layer, layersOf } from '../../core/protocol/models.ts';

export interface MirrorOptions {
  origin: ModelOrigin;
  upload: Pick<S3MirrorUpload, 'has' | 'manifest' | 'putBlob' | 'putManifest'>;
  /** Uploads also what is there. */
  force: boolean;
  /** Bytes of the model that the mirror has by now, and of the whole model. */
  onProgress(done: number, total: number): void;
  signal: AbortSignal;
  /** Between two attempts to read on, milliseconds; default 1000, doubling. */
  pauseMs?: number;
}

export interface Mirrored {
  model: string;
  bytes: number;
  /** Of those, sent now; the rest was there. */
  sentBytes: number;
  outcome: 'mirrored' | 'unchanged';
}

/**
 * Copies a model into the mirror: blobs first, each checked, the manifest last, so that whoever finds the model finds all of it.
 * Fine to repeat; what an interrupted run has sent is not sent again.
 */
export async function mirrorModel(name: ModelName, options: MirrorOptions): Promise<Mirrored> {
  const { origin, upload, force, onProgress, signal } = options;
  const manifest = await origin.manifest(name, signal);
  const layers = layersOf(manifest);
  const total = bytesOf(layers);
  const before = await upload.manifest(name);
  let done = 0;
  let sentBytes = 0;
  const advance = (bytes: number): void => {
    done += bytes;
    onProgress(done, total);
  };
  for (const layer of layers) {
    signal.throwIfAborted();
    if (!force && (await upload.has(layer))) {
      advance(layer.bytes);
      continue;
    }
    await upload.putBlob({ layer, content: readThrough(name, layer, options), onProgress: advance, signal });
    sentBytes += layer.bytes;
  }
  const isNew = before !== manifest;
  if (isNew || force) await upload.putManifest(name, manifest);
  const outcome = isNew || sentBytes > 0 || force ? 'mirrored' : 'unchanged';
  return { model: displayName(name), bytes: total, sentBytes, outcome };
}

/** So many times in a row nothing comes before it is given up. */
const PATIENCE = 5;

/** A blob from its first byte to its last, however often the connection breaks. */
async function* readThrough(
  name: ModelName,
  { digest, bytes }: Layer,
  { origin, signal, pauseMs = 1000 }: MirrorOptions,
): AsyncGenerator<Uint8Array> {
  let at = 0;
  let failures = 0;
  while (at < bytes) {
    try {
      for await (const chunk of await origin.open(name, digest, at, signal)) {
        yield chunk;
        at += chunk.length;
        failures = 0;
      }
      if (at < bytes) throw new Error(`it ended after ${at} of ${bytes} bytes`);
    } catch (error) {
      failures += 1;
      const isFinal = error instanceof NotFoundError || error instanceof RefusedError;
      if (isFinal || signal.aborted || failures > PATIENCE) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs * 2 ** (failures - 1)));
    }
  }
}
