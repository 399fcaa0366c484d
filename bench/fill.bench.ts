/**
 * What the model mirror is worth, with the real Ollama and the small real model: the time from an empty disk to the first token
 * with the model from a registry, from the mirror, and on the disk already; and how fast a fill from the mirror is beside a
 * plain copy of the same bytes from the same S3 endpoint. `node bench/fill.bench.ts [GIGABYTES] [ROUNDS]`; skips aloud without
 * an Ollama (`npm run paddock -- ollama install`).
 */
import { execFile } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { buildApp } from 'fauxqs';
import { S3MirrorUpload } from '../adapters/aws/mirror-upload.ts';
import { S3ModelMirror } from '../adapters/aws/model-mirror.ts';
import { OllamaServer } from '../adapters/ollama/server.ts';
import { OllamaStore } from '../adapters/ollama/store.ts';
import { FolderOrigin } from '../adapters/registry/folder.ts';
import { HttpRegistry } from '../adapters/registry/registry.ts';
import { mirrorModel } from '../cli/models/mirror.ts';
import { parseModelName } from '../core/protocol/model-names.ts';
import { defaultCacheDir } from '../local/build/artifacts.ts';
import { findOllama } from '../local/ollama/install.ts';
import { SMALL_MODEL } from '../local/ollama/model.ts';
import { serveOllama } from '../local/ollama/serve.ts';
import { Supervisor } from '../local/processes.ts';
import { startRegistryStandIn } from '../local/registry/stand-in.ts';
import { ModelCache } from '../worker/models/cache.ts';
import { RegistryFront } from '../worker/models/registry-front.ts';
import { ModelSources } from '../worker/models/sources.ts';
import { UseNote } from '../worker/models/use-note.ts';

const gigabytes = Number(process.argv[2] ?? 2);
const rounds = Number(process.argv[3] ?? 3);
const Bucket = 'models';
const REGION = 'eu-central-1';
const quiet = { debug() {}, info() {}, warn: console.warn, error: console.error };
const run = promisify(execFile);
const COPY = `
  import { createWriteStream } from 'node:fs';
  import { Readable } from 'node:stream';
  import { pipeline } from 'node:stream/promises';
  const [url, file] = process.argv.slice(-2);
  await pipeline(Readable.fromWeb((await fetch(url)).body), createWriteStream(file));
`;
const never = new AbortController().signal;

const install = await findOllama(defaultCacheDir());
if (!install) {
  console.error('SKIPPED: there is no Ollama. Run "npm run paddock -- ollama install" first.');
  process.exit(0);
}

// On the disk that a user would fill, not in memory.
mkdirSync('.paddock', { recursive: true });
const dir = mkdtempSync(join('.paddock', 'fill-bench-'));
const supervisor = new Supervisor({ stateDir: dir });
// Straight at S3, by another name than Ollama's and the front's.
const s3App = buildApp({ logger: false, defaultRegion: REGION });
await s3App.listen({ host: '127.0.0.1', port: 0 });
const { port } = s3App.server.address() as { port: number };
const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
const s3 = new S3Client({
  endpoint: `http://localhost:${port}`,
  region: REGION,
  credentials,
  forcePathStyle: true,
});

const load = (): string =>
  `load ${loadavg()
    .map((n) => n.toFixed(1))
    .join(' ')}`;
const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
};
const median = (values: number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
const range = (values: number[]): string =>
  `${median(values).toFixed(2)} (${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)})`;

/** A replica's model server with a disk, and the worker's part that fills it. */
async function replica(name: string, mirror: S3ModelMirror, registryUrl: string) {
  const disk = join(dir, name);
  const { host, process: server } = await serveOllama({
    ...{ supervisor, program: install?.program as string, models: disk, logFile: join(dir, `${name}.log`) },
    env: { OLLAMA_NOPRUNE: '1', OLLAMA_KEEP_ALIVE: '-1' },
  });
  const ollama = new OllamaServer(`http://${host}`);
  const store = new OllamaStore(disk);
  const sources = new ModelSources({ mirror, registry: new HttpRegistry(registryUrl), log: quiet });
  const front = new RegistryFront({ host: '127.0.0.1', port: 0, sources, log: quiet });
  await front.listen();
  const uses = new UseNote(store, Date.now, quiet);
  const parts = { library: ollama, store, sources, front, uses, served: [], limitBytes: 1e15, log: quiet };
  const cache = new ModelCache(parts);
  const fill = (model: string) => cache.fill(model, () => {}, never);
  const end = async (keepDisk = false) => {
    front.close();
    ollama.close();
    await server.stop();
    if (!keepDisk) rmSync(disk, { recursive: true });
  };
  return { ollama, fill, end };
}

/** From a server that has just started to the first token, in its parts. */
async function firstToken(name: string, mirror: S3ModelMirror, registryUrl: string, keepDisk = false) {
  const { ollama, fill, end } = await replica(name, mirror, registryUrl);
  const fillSeconds = await seconds(() => fill(SMALL_MODEL));
  const loadSeconds = await seconds(() => ollama.load(SMALL_MODEL));
  const tokenSeconds = await seconds(() => ollama.answer(SMALL_MODEL));
  await end(keepDisk);
  return { fillSeconds, loadSeconds, tokenSeconds, all: fillSeconds + loadSeconds + tokenSeconds };
}

/** A store with one model of so many bytes that nobody can load. */
function padded(bytes: number): { store: string; digest: string } {
  const store = join(dir, 'padded');
  mkdirSync(join(store, 'blobs'), { recursive: true });
  mkdirSync(join(store, 'manifests', 'registry.ollama.ai', 'library', 'padded'), { recursive: true });
  const put = (content: Buffer): { digest: string; size: number } => {
    const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
    writeFileSync(join(store, 'blobs', digest.replace(':', '-')), content);
    return { digest, size: content.length };
  };
  const weights = Buffer.allocUnsafe(bytes);
  for (let at = 0; at < bytes; at += 2 ** 30) randomFillSync(weights, at, Math.min(2 ** 30, bytes - at));
  const model = put(weights);
  const config = put(Buffer.from('{"model_format":"gguf","model_family":"llama"}'));
  writeFileSync(
    join(store, 'manifests', 'registry.ollama.ai', 'library', 'padded', 'latest'),
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      config: { mediaType: 'application/vnd.docker.container.image.v1+json', ...config },
      layers: [{ mediaType: 'application/vnd.ollama.image.model', ...model }],
    }),
  );
  return { store, digest: model.digest };
}

