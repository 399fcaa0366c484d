import { type ConfigInput, defineConfig, type PaddockConfig, presets } from '../../infra/config/index.ts';

export const FLEET = 'cpu';
export const MODEL = 'tiny';
/** Ollama serves a model that embeds one request at a time: so the pools have one slot. */
export const EMBEDDING_MODEL = 'tiny-embed';
export const MODELS: readonly string[] = [MODEL, EMBEDDING_MODEL];

/** One fleet whose requests are given up after two failed attempts. */
export const gatewayConfig = (more: Partial<ConfigInput> = {}): PaddockConfig =>
  defineConfig({
    region: 'us-east-1',
    fleets: [
      {
        ...presets.cpu({ name: FLEET, models: [...MODELS] }),
        pools: presets.cpu().pools.map((pool) => ({ ...pool, slots: 1 })),
        maxAttempts: 2,
      },
    ],
    ...more,
  });
