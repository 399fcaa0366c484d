import type { StatusStore } from '../../adapters/aws/results.ts';
import type { Alarm } from '../../adapters/aws/wake.ts';
import { wakeKey } from '../../core/protocol/names.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { messageOf } from '../shared/async.ts';
import type { Log } from '../shared/telemetry.ts';

export interface WakerOptions {
  alarm: Alarm;
  objects: StatusStore;
  now: () => Seconds;
  log: Log;
}

/** What was learned of a fleet is believed this long: a loop that ends meanwhile is missed for a moment only. */
const BELIEVED_SECONDS = 1;
/** One submission in so many seconds wakes a fleet, of all: a loop takes its lease well within that. */
const CLAIM_SECONDS = 10;

/**
 * Starts a tick for a fleet that sleeps, which is one whose loop holds no lease. Not being able to fails no
 * submission: schedule and alarm come within a minute.
 */
export class Waker {
  readonly #options: WakerOptions;
  readonly #believedUntil = new Map<string, Seconds>();

  constructor(options: WakerOptions) {
    this.#options = options;
  }

  /** Call it once the message is in the queue: a tick that came before would see nothing. */
  async wake(fleet: string): Promise<void> {
    const { alarm, now, log } = this.#options;
    if (now() < (this.#believedUntil.get(fleet) ?? 0)) return;
    this.#believedUntil.set(fleet, now() + BELIEVED_SECONDS);
    try {
      if ((await alarm.awakeUntil(fleet)) > now()) return;
      if (!(await this.#claim(fleet))) return;
      await alarm.ring(fleet);
      log.info('The fleet sleeps: a tick is started', { fleet });
    } catch (error) {
      log.warn(`The fleet could not be woken; the schedule does it within a minute: ${messageOf(error)}`, {
        fleet,
      });
    }
  }

  /** Whether this is the one to wake the fleet, among all that run at once. */
  async #claim(fleet: string): Promise<boolean> {
    const { objects, now } = this.#options;
    const claim = JSON.stringify({ until: now() + CLAIM_SECONDS });
    const held = await objects.open(wakeKey(fleet));
    if (!held) return (await objects.writeOnce(wakeKey(fleet), claim)) === 'written';
    if (untilOf(held.body) > now()) return false;
    return (await objects.replace(wakeKey(fleet), claim, held.etag)) !== undefined;
  }
}

/** What can't be read claims nothing. */
function untilOf(text: string): Seconds {
  try {
    return Number((JSON.parse(text) as { until?: unknown }).until) || 0;
  } catch {
    return 0;
  }
}
