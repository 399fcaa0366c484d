import type { ModelMirror } from '../../adapters/aws/model-mirror.ts';
import { NotFoundError, RefusedError } from '../../adapters/errors.ts';
import type { Registry } from '../../adapters/registry/registry.ts';
import { displayName, type ModelName } from '../../core/protocol/model-names.ts';
import { type Layer, layersOf } from '../../core/protocol/models.ts';
import { WarmupError } from '../../core/protocol/warmup.ts';
import type { Log } from '../log.ts';

export interface FoundModel {
  name: ModelName;
  source: 'mirror' | 'registry';
  /** The text, as it came. */
  manifest: string;
  layers: Layer[];
}

export interface SourcesOptions {
  mirror: ModelMirror;
  /** Undefined: what the mirror does not have is not to be had. */
  registry: Registry | undefined;
  log: Log;
}

/** Where models come from: the mirror, and the registry for what it lacks or while it fails. */
export class ModelSources {
  readonly #options: SourcesOptions;
  /** Which version of a blob the mirror gave last, and of which the content was wrong; by digest. */
  readonly #given = new Map<string, string>();
  readonly #spoiled = new Map<string, string>();

  constructor(options: SourcesOptions) {
    this.#options = options;
  }

  /** @throws WarmupError that tells of each source why it can't give the model */
  async find(name: ModelName, signal: AbortSignal): Promise<FoundModel> {
    const { mirror, registry, log } = this.#options;
    const troubles: unknown[] = [];
    const found = (source: FoundModel['source'], manifest: string): FoundModel => ({
      ...{ name, source, manifest },
      layers: layersOf(manifest),
    });
    try {
      const manifest = await mirror.manifest(name);
      if (manifest !== undefined) return found('mirror', manifest);
      troubles.push(new NotFoundError('the mirror does not have it', '404'));
    } catch (error) {
      log.warn('the mirror can not give a model', { model: displayName(name), error });
      troubles.push(error);
    }
    if (!registry)
      troubles.push(
        new NotFoundError(`nothing else is allowed: run 'paddock models mirror ${displayName(name)}'`, '404'),
      );
    else
      try {
        return found('registry', await registry.manifest(name, signal));
      } catch (error) {
        if (signal.aborted) throw error;
        troubles.push(error);
      }
    throw nowhere(name, troubles);
  }

  /** From where a blob can be had. @throws NotFoundError, RefusedError, UnavailableError */
  async blobUrl({ name, layers }: FoundModel, digest: string): Promise<string> {
    const { mirror, registry, log } = this.#options;
    const expected = layers.find((layer) => layer.digest === digest)?.bytes;
    try {
      // Also for a model that the mirror lacks: a blob that it shares with another crosses no NAT.
      const blob = await mirror.blob(digest);
      if (blob && blob.bytes === expected && blob.version !== this.#spoiled.get(digest)) {
        this.#given.set(digest, blob.version);
        return await mirror.blobUrl(digest);
      }
    } catch (error) {
      if (!registry) throw error;
      log.warn('the mirror can not give a blob', { digest, error });
    }
    if (registry) return registry.blobUrl(name, digest);
    throw new NotFoundError(
      `the mirror lacks ${digest} of ${displayName(name)}, or has it with wrong content: run 'paddock models mirror --force ${displayName(name)}'`,
      '404',
    );
  }

  /** What arrived was not what the digest promises: the registry is asked, until the mirror's blob was written again. */
  distrust(digest: string): void {
    const given = this.#given.get(digest);
    if (given !== undefined) this.#spoiled.set(digest, given);
  }
}

/** Something that may pass counts before a refusal, and both before 'not there'. */
function nowhere(name: ModelName, troubles: unknown[]): WarmupError {
  const kinds = troubles.map((error) =>
    error instanceof NotFoundError
      ? 'no-such-model'
      : error instanceof RefusedError
        ? 'source-refused'
        : 'source-unavailable',
  );
  const kind = (['source-unavailable', 'source-refused', 'no-such-model'] as const).find((k) =>
    kinds.includes(k),
  );
  const reasons = troubles.map((error) => (error instanceof Error ? error.message : String(error)));
  return new WarmupError(kind ?? 'unknown', `${displayName(name)} is not to be had: ${reasons.join('; ')}`, {
    cause: troubles.at(-1),
  });
}
