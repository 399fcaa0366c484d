/** Time as the emulators see it: real, or moved by hand in tests. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls once after `ms` milliseconds (0 or more, any length). */
  setTimeout(callback: () => void, ms: number): Timer;
}

/** Node fires a longer timeout at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export const realClock: Clock = {
  now: Date.now,
  setTimeout(callback, ms) {
    const due = Date.now() + ms;
    let handle: NodeJS.Timeout;
    const arm = () => {
      const left = due - Date.now();
      handle =
        left > LONGEST_TIMEOUT_MS
          ? setTimeout(arm, LONGEST_TIMEOUT_MS)
          : setTimeout(callback, Math.max(0, left));
    };
    arm();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Stands still until `advance` is called. */
export class ManualClock implements Clock {
  #now: number;
  #sequence = 0;
  readonly #timers = new Map<number, { due: number; callback: () => void }>();

  /** @param start milliseconds since the Unix epoch. */
  constructor(start = Date.parse('2026-03-02T09:00:00Z')) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  setTimeout(callback: () => void, ms: number): Timer {
    const id = this.#sequence++;
    this.#timers.set(id, { due: this.#now + Math.max(0, ms), callback });
    return { cancel: () => void this.#timers.delete(id) };
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /**
   * Moves time by `ms` milliseconds (0 or more) and fires what falls due on the way, in order; between two timers
   * everything that they started may settle, so timers set on the way fire too.
   */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      const [id, timer] = next;
      this.#timers.delete(id);
      this.#now = Math.max(this.#now, timer.due);
      timer.callback();
      await settle();
    }
    this.#now = end;
  }

  #next(end: number): [number, { due: number; callback: () => void }] | undefined {
    let first: [number, { due: number; callback: () => void }] | undefined;
    for (const entry of this.#timers) {
      if (entry[1].due <= end && (first === undefined || entry[1].due < first[1].due)) {
        first = entry;
      }
    }
    return first;
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The timers of one emulator: what they throw is reported, and they end together. */
export class Timers {
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #live = new Set<Timer>();
  #disposed = false;

  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#onError = onError;
  }

  /** Runs `task` once after `ms` milliseconds. After `dispose` it never runs. */
  after(ms: number, task: () => unknown): Timer {
    if (this.#disposed) return { cancel: () => {} };
    const timer = this.#clock.setTimeout(() => {
      this.#live.delete(timer);
      this.run(task);
    }, ms);
    this.#live.add(timer);
    return {
      cancel: () => {
        this.#live.delete(timer);
        timer.cancel();
      },
    };
  }

  /** Runs `task` at each multiple of `ms` milliseconds since the epoch, as services do on the minute. */
  everyMultiple(ms: number, task: () => unknown): void {
    const arm = () => {
      this.after(ms - (this.#clock.now() % ms), () => {
        arm();
        return task();
      });
    };
    arm();
  }

  /** Starts `task` now and reports what it throws or rejects with. */
  run(task: () => unknown): void {
    Promise.resolve()
      .then(task)
      .catch((error: unknown) => {
        if (!this.#disposed) this.#onError(error);
      });
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  dispose(): void {
    this.#disposed = true;
    for (const timer of this.#live) timer.cancel();
    this.#live.clear();
  }
}
