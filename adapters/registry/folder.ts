import { open, readFile } from 'node:fs/promises';
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
    return await readFile(file, 'utf8').catch((error: unknown) => failed(error, file));
  }

  async open(_name: ModelName, digest: string, from: number): Promise<AsyncIterable<Uint8Array>> {
    const path = join(this.#dir, 'blobs', digest.replace(':', '-'));
    const file = await open(path).catch((error: unknown) => failed(error, path));
    return file.createReadStream({ start: from, highWaterMark: 1 << 20 });
  }
}

function failed(error: unknown, file: string): never {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT')
    throw new NotFoundError(`${file} is not there`, 'ENOENT', error);
  throw mapAwsError(error, `read ${file}`);
}
