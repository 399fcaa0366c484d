import { resize, type ScalingRule } from './rule.ts';

export interface KedaOptions {
  /** Messages, waiting and in flight, per replica. */
  queueLength: number;
  /** Down goes only to the highest recommendation of this long. */
  stabilizationSeconds: number;
}

const SYNC_SECONDS = 15;
const TOLERANCE = 0.1;
const PODS_PER_SYNC = 4;

/** KEDA's SQS scaler and the HPA with their defaults: up by 4 pods or 100% per 15 s, down after 300 s. */
export function keda(options: KedaOptions = { queueLength: 5, stabilizationSeconds: 300 }): ScalingRule {
  let recommendations: { at: number; replicas: number }[] = [];
  return {
    name: 'keda',
    tickSeconds: SYNC_SECONDS,
    tick(fleet) {
      const { backlog, inFlight } = fleet.readCounters();
      const current = fleet.replicas.length;
      const messages = backlog + inFlight;
      const ratio = messages / options.queueLength / current;
      const wanted = Math.abs(1 - ratio) <= TOLERANCE ? current : Math.ceil(messages / options.queueLength);
      recommendations = recommendations.filter(({ at }) => at > fleet.now - options.stabilizationSeconds);
      recommendations.push({ at: fleet.now, replicas: wanted });
      const highest = Math.max(...recommendations.map(({ replicas }) => replicas));
      if (wanted > current) resize(fleet, Math.min(wanted, Math.max(current + PODS_PER_SYNC, 2 * current)));
      else if (highest < current) resize(fleet, highest);
    },
  };
}
