import { type ConfigInput, defineConfig, type PaddockConfig } from '../../infra/config/index.ts';
import { localConfig } from '../config.ts';

export const BOOT_SECONDS = 1;
export const LOAD_SECONDS = 1;
/** Workers are killed more often than anywhere else: with the kubelets' ten seconds most of the fleet would stand still. */
export const CRASH_BACKOFF_SECONDS = 1;

/** Of most requests. */
const EXPECTED_SERVICE_SECONDS = 0.15;
/** What a dead worker had taken comes back so soon; some requests take longer. */
export const VISIBILITY_SECONDS = 6;

const DEFAULTS = { slots: 4, minReplicas: 4, maxReplicas: 6, serviceSeconds: EXPECTED_SERVICE_SECONDS };

/**
 * The user's fleet as a chaos run wants it: small enough for this machine, large enough to lose replicas, and quick to take up what
 * they leave.
 *
 * @throws Error when there is no such fleet, ConfigError when something does not fit together
 */
export function chaosConfig(config: PaddockConfig, overrides: { fleet?: string }): PaddockConfig {
  const leadSeconds = BOOT_SECONDS + LOAD_SECONDS;
  const local = localConfig(config, { singlePool: false, defaults: DEFAULTS }, { ...overrides, leadSeconds });
  const input = {
    ...local,
    fleets: local.fleets.map((fleet) => ({
      ...fleet,
      visibilitySeconds: VISIBILITY_SECONDS,
      requestTimeoutSeconds: 30,
      policy: { ...fleet.policy, tickSeconds: 2, drainDeadlineSeconds: 10 },
    })),
  };
  return defineConfig(structuredClone(input) as unknown as ConfigInput);
}
