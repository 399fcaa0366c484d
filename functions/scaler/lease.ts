import type { FleetState, LoopLease } from '../../adapters/aws/fleet-state.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { messageOf } from '../shared/async.ts';
import type { Log } from '../shared/telemetry.ts';
import type { TickEvent } from './event.ts';

/** An Express execution ends after five minutes: a loop hands over early enough for a slow last tick. */
const LOOP_SECONDS = 240;
const LAST_MOMENT_SECONDS = 265;

/** A loop that died is replaced after three of its ticks, but no sooner than a slow tick takes. */
const leaseSeconds = (tickSeconds: number): Seconds => Math.max(20, 3 * tickSeconds);

/** Takes or renews the lease for this execution. Undefined when it is taken, else who holds it. */
export async function takeLease(
  state: FleetState,
  event: TickEvent,
  tickSeconds: number,
  now: Seconds,
): Promise<Partial<LoopLease> | undefined> {
  const wanted = { holder: event.execution, until: now + leaseSeconds(tickSeconds) };
  const { taken, lease } = await state.takeLease(event.fleet, wanted, now);
  return taken ? undefined : (lease ?? {});
}

/**
 * Whether the loop should hand over now. Not while the state machine still has capacity calls of this tick to make:
 * whoever took the lease in between would decide from the old sizes. The last moment overrules that.
 */
export const isLoopOver = (event: TickEvent, now: Seconds, hasCalls: boolean): boolean =>
  now - event.startedAt >= (hasCalls ? LAST_MOMENT_SECONDS : LOOP_SECONDS);

/**
 * Frees the lease at the end of a loop: the successor, or any trigger that comes before it, takes it at once. Not
 * being able to is no failure of the tick: the lease runs out by itself.
 */
export async function releaseLease(state: FleetState, event: TickEvent, log: Log): Promise<void> {
  try {
    await state.releaseLease(event.fleet, event.execution);
  } catch (error) {
    log.warn(`The lease was not released and runs out by itself: ${messageOf(error)}`);
  }
}
