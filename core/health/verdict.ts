import type { Check, Verdict } from '../protocol/verdict.ts';
import { whenRead } from './check.ts';
import { clusterChecks } from './cluster-checks.ts';
import { fleetChecks } from './fleet-checks.ts';
import type { HealthObservation } from './observations.ts';

/** From what was seen to one verdict, with the evidence for it. */
export function judge(seen: HealthObservation): Verdict {
  const checks = [
    ...clusterChecks(seen),
    ...Object.entries(seen.fleets).flatMap(([fleet, reading]) =>
      whenRead(
        `fleet ${fleet}`,
        reading,
        'Is the fleet deployed? Its SSM parameter is written by the stack PaddockControlPlane.',
        (one) => fleetChecks(one, seen.at),
      ),
    ),
  ];
  return { verdict: worst(checks), at: new Date(seen.at * 1000).toISOString(), checks };
}

function worst(checks: readonly Check[]): Verdict['verdict'] {
  if (checks.some(({ status }) => status === 'unhealthy')) return 'unhealthy';
  return checks.every(({ status }) => status === 'healthy') ? 'healthy' : 'degraded';
}
