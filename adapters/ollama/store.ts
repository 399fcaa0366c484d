import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { displayName } from '../../core/protocol/model-names.ts';
import { type Layer, layersOf } from '../../core/protocol/models.ts';

/** A model whose manifest lies on the disk. */
export interface StoredModel {
  /** As Ollama lists it. */
  name: string;
  layers: Layer[];
  /** Its files are there, and as long as they should be. */
  isComplete: boolean;
  /** When its manifest was written, epoch seconds. */
  storedAt: number;
}

/** A file of the store that no model names, with its parts if it is a fill's. */
export interface Stray extends Layer {
  files: string[];
}

export interface StoreContents {
  models: StoredModel[];
  strays: Stray[];
}

/** Ollama's folder of models, seen beside Ollama: its API tells neither layers nor what unfinished fills have left. */
export interface ModelStore {
  read(): Promise<StoreContents>;
  /** Bytes that models may take: what they take now and what is free. */
  capacityBytes(): Promise<number>;
  /** Deletes strays. */
  drop(strays: readonly Stray[]): Promise<void>;
  /** Deletes files of these layers that Ollama would take for good, or choke on, and that are neither. */
  repair(layers: readonly Layer[], signal: AbortSignal): Promise<void>;
  /** What `remember` kept; undefined when there is nothing, or nothing that makes sense. */
  recall(): Promise<unknown>;
  /** Keeps a small note on the volume, so that it lives as long as the models do. */
  remember(note: unknown): Promise<void>;
}

const BLOB = /^sha256-([0-9a-f]{64})(?:-partial(?:-\d+)?)?$/;
const NOTE = 'paddock.json';

/** Layout as in Ollama's `manifest` package and `server/download.go` (0.17). */
export class OllamaStore implements ModelStore {
  readonly #dir: string;

  /** @param dir `OLLAMA_MODELS` */
  constructor(dir: string) {
    this.#dir = dir;
  }

  async read(): Promise<StoreContents> {
    const [files, manifests] = await Promise.all([this.#blobs(), this.#manifests()]);
    const sizes = new Map(files.filter(({ isWhole }) => isWhole).map(({ digest, bytes }) => [digest, bytes]));
    const models = manifests.map(({ layers, ...model }) => ({
      ...model,
      layers,
      isComplete: layers.every(({ digest, bytes }) => sizes.get(digest) === bytes),
    }));
    const named = new Set(models.flatMap(({ layers }) => layers.map(({ digest }) => digest)));
    const strays = new Map<string, Stray>();
    for (const { digest, bytes, file } of files) {
      if (named.has(digest)) continue;
      const stray = strays.get(digest) ?? { digest, bytes: 0, files: [] };
      strays.set(digest, { digest, bytes: stray.bytes + bytes, files: [...stray.files, file] });
    }
    return { models, strays: [...strays.values()] };
  }

  async capacityBytes(): Promise<number> {
    const [{ bavail, bsize }, files] = await Promise.all([statfs(this.#dir), this.#blobs()]);
    return files.reduce((sum, { bytes }) => sum + bytes, bavail * bsize);
  }

  async drop(strays: readonly Stray[]): Promise<void> {
    for (const file of strays.flatMap(({ files }) => files)) await this.#remove(file);
  }

  async repair(layers: readonly Layer[], signal: AbortSignal): Promise<void> {
    const { strays } = await this.read();
    const loose = new Set(strays.map(({ digest }) => digest));
    const files = await this.#blobs();
    for (const { digest, bytes } of layers) {
      const own = files.filter((one) => one.digest === digest);
      const whole = own.find(({ isWhole }) => isWhole);
      if (whole) {
        // Ollama verifies what it has just fetched, and nothing else: a fill that was cut off before that left one unverified.
        const isGood =
          whole.bytes === bytes && (!loose.has(digest) || (await this.#hash(whole.file, signal)) === digest);
        if (!isGood) await this.#remove(whole.file);
      }
      // A full disk or a crash leaves parts whose state is empty; Ollama fails on them for ever.
      const parts = own.filter(({ file }) => /-partial-\d+$/.test(file));
      const readable = await Promise.all(parts.map(({ file }) => this.#isJson(file)));
      if (readable.includes(false))
        for (const { file, isWhole } of own) if (!isWhole) await this.#remove(file);
    }
  }

  async recall(): Promise<unknown> {
    try {
      return JSON.parse(await readFile(join(this.#dir, NOTE), 'utf8'));
    } catch {
      return undefined;
    }
  }

  async remember(note: unknown): Promise<void> {
    const file = join(this.#dir, NOTE);
    await writeFile(`${file}.new`, JSON.stringify(note));
    await rename(`${file}.new`, file);
  }

  async #blobs(): Promise<{ file: string; digest: string; bytes: number; isWhole: boolean }[]> {
    const found = [];
    for (const file of await list(join(this.#dir, 'blobs'))) {
      const [, hash] = BLOB.exec(file) ?? [];
      if (hash === undefined) continue;
      const info = await stat(join(this.#dir, 'blobs', file)).catch(() => undefined);
      if (!info) continue;
      const isWhole = file.length === 'sha256-'.length + 64;
      // A part is as long as the whole from the start, with holes: what it takes are its blocks.
      found.push({ file, digest: `sha256:${hash}`, bytes: isWhole ? info.size : info.blocks * 512, isWhole });
    }
    return found;
  }

  async #manifests(): Promise<Omit<StoredModel, 'isComplete'>[]> {
    const root = join(this.#dir, 'manifests');
    const models = [];
    for (const host of await list(root))
      for (const namespace of await list(join(root, host)))
        for (const model of await list(join(root, host, namespace)))
          for (const tag of await list(join(root, host, namespace, model))) {
            const path = join(root, host, namespace, model, tag);
            try {
              const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
              const name = displayName({ host, namespace, model, tag });
              models.push({ name, layers: layersOf(text), storedAt: mtimeMs / 1000 });
            } catch {
              // Half written, or gone by now: Ollama passes it over as well.
            }
          }
    return models;
  }

  async #hash(file: string, signal: AbortSignal): Promise<string> {
    const hash = createHash('sha256');
    await pipeline(createReadStream(join(this.#dir, 'blobs', file)), hash, { signal });
    return `sha256:${hash.digest('hex')}`;
  }

  async #isJson(file: string): Promise<boolean> {
    try {
      JSON.parse(await readFile(join(this.#dir, 'blobs', file), 'utf8'));
      return true;
    } catch {
      return false;
    }
  }

  async #remove(file: string): Promise<void> {
    await rm(join(this.#dir, 'blobs', file), { force: true });
  }
}

/** Names in a folder; none when there is no such folder. */
const list = async (dir: string): Promise<string[]> => await readdir(dir).catch(() => []);