try {
  await s3.send(new CreateBucketCommand({ Bucket }));
  const kept = new Map();
  const notes = {
    read: (key: string) => kept.get(key),
    write: (key: string, value: unknown) => void kept.set(key, value),
  };
  const upload = new S3MirrorUpload(Bucket, notes, s3);
  const put = (model: string, store: string) =>
    mirrorModel(parseModelName(model), {
      ...{ origin: new FolderOrigin(store), upload, force: false, onProgress: () => {}, signal: never },
    });
  const mirror = new S3ModelMirror(Bucket, s3);
  const empty = new S3ModelMirror('empty', s3);
  await s3.send(new CreateBucketCommand({ Bucket: 'empty' }));
  const registry = await startRegistryStandIn({ store: install.store });
  await put(SMALL_MODEL, install.store);

  console.log(`${cpus().length} cores, ${load()}; Ollama ${install.version}, ${SMALL_MODEL}`);
  const kinds = { registry: [] as number[], mirror: [] as number[], 'warm disk': [] as number[] };
  const fills = { registry: [] as number[], mirror: [] as number[], 'warm disk': [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    const cold = await firstToken('cold', empty, registry.url);
    const mirrored = await firstToken('mirrored', mirror, 'http://127.0.0.1:1', true);
    const warm = await firstToken('mirrored', mirror, 'http://127.0.0.1:1');
    for (const [kind, one] of [
      ['registry', cold],
      ['mirror', mirrored],
      ['warm disk', warm],
    ] as const) {
      kinds[kind].push(one.all);
      fills[kind].push(one.fillSeconds);
    }
  }
  console.log(
    `\nseconds to the first token from a started server, median (range) of ${rounds}; now ${load()}`,
  );
  for (const kind of ['registry', 'mirror', 'warm disk'] as const)
    console.log(`  ${kind.padEnd(10)} ${range(kinds[kind])}, of which the fill ${range(fills[kind])}`);

  const bytes = Math.round(gigabytes * 1e9);
  const { store, digest } = padded(bytes);
  await put('padded', store);
  rmSync(store, { recursive: true });
  const copies: number[] = [];
  const filled: number[] = [];
  const file = join(dir, 'copy');
  const copy = async (): Promise<void> => {
    copies.push(
      await seconds(async () => {
        // In a process of its own, as Ollama is: this one is busy with being S3.
        await run(process.execPath, [
          '--input-type=module',
          '--eval',
          COPY,
          await mirror.blobUrl(digest),
          file,
        ]);
      }),
    );
    if (statSync(file).size !== bytes) throw new Error('the copy is not whole');
    rmSync(file);
  };
  const fillOnce = async (): Promise<void> => {
    const { fill, end } = await replica('filled', mirror, 'http://127.0.0.1:1');
    filled.push(await seconds(() => fill('padded')));
    await end();
  };
  // In turn the one and the other first: neither always finds the machine as the other has left it.
  for (let round = 0; round < rounds; round += 1)
    for (const one of round % 2 === 0 ? [copy, fillOnce] : [fillOnce, copy]) await one();
  const share = median(copies) / median(filled);
  console.log(`\n${gigabytes} GB from one S3 endpoint, seconds, median (range) of ${rounds}; now ${load()}`);
  console.log(`  plain copy to a file  ${range(copies)}, ${(bytes / 1e6 / median(copies)).toFixed(0)} MB/s`);
  console.log(
    `  fill by Ollama        ${range(filled)}, ${(bytes / 1e6 / median(filled)).toFixed(0)} MB/s, checksum included`,
  );
  console.log(
    `  a fill has ${(share * 100).toFixed(0)}% of the copy's speed${share >= 0.5 ? '' : ' (LIMIT MISSED: 50%)'}`,
  );
  if (share < 0.5) process.exitCode = 1;
  await registry.stop();
} finally {
  await supervisor.stopAll();
  await s3App.close();
  rmSync(dir, { recursive: true, force: true });
}
