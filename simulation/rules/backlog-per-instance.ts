import { resize, type ScalingRule } from './rule.ts';

const MINUTE = 60;
/** Target tracking scales in only when 15 one-minute readings in a row lie below 90% of the target. */
const SCALE_IN_READINGS = 15;
const SCALE_IN_SHARE = 0.9;

/**
 * AWS's backlog per instance: target = acceptable latency ÷ mean processing time of a message, target tracking on
 * visible ÷ running.
 *
 * @param acceptablePerReplica waiting messages that one replica may have
 */
export function backlogPerInstance(acceptablePerReplica: number): ScalingRule {
  let low = 0;
  return {
    name: 'backlog-per-instance',
    tickSeconds: MINUTE,
    tick(fleet) {
      const { backlog } = fleet.readCounters();
      const running = Math.max(1, fleet.readyReplicas);
      const perReplica = backlog / running;
      low = perReplica < SCALE_IN_SHARE * acceptablePerReplica ? low + 1 : 0;
      const desired = Math.ceil(backlog / acceptablePerReplica);
      if (desired > fleet.replicas.length) resize(fleet, desired);
      else if (low >= SCALE_IN_READINGS) resize(fleet, desired);
    },
  };
}
