import type { QueueMessage } from '../adapters/aws/queue.ts';
import { handBack, type JobEnd, type JobOptions, runJob } from './job.ts';
import type { Slots } from './slots.ts';
import type { WorkerState } from './state.ts';
import { backoff } from './time.ts';

export interface ConsumerOptions extends JobOptions {
  slots: Slots;
  state: WorkerState;
  /** Called when the model server failed a request: time to look at it. */
  onServerTrouble: () => void;
}

/**
 * Requests in hand at a time, in slots: those that are served and as many whose results are being written. A bucket that does not
 * answer holds the worker up, rather than let unwritten results pile up.
 */
const IN_HAND_PER_SLOT = 2;
/** Short enough that a draining worker is not held up by its own poll. */
const POLL_SECONDS = 5;
/** SQS hands out ten messages at most. */
const MAX_MESSAGES = 10;
const PAUSE_BASE_MS = 500;
const PAUSE_CAP_MS = 30_000;

/** Takes messages while a slot is free and the worker accepts work, and sees each of them through. */
export class Consumer {
  readonly #options: ConsumerOptions;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #inProgress = new Set<string>();
  /** Messages that were taken and have not come to their end. */
  readonly #inHand = new Set<Promise<unknown>>();
  #cutOff = new AbortController();
  #failedPolls = 0;
  /** Jobs since the last good one that failed for no fault of their message. */
  #troubles = 0;

  constructor(options: ConsumerOptions) {
    this.#options = options;
  }

  /** Runs until `stop`; resolves when it polls no more. */
  async run(): Promise<void> {
    const { state, slots, sleep } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await state.when(() => state.isAccepting, signal);
      await slots.whenFree(signal);
      if (this.#room <= 0) await Promise.race(this.#inHand);
      const strikes = this.#failedPolls + this.#troubles;
      if (strikes > 0) await sleep(backoff(strikes, PAUSE_BASE_MS, PAUSE_CAP_MS), signal);
      if (signal.aborted || !state.isAccepting || this.#room <= 0) continue;
      await this.#track(this.#poll());
    }
  }

  /** Messages in hand, at most as many as there are slots: a replica is idle when this is 0. */
  get busy(): number {
    return Math.min(this.#inHand.size, this.#options.slots.size);
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Breaks off every generation; their messages are handed back at once. Results being written are not touched. */
  cutOff(): void {
    this.#cutOff.abort();
    this.#cutOff = new AbortController();
  }

  /** Resolves when no poll is open and every message taken has come to its end. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #poll(): Promise<void> {
    const { queue, visibilitySeconds, log } = this.#options;
    try {
      const max = Math.min(this.#room, MAX_MESSAGES);
      const messages = await queue.receive({ max, waitSeconds: POLL_SECONDS, visibilitySeconds });
      this.#failedPolls = 0;
      // Nothing waits that this worker could spoil, and the next request should not wait for it to dare again.
      if (messages.length === 0) this.#troubles = 0;
      for (const message of messages) void this.#hold(this.#take(message));
    } catch (error) {
      this.#failedPolls += 1;
      log.error('the queue can not be read', { error });
    }
  }

  /** A request of the proxy may have taken the slot, or the worker may drain since the poll began. */
  async #take(message: QueueMessage): Promise<void> {
    const { state, slots } = this.#options;
    const release = state.isAccepting ? slots.tryTake('queue') : undefined;
    if (!release) {
      const why = state.isAccepting
        ? { cause: 'no-slot' as const, reason: 'no slot is free any more' }
        : { cause: 'draining' as const, reason: state.current };
      await handBack(message, { ...why, delaySeconds: 0 }, this.#options);
      return;
    }
    try {
      // Not only at its end: while the result is written, the model server has time for the next.
      const options = { ...this.#options, onServed: release };
      this.#note(await runJob(message, this.#inProgress, this.#cutOff.signal, options));
    } finally {
      release();
    }
  }

  #note(end: JobEnd): void {
    if (end === 'settled') this.#troubles = 0;
    if (end !== 'trouble') return;
    this.#troubles += 1;
    this.#options.onServerTrouble();
  }

  get #room(): number {
    const { slots } = this.#options;
    return Math.min(slots.free, IN_HAND_PER_SLOT * slots.size - this.#inHand.size);
  }

  async #hold(work: Promise<void>): Promise<void> {
    const tracked = this.#track(work);
    this.#inHand.add(tracked);
    await tracked;
    this.#inHand.delete(tracked);
  }

  async #track(work: Promise<void>): Promise<void> {
    this.#running.add(work);
    try {
      await work;
    } catch (error) {
      this.#options.log.error('a message failed in an unexpected way', { error });
    } finally {
      this.#running.delete(work);
    }
  }
}
