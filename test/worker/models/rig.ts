import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { S3ModelMirror } from '../../../adapters/aws/model-mirror.ts';
import { OllamaServer } from '../../../adapters/ollama/server.ts';
import { OllamaStore } from '../../../adapters/ollama/store.ts';
import { HttpRegistry } from '../../../adapters/registry/registry.ts';
import { parseModelName } from '../../../core/protocol/model-names.ts';
import { mirrorBlobKey, mirrorManifestKey } from '../../../core/protocol/models.ts';
import type { FillProgress } from '../../../core/protocol/warmup.ts';
import { type Front, startFront } from '../../../local/front/front.ts';
import { inventModel } from '../../../local/registry/invented.ts';
import { type RegistryStandIn, startRegistryStandIn } from '../../../local/registry/stand-in.ts';
import { ModelCache } from '../../../worker/models/cache.ts';
import { RegistryFront } from '../../../worker/models/registry-front.ts';
import { ModelSources } from '../../../worker/models/sources.ts';
import { UseNote } from '../../../worker/models/use-note.ts';
import { quiet } from '../fakes.ts';

const BUCKET = 'models';
/** Of an invented model's weights. */
export const WEIGHTS = 300_000;

/** A model server under test: its address, and the folder of its models. */
export interface ServerUnderTest {
  host: string;
  url: string;
  disk: string;
  stop(): Promise<void>;
}

export interface PodOptions {
  served?: string[];
  limitBytes?: number;
  withoutRegistry?: boolean;
}

/** One bucket and one registry; and pods, as far as their models are concerned. */
export class ModelsRig {
  readonly dir = mkdtempSync(join(tmpdir(), 'paddock-models-test-'));
  readonly #fronts: RegistryFront[] = [];
  front!: Front;
  registry!: RegistryStandIn;
  s3!: S3Client;

  async start(): Promise<void> {
    this.front = await startFront({ accountId: '111122223333', region: 'eu-central-1' });
    const { accessKeyId, secretAccessKey } = this.front.admin;
    this.s3 = new S3Client({
      ...{ endpoint: this.front.url, region: 'eu-central-1', forcePathStyle: true, maxAttempts: 1 },
      credentials: { accessKeyId, secretAccessKey },
    });
    await this.s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
    this.registry = await startRegistryStandIn({ inventBytes: WEIGHTS });
  }

  async stop(): Promise<void> {
    for (const front of this.#fronts) front.close();
    await this.registry.stop();
    this.s3.destroy();
    await this.front.stop();
    rmSync(this.dir, { recursive: true });
  }

  /** As `paddock models mirror` leaves it; `spoil`: the weights' last byte is another one. */
  async mirror(model: string, { spoil = false, without = '' } = {}): Promise<void> {
    const name = parseModelName(model);
    const { manifest, blobs } = inventModel(name, WEIGHTS);
    for (const [digest, content] of blobs) {
      if (digest === without) continue;
      const isWeights = content.length > 10_000;
      const Body =
        spoil && isWeights ? Buffer.concat([content.subarray(0, -1), Buffer.from([0x55])]) : content;
      await this.s3.send(new PutObjectCommand({ Bucket: BUCKET, Key: mirrorBlobKey(digest), Body }));
    }
    await this.s3.send(
      new PutObjectCommand({ Bucket: BUCKET, Key: mirrorManifestKey(name), Body: manifest }),
    );
  }

  async pod(server: ServerUnderTest, options: PodOptions = {}) {
    const { served = [], limitBytes = 1e12, withoutRegistry = false } = options;
    const library = new OllamaServer(server.url);
    const store = new OllamaStore(server.disk);
    const sources = new ModelSources({
      mirror: new S3ModelMirror(BUCKET, this.s3),
      registry: withoutRegistry ? undefined : new HttpRegistry(this.registry.url),
      log: quiet,
    });
    const front = new RegistryFront({ host: server.host, port: 0, sources, log: quiet });
    await front.listen();
    this.#fronts.push(front);
    let now = 1_000_000_000;
    const uses = new UseNote(store, () => (now += 1000), quiet);
    await uses.load();
    const cache = new ModelCache({ library, store, sources, front, uses, served, limitBytes, log: quiet });
    const progress: FillProgress[] = [];
    const fill = (model: string, signal = new AbortController().signal) =>
      cache.fill(model, (p) => progress.push(p), signal);
    const names = async () => (await store.read()).models.map(({ name }) => name).sort();
    return { library, store, cache, uses, front, progress, fill, names };
  }
}

export const weightsOf = (model: string): string => {
  const [digest] =
    [...inventModel(parseModelName(model), WEIGHTS).blobs].find(([, b]) => b.length > 10_000) ?? [];
  return digest as string;
};
