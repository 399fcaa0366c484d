/** `canary`: the health check's own, which takes a slot and counts for nothing. */
export type SlotKind = 'queue' | 'interactive' | 'canary';

/** Gives the slot back; calling it again does nothing. */
export type Release = () => void;

/**
 * The replica's slots: one semaphore for the consumer and the proxy, so that what is busy is known in one place.
 * It counts the integral of busy slots over time.
 */
export class Slots {
  readonly size: number;
  readonly #now: () => number;
  readonly #busy: Record<SlotKind, number> = { queue: 0, interactive: 0, canary: 0 };
  readonly #waiters = new Set<() => void>();
  #busySlotMs = 0;
  #accountedAt: number;
  #lastActiveAt = 0;

  /**
   * @param size at least 1
   * @param now milliseconds since the epoch
   */
  constructor(size: number, now: () => number = Date.now) {
    this.size = size;
    this.#now = now;
    this.#accountedAt = now();
  }

  get busy(): number {
    return this.#serving + this.#busy.canary;
  }

  get #serving(): number {
    return this.#busy.queue + this.#busy.interactive;
  }

  get free(): number {
    return this.size - this.busy;
  }

  busyOf(kind: SlotKind): number {
    return this.#busy[kind];
  }

  /** Slot-seconds since the start. */
  get busySlotSeconds(): number {
    this.#account();
    return this.#busySlotMs / 1000;
  }

  /** Epoch seconds when a slot was last taken or given back; 0 if never. */
  get lastActiveAt(): number {
    return this.#lastActiveAt / 1000;
  }

  /** Takes a slot if one is free now. */
  tryTake(kind: SlotKind): Release | undefined {
    if (this.free <= 0) return undefined;
    this.#account();
    this.#busy[kind] += 1;
    const isWork = kind !== 'canary';
    if (isWork) this.#lastActiveAt = this.#now();
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#account();
      this.#busy[kind] -= 1;
      if (isWork) this.#lastActiveAt = this.#now();
      for (const wake of this.#waiters) wake();
    };
  }

  /** Resolves when a slot is free or the signal fires. The slot is not taken: take it, or wait again. */
  async whenFree(signal: AbortSignal): Promise<void> {
    while (this.free <= 0 && !signal.aborted) await this.#nextRelease(signal);
  }

  /** Resolves when no slot is busy or the signal fires. */
  async whenIdle(signal: AbortSignal): Promise<void> {
    while (this.busy > 0 && !signal.aborted) await this.#nextRelease(signal);
  }

  #nextRelease(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiters.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiters.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #account(): void {
    const now = this.#now();
    this.#busySlotMs += this.#serving * Math.max(0, now - this.#accountedAt);
    this.#accountedAt = now;
  }
}
