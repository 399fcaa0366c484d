import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ModelName, manifestFile } from '../../core/protocol/model-names.ts';
import { mapAwsError, NotFoundError } from '../errors.ts';
import type { ModelOrigin } from './registry.ts';

/** Models of a folder as Ollama keeps them (`OLLAMA_MODELS`), such as those that `ollama create` has made. */
export class FolderOrigin implements ModelOrigin {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  async manifest(name: ModelName): Promise<string> {
    const file = join(this.#dir, manifestFile(name));
    return await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') throw new NotFoundError(`${file} is not there`, 'ENOENT', error);
      throw mapAwsError(error, `read ${file}`);
    });
  }

  async open(_name: ModelName, digest: string, from: number): Promise<AsyncIterable<Uint8Array>> {
    return createReadStream(join(this.#dir, 'blobs', digest.replace(':', '-')), {
      start: from,
      highWaterMark: 1 << 20,
    });
  }
}
