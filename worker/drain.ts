import type { Log } from './log.ts';
import type { WorkerState } from './state.ts';
import type { Sleep } from './time.ts';

export interface DrainOptions {
  state: WorkerState;
  log: Log;
  sleep: Sleep;
  /** Time for what is being served after SIGTERM, seconds. */
  terminationSeconds: number;
  /** Resolves when nothing is served and nothing is on its way in. */
  settled: () => Promise<void>;
  /** Breaks off what is still being served; it ends within moments, handed back. */
  cutOff: () => void;
  now?: () => number;
}

/** What was cut off still has to be handed back; a queue that does not answer must not hold the process. */
const HAND_BACK_MS = 5000;

/**
 * Two reasons to drain. A drain mark is a state: no new work, a deadline for the old, and back to work when it is
 * removed; the process stays, as a container that exits is only started again. SIGTERM is the end.
 */
export class Drain {
  readonly #options: DrainOptions;
  readonly #now: () => number;
  #mark: { deadline: number; cancelled: AbortController } | undefined;
  #terminating = false;

  constructor(options: DrainOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** @param deadline epoch seconds; undefined when there is no mark (any more) */
  setMark(deadline: number | undefined): void {
    if (this.#terminating || deadline === this.#mark?.deadline) return;
    this.#mark?.cancelled.abort();
    if (deadline === undefined) {
      this.#mark = undefined;
      this.#options.log.info('the drain is cancelled: back to work');
      this.#options.state.setDraining(false);
      return;
    }
    const mark = { deadline, cancelled: new AbortController() };
    this.#mark = mark;
    const seconds = Math.max(0, deadline - this.#now() / 1000);
    this.#options.log.info('draining on the mark', { deadline, seconds });
    this.#options.state.setDraining(true);
    void this.#finish(seconds, mark.cancelled.signal);
  }

  /** SIGTERM. Resolves when the process may exit. */
  async terminate(): Promise<void> {
    const { log, state, terminationSeconds } = this.#options;
    this.#terminating = true;
    this.#mark?.cancelled.abort();
    const marked = this.#mark ? this.#mark.deadline - this.#now() / 1000 : Number.POSITIVE_INFINITY;
    const seconds = Math.max(0, Math.min(terminationSeconds, marked));
    log.info('draining to the end', { seconds });
    state.setDraining(true);
    await this.#finish(seconds, new AbortController().signal);
  }

  /** Lets the work end by itself until the deadline, then cuts it off. */
  async #finish(seconds: number, cancelled: AbortSignal): Promise<void> {
    const { settled, cutOff, log } = this.#options;
    if (await this.#within(seconds * 1000, settled(), cancelled)) return log.info('drained');
    if (cancelled.aborted) return;
    log.warn('the drain deadline has come: what is still being served is cut off');
    cutOff();
    const clean = await this.#within(HAND_BACK_MS, settled(), cancelled);
    if (!clean && !cancelled.aborted)
      log.error('some work could not be handed back; it comes back by itself');
  }

  /** Whether the work ended within the time and before the signal. */
  async #within(ms: number, work: Promise<void>, cancelled: AbortSignal): Promise<boolean> {
    const timer = new AbortController();
    const signal = AbortSignal.any([timer.signal, cancelled]);
    const ended = await Promise.race([
      work.then(() => true),
      this.#options.sleep(ms, signal).then(() => false),
    ]);
    timer.abort();
    return ended;
  }
}
