import { resize, type ScalingRule } from './rule.ts';

const INTERVAL_SECONDS = 10;
const WINDOW_SECONDS = 600;
const LOWER_READINGS = 3;

/** KubeAI: mean active requests of ten minutes ÷ target; its default target of 100 would never scale here: the slots. */
export function kubeai(): ScalingRule {
  let samples: number[] = [];
  let lower = 0;
  return {
    name: 'kubeai',
    tickSeconds: INTERVAL_SECONDS,
    tick(fleet) {
      samples = [...samples, fleet.backlog + fleet.inFlight].slice(-WINDOW_SECONDS / INTERVAL_SECONDS);
      const mean = samples.reduce((total, active) => total + active, 0) / samples.length;
      const desired = Math.ceil(mean / fleet.options.slots);
      lower = desired < fleet.replicas.length ? lower + 1 : 0;
      if (desired >= fleet.replicas.length || lower >= LOWER_READINGS) resize(fleet, desired);
    },
  };
}
