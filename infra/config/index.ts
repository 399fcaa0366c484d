export { defineConfig, isDefined } from './define.ts';
export { ConfigError, type Problem } from './errors.ts';
export { fleetOf, fleetPolicy } from './policy.ts';
export { type PresetOverrides, presets } from './presets.ts';
export type {
  ConfigInput,
  FleetConfig,
  FleetInput,
  PaddockConfig,
  PoolConfig,
  PoolInput,
  RouterConfig,
} from './types.ts';
