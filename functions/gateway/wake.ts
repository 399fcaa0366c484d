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

/** A reading of a fleet's lease, which submissions of the same second share. */
interface Look {
  at: Seconds;
  sleeps: Promise<boolean>;
}

/**
 * Starts a tick for a fleet that sleeps, which is one whose loop holds no lease. Not being able to fails no
 * submission: schedule and alarm come within a minute.
 */
export class Waker {
  readonly #options: WakerOptions;
  readonly #looks = new Map<string, Look>();
  /** Nobody wakes the fleet again before. */
  readonly #claimedUntil = new Map<string, Seconds>();

  constructor(options: WakerOptions) {
    this.#options = options;
  }

  /**
   * Looks whether the fleet sleeps, while the submission is written.
   * @returns what wakes it if it does. Call it once the message is in the queue: a tick that came before would see nothing.
   */
  look(fleet: string): () => Promise<void> {
    const { now } = this.#options;
    if (now() < (this.#claimedUntil.get(fleet) ?? 0)) return async () => {};
    let look = this.#looks.get(fleet);
    if (!look || now() >= look.at + BELIEVED_SECONDS) {
      look = { at: now(), sleeps: this.#sleeps(fleet) };
      this.#looks.set(fleet, look);
    }
    const { sleeps } = look;
    return async () => {
      if (await sleeps) await this.#wake(fleet);
    };
  }

  async #sleeps(fleet: string): Promise<boolean> {
    const { alarm, now } = this.#options;
    try {
      return (await alarm.awakeUntil(fleet)) <= now();
    } catch (error) {
      this.#warn(fleet, error);
      return false;
    }
  }

  async #wake(fleet: string): Promise<void> {
    const { alarm, log } = this.#options;
    try {
      if (!(await this.#claim(fleet))) return;
      await alarm.ring(fleet);
      log.info('The fleet sleeps: a tick is started', { fleet });
    } catch (error) {
      this.#warn(fleet, error);
    }
  }

  #warn(fleet: string, error: unknown): void {
    const message = `The fleet could not be woken; the schedule does it within a minute: ${messageOf(error)}`;
    this.#options.log.warn(message, { fleet });
  }

  /** Whether this is the one to wake the fleet, among all that run at once. */
  async #claim(fleet: string): Promise<boolean> {
    const { objects, now } = this.#options;
    if (now() < (this.#claimedUntil.get(fleet) ?? 0)) return false;
    const until = now() + CLAIM_SECONDS;
    const claim = JSON.stringify({ until });
    const held = await objects.open(wakeKey(fleet));
    const heldUntil = held ? untilOf(held.body) : 0;
    if (heldUntil > now()) {
      this.#claimedUntil.set(fleet, heldUntil);
      return false;
    }
    const isOurs = held
      ? (await objects.replace(wakeKey(fleet), claim, held.etag)) !== undefined
      : (await objects.writeOnce(wakeKey(fleet), claim)) === 'written';
    if (isOurs) this.#claimedUntil.set(fleet, until);
    return isOurs;
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
