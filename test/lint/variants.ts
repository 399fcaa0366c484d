import { type ConfigInput, defineConfig, type PaddockConfig, presets } from '../../infra/config/index.ts';
import shipped from '../../paddock.config.ts';

const both = (changes: Partial<ConfigInput> = {}): PaddockConfig =>
  defineConfig({ region: 'us-east-1', fleets: [presets.cpu(), presets.gpu()], ...changes });

/** Configurations that between them make every resource that Paddock can make. */
export const VARIANTS: Readonly<Record<string, () => PaddockConfig>> = {
  shipped: () => shipped,
  'cpu alone': () => defineConfig({ region: 'eu-west-1', fleets: [presets.cpu()] }),
  'gpu alone, asleep at zero': () =>
    defineConfig({ region: 'us-west-2', fleets: [presets.gpu({ policy: { minReplicas: 0 } })] }),
  'a NAT gateway per zone': () => both({ cluster: { natGateways: 3 } }),
};
