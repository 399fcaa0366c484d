import type { FleetState, LoopLease } from '../../adapters/aws/fleet-state.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { messageOf } from '../shared/async.ts';
import type { Log } from '../shared/telemetry.ts';
import type { TickEvent } from './event.ts';

/**
 * No tick of a loop begins later than this: an Express execution ends after five minutes, and slow capacity calls, two
 * attempts of a tick and the start of a successor must still fit (state-machines/scale.asl.json).
 */
export const LOOP_SECONDS = 220;

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
  const { taken, lease } = await state.takeLease(event.fleet, wanted, now, event.after || undefined);
  return taken ? undefined : (lease ?? {});
}

/** Whether the next tick is to be another execution's: it would begin too late in this one. */
export const isLoopOver = (event: TickEvent, nextTickAt: Seconds): boolean =>
  nextTickAt - event.startedAt >= LOOP_SECONDS;

/** Frees the lease of a fleet that rests. Not being able to is no failure of the tick: the lease runs out by itself. */
export async function releaseLease(state: FleetState, event: TickEvent, log: Log): Promise<void> {
  try {
    await state.releaseLease(event.fleet, event.execution);
  } catch (error) {
    log.warn(`The lease was not released and runs out by itself: ${messageOf(error)}`);
  }
}
