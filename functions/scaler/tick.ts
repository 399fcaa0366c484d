import { randomUUID } from 'node:crypto';
import type { FleetParameters } from '../../adapters/aws/fleet-parameters.ts';
import type { PlanRecord } from '../../adapters/aws/fleet-state.ts';
import { ConflictError } from '../../adapters/errors.ts';
import type { FleetMemory } from '../../core/scaling/decide.ts';
import type { Decision, Seconds } from '../../core/scaling/types.ts';
import { messageOf } from '../shared/async.ts';
import { type Acted, act, type CapacityCalls } from './act.ts';
import type { TickDependencies } from './dependencies.ts';
import type { TickEvent } from './event.ts';
import { isLoopOver, releaseLease, takeLease } from './lease.ts';
import { type Recalled, recall } from './memory.ts';
import { type Observation, observe } from './observe.ts';

/** What the state machine gets back. */
export interface TickResult extends CapacityCalls {
  /** `left`: another loop holds the lease, or another tick was first. */
  outcome: 'ticked' | 'left';
  fleet: string;
  /** True while there is something to do. */
  again: boolean;
  /** True when this execution has to start its successor. */
  handOver: boolean;
  /** Until the next tick; at least 1. */
  waitSeconds: number;
  /** What failed although the tick went on, each naming the call and its answer. */
  failures: string[];
}

/** The tick came to nothing; the message names what failed. */
export class TickError extends Error {
  override readonly name = 'TickError';
}

/**
 * One tick: lease → observe → decide → remember → act → store the plan.
 *
 * The memory is written before anything is done: of two ticks that decided from the same memory only one acts. A tick
 * that dies after that write is repaired by the next, which decides from what it sees.
 *
 * @throws TickError when nothing could be done: the table or the fleet's parameters are out of reach, no pool could be
 * read, or every command failed
 */
export async function tick(event: TickEvent, deps: TickDependencies): Promise<TickResult> {
  try {
    return await run(event, deps);
  } catch (error) {
    deps.gauges.failed();
    throw error;
  }
}

async function run(event: TickEvent, deps: TickDependencies): Promise<TickResult> {
  const startedAt = deps.now();
  const parameters = await orFail(deps.parameters.read(event.fleet));
  const { tickSeconds } = parameters.policy;
  const other = await orFail(takeLease(deps.state, event, tickSeconds, startedAt));
  if (other) {
    deps.log.info('Left: another loop ticks', { holder: other.holder, until: other.until });
    return left(event, deps, startedAt);
  }

  const [observation, stored] = await Promise.all([
    observe(deps, parameters, startedAt, deps.readingTimeoutMs),
    orFail(deps.state.readMemory(event.fleet)),
  ]);
  const recalled = recall(stored, startedAt);
  if (recalled.broken !== undefined && stored) {
    deps.log.error(
      `The fleet's memory was broken and begins anew; nothing shrinks for now: ${recalled.broken}`,
    );
    await orFail(deps.state.keepBroken(event.fleet, startedAt, stored));
  }

  const decision = deps.decide(observation.snapshot, parameters.policy, recalled.memory);
  const memory = JSON.stringify(decision.memory);
  if (!(await remember(event, deps, recalled, memory))) return left(event, deps, startedAt);

  const acted = await act(deps, decision.plan, observation, withholdReason(recalled, startedAt));
  return finish({ event, deps, parameters, startedAt, observation, recalled, decision, acted, memory });
}

/** False when another tick wrote in between: then nothing may be done. */
async function remember(
  event: TickEvent,
  { state, log }: TickDependencies,
  { expected, nextVersion, holdUntil }: Recalled,
  memory: string,
): Promise<boolean> {
  const next = {
    version: nextVersion,
    memory,
    writer: randomUUID(),
    ...(holdUntil === undefined ? {} : { holdUntil }),
  };
  try {
    await state.writeMemory(event.fleet, expected, next);
    return true;
  } catch (error) {
    if (!(error instanceof ConflictError)) throw new TickError(messageOf(error), { cause: error });
    log.warn('Left: another tick of this fleet was first', { expected, error: messageOf(error) });
    return false;
  }
}

