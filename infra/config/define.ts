import { checkFleet, checkNames } from './checks.ts';
import { checkCluster } from './checks-cluster.ts';
import { checkRouter } from './checks-router.ts';
import { clusterSchema } from './cluster-schema.ts';
import { ConfigError, type Problem } from './errors.ts';
import { fleetSchema } from './fleet-schema.ts';
import { resolve } from './resolve.ts';
import { routerSchema } from './router-schema.ts';
import { configSchema } from './schema.ts';
import type { ConfigInput, PaddockConfig } from './types.ts';
import { zodProblems } from './zod-problems.ts';

/**
 * Validates a configuration and fills in every default.
 *
 * @throws ConfigError that lists everything that is wrong, each with its path and the fix.
 * @example
 * export default defineConfig({ region: 'us-east-1', fleets: [presets.cpu(), presets.gpu()] });
 */
export function defineConfig(input: ConfigInput): PaddockConfig {
  const parsed = configSchema.safeParse(input);
  const problems = [
    ...(parsed.success ? [] : zodProblems(configSchema, parsed.error.issues, input)),
    ...ruleProblems(input),
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const config = deepFreeze(resolve(parsed.data));
  defined.add(config);
  return config;
}

const defined = new WeakSet<object>();

/** Whether `defineConfig` has returned it. */
export const isDefined = (value: unknown): value is PaddockConfig =>
  typeof value === 'object' && value !== null && defined.has(value);

/** The rules are checked on each part that is well-formed in itself, so that one typo hides nothing else. */
function ruleProblems(input: unknown): Problem[] {
  const given = (typeof input === 'object' && input !== null ? input : {}) as Record<string, unknown>;
  const region = configSchema.shape.region.safeParse(given.region).data;
  const cluster = clusterSchema.safeParse(given.cluster ?? {}).data;
  const router = routerSchema.safeParse(given.router ?? {}).data;
  const fleets = (Array.isArray(given.fleets) ? given.fleets : []).flatMap((candidate: unknown, index) => {
    const fleet = fleetSchema.safeParse(candidate).data;
    return fleet ? [{ fleet, index }] : [];
  });
  return [
    ...(region && cluster ? checkCluster(region, cluster) : []),
    ...(router ? checkRouter(region, router) : []),
    ...checkNames(fleets),
    ...fleets.flatMap(({ fleet, index }) => checkFleet(fleet, index, { region, cluster })),
  ];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
