import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import {
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import {
  displayName,
  type ModelName,
  manifestFile,
  modelKey,
  parseModelName,
} from '../../core/protocol/model-names.ts';
import { type Layer, layersOf } from '../../core/protocol/models.ts';

/** One line of a pull's answer. */
export interface PullLine {
  status: string;
  digest?: string;
  total?: number;
  completed?: number;
}

export interface ListedModel {
  name: string;
  size: number;
  digest: string;
}

/** Of a model that is there from the start. Its file has holes only: it takes no room. */
const WEIGHT_BYTES = 4_700_000_000;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * The models of a synthetic server, in a folder as Ollama's own is laid out, fetched from a registry as Ollama fetches: a
 * 307 to another host name, ranges, what was begun is gone on with, digests checked at the end. Source: `server/download.go`,
 * `server/images.go` and `manifest/` of Ollama 0.17.
 */
export class ModelFolder {
  readonly #dir: string;
  /** Nobody else writes manifests here. */
  #known: { name: ModelName; text: string }[] | undefined;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Puts models there as if they had been pulled. */
  async install(models: readonly string[]): Promise<void> {
    await mkdir(join(this.#dir, 'blobs'), { recursive: true });
    for (const model of models) {
      const name = parseModelName(model);
      const path = this.#manifestPath(name);
      if (existsSync(path)) continue;
      const config = '{}';
      const layers = [
        {
          mediaType: 'application/vnd.ollama.image.model',
          digest: `sha256:${sha256(modelKey(model))}`,
          size: WEIGHT_BYTES,
        },
      ];
      const own = { mediaType: '', digest: `sha256:${sha256(config)}`, size: config.length };
      for (const { digest, size } of layers) {
        await writeFile(this.#blob(digest), '');
        await truncate(this.#blob(digest), size);
      }
      await writeFile(this.#blob(own.digest), config);
      await this.#writeManifest(name, JSON.stringify({ schemaVersion: 2, config: own, layers }));
    }
  }

  async list(): Promise<ListedModel[]> {
    const found = [];
    for (const { name, text } of await this.#manifests()) {
      const layers = layersOf(text);
      const size = layers.reduce((sum, { bytes }) => sum + bytes, 0);
      found.push({ name: displayName(name), size, digest: sha256(text) });
    }
    return found;
  }

  /** The name as it is listed; undefined when there is no such model. */
  async find(model: string): Promise<string | undefined> {
    return await this.#existing(model).then((name) => name && displayName(name));
  }

  /** False: there is no such model. */
  async copy(from: string, to: string): Promise<boolean> {
    const name = await this.#existing(from);
    if (!name) return false;
    const text = await readFile(this.#manifestPath(name), 'utf8');
    await this.#writeManifest((await this.#existing(to)) ?? parseModelName(to), text);
    return true;
  }

  /** False: there is no such model. */
  async delete(model: string): Promise<boolean> {
    const name = await this.#existing(model);
    if (!name) return false;
    const path = this.#manifestPath(name);
    const layers = layersOf(await readFile(path, 'utf8'));
    await rm(path);
    this.#known = undefined;
    for (let dir = dirname(path); dir !== join(this.#dir, 'manifests'); dir = dirname(dir))
      await rmdir(dir).catch(() => {});
    const used = new Set(
      (await this.#manifests()).flatMap(({ text }) => layersOf(text).map((layer) => layer.digest)),
    );
    for (const { digest } of layers) if (!used.has(digest)) await rm(this.#blob(digest), { force: true });
    return true;
  }

  /** @throws Error in Ollama's words */
  async pull(
    model: string,
    insecure: boolean,
    say: (line: PullLine) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const name = parseModelName(model);
    const base = `${insecure ? 'http' : 'https'}://${name.host}/v2/${name.namespace}/${name.model}`;
    say({ status: 'pulling manifest' });
    const text = await this.#manifest(`${base}/manifests/${name.tag}`, signal);
    const layers = layersOf(text);
    const fetched: Layer[] = [];
    for (const layer of layers) {
      const progress = (completed: number) =>
        say({
          status: `pulling ${layer.digest.slice(7, 19)}`,
          digest: layer.digest,
          total: layer.bytes,
          completed,
        });
      if (existsSync(this.#blob(layer.digest))) {
        progress(layer.bytes);
        continue;
      }
      await this.#download(`${base}/blobs/${layer.digest}`, layer, progress, signal);
      fetched.push(layer);
    }
    say({ status: 'verifying sha256 digest' });
    for (const { digest } of fetched) await this.#verify(digest);
    say({ status: 'writing manifest' });
    await this.#writeManifest(name, text);
    say({ status: 'success' });
  }

  async #manifest(url: string, signal: AbortSignal): Promise<string> {
    const answer = await fetch(url, { signal }).catch((error: Error) => {
      throw new Error(
        `pull model manifest: Get "${url}": ${(error.cause as Error | undefined)?.message ?? error.message}`,
      );
    });
    if (answer.status === 404) throw new Error('pull model manifest: file does not exist');
    const text = await answer.text();
    if (!answer.ok) throw new Error(`pull model manifest: ${answer.status}: ${text}`);
    return text;
  }

  async #download(
    url: string,
    { digest, bytes }: Layer,
    progress: (completed: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const partial = `${this.#blob(digest)}-partial`;
    const state = `${partial}-0`;
    const size = bytes > 0 ? bytes : 0;
    let done = 0;
    if (existsSync(state))
      done = (JSON.parse(await readFile(state, 'utf8')) as { Completed: number }).Completed;
    else {
      const head = await fetch(url, { method: 'HEAD', signal });
      if (!head.ok) throw new Error(head.status === 404 ? 'file does not exist' : `${head.status}`);
    }
    const direct = await directUrl(url, signal);
    const file = await open(partial, existsSync(partial) ? 'r+' : 'w+');
    try {
      await file.truncate(size);
      const note = () => writeFile(state, JSON.stringify({ N: 0, Offset: 0, Size: size, Completed: done }));
      await note();
      if (done < size) {
        const answer = await fetch(direct, { headers: { range: `bytes=${done}-${size - 1}` }, signal });
        try {
          for await (const chunk of answer.body ?? []) {
            const rest = chunk.subarray(0, size - done);
            await file.write(rest, 0, rest.length, done);
            done += rest.length;
            progress(done);
          }
        } catch (error) {
          signal.throwIfAborted();
          throw new Error(`max retries exceeded: unexpected EOF (${(error as Error).message})`);
        } finally {
          await note();
        }
        if (done < size) throw new Error('max retries exceeded: EOF');
      }
    } finally {
      await file.close();
    }
    await rm(state);
    await rename(partial, this.#blob(digest));
  }

  async #verify(digest: string): Promise<void> {
    const hash = createHash('sha256');
    await pipeline(createReadStream(this.#blob(digest)), hash);
    const got = `sha256:${hash.digest('hex')}`;
    if (got === digest) return;
    await rm(this.#blob(digest));
    throw new Error(`digest mismatch, file must be downloaded again: want ${digest}, got ${got}`);
  }

  async #manifests(): Promise<{ name: ModelName; text: string }[]> {
    this.#known ??= await this.#readManifests();
    return this.#known;
  }

  async #readManifests(): Promise<{ name: ModelName; text: string }[]> {
    const root = join(this.#dir, 'manifests');
    const files = await readdir(root, { recursive: true }).catch(() => []);
    const found = [];
    for (const file of files) {
      const [host, namespace, model, tag] = file.split('/');
      if (!host || !namespace || !model || !tag) continue;
      if (!(await stat(join(root, file))).isFile()) continue;
      found.push({ name: { host, namespace, model, tag }, text: await readFile(join(root, file), 'utf8') });
    }
    return found;
  }

  /** In whichever case it was written. */
  async #existing(model: string): Promise<ModelName | undefined> {
    let key: string;
    try {
      key = modelKey(model);
    } catch {
      return undefined;
    }
    return (await this.#manifests()).find(({ name }) => modelKey(displayName(name)) === key)?.name;
  }

  async #writeManifest(name: ModelName, text: string): Promise<void> {
    const path = this.#manifestPath(name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    this.#known = undefined;
  }

  #manifestPath(name: ModelName): string {
    return join(this.#dir, manifestFile(name));
  }

  #blob(digest: string): string {
    return join(this.#dir, 'blobs', digest.replace(':', '-'));
  }
}

/** To where the registry sends for a blob; redirects within its own name are followed, anything but a 307 is an error. */
async function directUrl(url: string, signal: AbortSignal): Promise<string> {
  let at = new URL(url);
  const { hostname } = at;
  for (let hops = 0; hops <= 10; hops += 1) {
    const answer = await fetch(at, { redirect: 'manual', signal });
    await answer.body?.cancel();
    const location = answer.headers.get('location');
    if (answer.status === 404) throw new Error('context deadline exceeded');
    if (answer.status >= 400) throw new Error(`${answer.status}`);
    if (!location) throw new Error('http: no Location header in response');
    const next = new URL(location, at);
    if (next.hostname !== hostname) {
      if (answer.status !== 307) throw new Error(`unexpected status code ${answer.status}`);
      return next.href;
    }
    at = next;
  }
  throw new Error('maximum redirects exceeded (10) for directURL');
}