interface TickDone {
  event: TickEvent;
  deps: TickDependencies;
  parameters: FleetParameters;
  startedAt: Seconds;
  observation: Observation;
  recalled: Recalled;
  decision: Decision<FleetMemory>;
  acted: Acted;
  memory: string;
}

async function finish(done: TickDone): Promise<TickResult> {
  const { event, deps, parameters, startedAt, observation, decision, acted } = done;
  const failures = failuresOf(done);
  for (const failure of failures) deps.log.error(failure);
  const elapsed = deps.now() - startedAt;
  const record: PlanRecord = {
    plan: decision.plan,
    trigger: event.trigger,
    execution: event.execution,
    durationMs: Math.round(elapsed * 1000),
    results: acted.results,
    failures,
  };
  await storePlan(event.fleet, record, deps);
  deps.gauges.record({
    tickMs: (deps.now() - startedAt) * 1000,
    memoryBytes: Buffer.byteLength(done.memory),
    plan: decision.plan,
    snapshot: observation.snapshot,
    policy: parameters.policy,
    readingFailures: observation.failures.length,
    commandFailures: acted.results.filter(({ status }) => status === 'failed').length,
  });
  if (cameToNothing(observation, acted)) throw new TickError(failures.join('; '));

  const again = decision.plan.again || failures.length > 0;
  if (!again) await releaseLease(deps.state, event, deps.log);
  const waitSeconds = Math.max(1, Math.round(parameters.policy.tickSeconds - elapsed));
  return {
    outcome: 'ticked',
    fleet: event.fleet,
    ...acted.calls,
    again,
    handOver: again && isLoopOver(event, deps.now() + waitSeconds),
    waitSeconds,
    failures,
  };
}

/** No pool could be read, or every command failed: whoever looks at the execution shall see it. */
function cameToNothing({ snapshot }: Observation, { results }: Acted): boolean {
  if (Object.values(snapshot.pools).every((pool) => !pool.ok)) return true;
  return results.length > 0 && results.every(({ status }) => status === 'failed');
}

function failuresOf({ observation, recalled, decision, acted }: TickDone): string[] {
  const commands = acted.results.flatMap((result, index) =>
    result.status === 'failed' ? [`${decision.plan.commands[index]?.kind}: ${result.error}`] : [],
  );
  const broken =
    recalled.broken === undefined
      ? []
      : [`the fleet's memory was broken and begins anew: ${recalled.broken}`];
  return [...broken, ...observation.failures, ...commands];
}

/** What was done is done: a plan that can't be stored goes to the log in full, and the calls to the state machine. */
async function storePlan(fleet: string, record: PlanRecord, { state, log }: TickDependencies): Promise<void> {
  try {
    await state.storePlan(fleet, record);
  } catch (error) {
    log.error(`The plan was not stored: ${messageOf(error)}`, { record: { ...record } });
  }
}

function withholdReason({ holdUntil }: Recalled, now: Seconds): string | undefined {
  if (holdUntil === undefined || now >= holdUntil) return undefined;
  const minutes = Math.ceil((holdUntil - now) / 60);
  return `the fleet's memory was lost: nothing shrinks for ${minutes} more min`;
}

function left(event: TickEvent, { gauges, now }: TickDependencies, startedAt: Seconds): TickResult {
  const tickMs = (now() - startedAt) * 1000;
  gauges.record({ tickMs, readingFailures: 0, commandFailures: 0 });
  return {
    outcome: 'left',
    fleet: event.fleet,
    protect: [],
    setNodes: [],
    terminate: [],
    warmUps: [],
    again: false,
    handOver: false,
    waitSeconds: 1,
    failures: [],
  };
}

async function orFail<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw new TickError(messageOf(error), { cause: error });
  });
}
