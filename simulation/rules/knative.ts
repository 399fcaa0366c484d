import { resize, type ScalingRule } from './rule.ts';

const TICK_SECONDS = 2;
const STABLE_SECONDS = 60;
const PANIC_SECONDS = 6;
const UTILIZATION = 0.7;
const PANIC_THRESHOLD = 2;
const MAX_UP_RATE = 1000;
const MAX_DOWN_RATE = 2;

/** Knative's autoscaler with its defaults, target concurrency = slots × 0.7. Concurrency counts waiting requests too. */
export function knative(): ScalingRule {
  let samples: { at: number; concurrency: number }[] = [];
  let panicSince = Number.NEGATIVE_INFINITY;
  let panicReplicas = 0;
  const mean = (now: number, seconds: number) => {
    const recent = samples.filter(({ at }) => at > now - seconds);
    return recent.reduce((total, { concurrency }) => total + concurrency, 0) / Math.max(1, recent.length);
  };
  return {
    name: 'knative',
    tickSeconds: TICK_SECONDS,
    tick(fleet) {
      const { now } = fleet;
      samples = samples.filter(({ at }) => at > now - STABLE_SECONDS);
      samples.push({ at: now, concurrency: fleet.backlog + fleet.inFlight });
      const ready = Math.max(1, fleet.readyReplicas);
      const target = fleet.options.slots * UTILIZATION;
      const limit = (replicas: number) =>
        Math.min(MAX_UP_RATE * ready, Math.max(Math.floor(ready / MAX_DOWN_RATE), Math.ceil(replicas)));
      const stable = limit(mean(now, STABLE_SECONDS) / target);
      const panic = limit(mean(now, PANIC_SECONDS) / target);
      if (panic / ready >= PANIC_THRESHOLD) {
        if (now - panicSince >= STABLE_SECONDS) panicReplicas = fleet.replicas.length;
        panicSince = now;
      }
      if (now - panicSince < STABLE_SECONDS) {
        panicReplicas = Math.max(panicReplicas, panic);
        resize(fleet, panicReplicas);
      } else {
        resize(fleet, stable);
      }
    },
  };
}
