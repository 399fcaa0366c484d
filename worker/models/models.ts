import type { ModelMirror } from '../../adapters/aws/model-mirror.ts';
import type { ModelLibrary } from '../../adapters/ollama/library.ts';
import type { ModelStore } from '../../adapters/ollama/store.ts';
import type { Registry } from '../../adapters/registry/registry.ts';
import type { FillModel, Warmth } from '../../core/protocol/warmup.ts';
import type { WorkerConfig } from '../config.ts';
import type { Log } from '../log.ts';
import { sleep } from '../time.ts';
import { ModelCache } from './cache.ts';
import { type Desk, ModelDesk } from './desk.ts';
import { RegistryFront } from './registry-front.ts';
import { ModelSources } from './sources.ts';
import { UseNote } from './use-note.ts';

export interface ModelParts {
  library: ModelLibrary;
  store: ModelStore;
  mirror: ModelMirror;
  /** Undefined: models come from the mirror alone. */
  registry: Registry | undefined;
  desk: Desk;
}

export interface ModelsOptions extends ModelParts {
  config: WorkerConfig;
  log: Log;
  isWarm: () => boolean;
  /** How far the fleet's own models are. */
  warmth: () => Warmth['models'];
}

/** The models of the pod: what fills, keeps and reports them. */
export interface Models {
  fill: FillModel;
  /** A request for this model is given to the model server. */
  use(model: string): void;
  /** Before the first fill. */
  start(): Promise<void>;
  /** Says its last word; at most a moment. */
  end(): Promise<void>;
}

export function createModels(options: ModelsOptions): Models {
  const { config, library, store, log, desk, isWarm, warmth } = options;
  const { podName: pod, podUid, pool, models: served } = config;
  const sources = new ModelSources(options);
  // The model server's own address: it has to find the front, and nobody else.
  const host = new URL(config.ollamaUrl).hostname;
  const front = new RegistryFront({ host, port: config.registryPort, sources, log });
  const uses = new UseNote(store, Date.now, log);
  const limitBytes = config.modelsLimitBytes;
  const cache = new ModelCache({ library, store, sources, front, uses, served, limitBytes, log });
  const loop = new ModelDesk({
    ...{ desk, cache, uses, isWarm, warmth, log, sleep, now: Date.now },
    ...{ pod: { pod, podUid, pool }, everySeconds: config.modelsPollSeconds },
  });
  return {
    fill: cache.fill,
    use: (model) => uses.used(model),
    async start() {
      await Promise.all([front.listen(), uses.load()]);
      void loop.run();
    },
    async end() {
      await loop.end();
      front.close();
    },
  };
}
