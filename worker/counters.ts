/** Counted since the process started; the heartbeat carries them. */
export interface Counters {
  /** Messages that left the queue with a result, also one that another worker wrote. */
  completedQueue: number;
  completedInteractive: number;
  /** Attempts that ended without an answer: handed back, cut off, refused. */
  failed: number;
}

export const newCounters = (): Counters => ({ completedQueue: 0, completedInteractive: 0, failed: 0 });
