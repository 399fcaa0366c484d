import { type ConfigInput, defineConfig, type PaddockConfig, presets } from '../../infra/config/index.ts';

export const FLEET = 'cpu';
export const MODEL = 'tiny';

/** One fleet whose requests are given up after two failed attempts. */
export const gatewayConfig = (more: Partial<ConfigInput> = {}): PaddockConfig =>
  defineConfig({
    region: 'us-east-1',
    fleets: [{ ...presets.cpu({ name: FLEET, models: [MODEL] }), maxAttempts: 2 }],
    ...more,
  });
