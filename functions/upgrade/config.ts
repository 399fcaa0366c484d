import * as z from 'zod';
import type { GoldenPrompt } from '../../core/upgrade/tally.ts';
import { readEnv, readJson } from '../shared/env.ts';

export interface UpgradeConfig {
  cluster: string;
  table: string;
  parameterPrefix: string;
  /** Names, and what clients ask for. */
  fleets: { name: string; models: string[] }[];
  soakSeconds: number;
  bakeSeconds: number;
  /** How often EKS is asked how far it is. */
  checkSeconds: number;
  golden: GoldenPrompt[];
  /** APIs that the manifests use. */
  usedApis: string[];
}

const fleetsSchema = z.array(z.strictObject({ name: z.string().min(1), models: z.array(z.string()) })).min(1);
const settingsSchema = z.strictObject({
  soakSeconds: z.number().positive(),
  bakeSeconds: z.number().nonnegative(),
  checkSeconds: z.number().positive(),
  golden: z
    .array(z.strictObject({ name: z.string(), prompt: z.string(), expect: z.string().optional() }))
    .min(1),
  usedApis: z.array(z.string()),
});

/** @throws Error that names the variable that is missing or makes no sense */
export function readConfig(env: Record<string, string | undefined> = process.env): UpgradeConfig {
  const read = readEnv(
    {
      cluster: 'PADDOCK_CLUSTER',
      table: 'PADDOCK_TABLE',
      parameterPrefix: 'PADDOCK_FLEET_PARAMETER_PREFIX',
      fleets: 'PADDOCK_FLEETS',
      settings: 'PADDOCK_UPGRADES',
    },
    env,
  );
  const { cluster, table, parameterPrefix } = read;
  return {
    ...{ cluster, table, parameterPrefix },
    fleets: readJson(fleetsSchema, 'PADDOCK_FLEETS', read.fleets),
    ...readJson(settingsSchema, 'PADDOCK_UPGRADES', read.settings),
  };
}
