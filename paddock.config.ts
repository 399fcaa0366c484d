import { defineConfig, presets } from './infra/config/index.ts';

// Every option, with its unit, range and default: docs/configuration.md.
export default defineConfig({
  region: 'us-east-1',
  cluster: { name: 'paddock', version: '1.36' },
  fleets: [presets.cpu(), presets.gpu()],
});
