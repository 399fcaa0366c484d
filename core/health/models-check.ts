import type { Check } from '../protocol/verdict.ts';
import type { Seconds } from '../scaling/types.ts';
import { degraded, healthy, listed, unhealthy, whenRead } from './check.ts';
import type { CanaryAnswer, FleetHealth } from './observations.ts';
import { isStarting } from './patience.ts';

/** Busy slots that have not been taken or given back for so long hold something that hangs. */
const HANGS_SECONDS = 900;
const WORKERS =
  'Do the workers renew their Leases? `kubectl -n paddock get leases`; docs/operations.md#alarm-not-warm';

/** Whether a client would get an answer: one token through each model of a replica that takes traffic. */
export function modelsCheck(seen: FleetHealth, at: Seconds): Check[] {
  const name = `models ${seen.fleet}`;
  return whenRead(name, seen.workers, WORKERS, () => {
    if (seen.canaries.length === 0) return withoutReplica(name, seen, at);
    const failed = seen.canaries.flatMap(failureOf);
    const answered = seen.canaries.filter(({ answer }) => answer.ok && isAnswered(answer.value));
    const next =
      "The replica's log: `kubectl -n paddock logs POD -c ollama`; docs/operations.md#a-model-does-not-load";
    if (failed.length > 0) {
      return answered.length > 0
        ? degraded(name, `${listed(failed)}; ${listed(answered.flatMap(timesOf))}`, next)
        : unhealthy(name, listed(failed), next);
    }
    if (answered.length > 0) return healthy(name, listed(answered.flatMap(timesOf)));
    return whenBusy(name, seen, at);
  });
}

/** Nobody was asked, since every slot is taken: they serve, unless nothing has moved for long. */
function whenBusy(name: string, { workers }: FleetHealth, at: Seconds): Check {
  const busy = workers.ok ? workers.value.filter((one) => one.busyQueue + one.busyInteractive > 0) : [];
  const newest = Math.max(0, ...busy.map(({ lastActiveAt }) => lastActiveAt));
  const evidence = 'no canary: every slot that was asked for is taken, or its replica is leaving';
  if (busy.length === 0 || at - newest <= HANGS_SECONDS) return healthy(name, evidence);
  return degraded(
    name,
    `${evidence}; no request has begun or ended for ${Math.round(at - newest)} s`,
    'Do generations hang? The logs of a replica: `kubectl -n paddock logs POD -c worker`',
  );
}

/** No replica is warm: as it should be while the fleet sleeps or wakes, else an outage. */
function withoutReplica(name: string, { policy, queue, tick, pools }: FleetHealth, at: Seconds): Check {
  const waits = queue.ok && queue.value.backlog > 0;
  const isWanted = policy.minReplicas > 0 || (tick.ok && (tick.value?.wanted ?? 0) > 0);
  if (!isWanted && !waits) return healthy(name, 'the fleet sleeps: no replica, nothing waits');
  const evidence = `no replica is warm${waits ? `, ${queue.value.backlog} requests wait` : ''}`;
  const next = '`paddock explain`, then docs/operations.md#alarm-not-warm';
  const starting = policy.pools.flatMap((pool) => {
    const reading = pools[pool.name];
    return reading?.ok ? reading.value.replicas.filter((one) => isStarting(one, pool, at)) : [];
  });
  if (starting.length === 0) return unhealthy(name, evidence, next);
  return degraded(name, `${evidence}; ${starting.length} start`, next);
}

const isAnswered = (answer: {
  refused?: string | undefined;
  models: readonly { error?: string | undefined }[];
}) => answer.refused === undefined && answer.models.every(({ error }) => error === undefined);

function failureOf({ replica, answer }: CanaryAnswer): string[] {
  if (!answer.ok) return [`${replica} gives no answer: ${answer.error}`];
  return answer.value.models.flatMap(({ model, error }) => (error ? [`${replica}, ${model}: ${error}`] : []));
}

const timesOf = ({ replica, answer }: CanaryAnswer): string[] =>
  answer.ok
    ? answer.value.models.map(
        ({ model, seconds }) => `${model} answers on ${replica} in ${seconds.toFixed(2)} s`,
      )
    : [];
