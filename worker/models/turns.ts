/** Lets one after the other through. */
export class Turns {
  #tail: Promise<unknown> = Promise.resolve();

  async take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work, work);
    this.#tail = turn.catch(() => {});
    return await turn;
  }
}

/** What several want at once is done once, and stopped when none of them wants it any more. */
export class Shared<P> {
  readonly #running = new Map<
    string,
    { done: Promise<void>; listeners: Set<(progress: P) => void>; stop: AbortController }
  >();

  async run(
    key: string,
    work: (report: (progress: P) => void, signal: AbortSignal) => Promise<void>,
    report: (progress: P) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const running = this.#running.get(key) ?? this.#begin(key, work);
    running.listeners.add(report);
    const leave = () => {
      running.listeners.delete(report);
      if (running.listeners.size === 0) running.stop.abort(signal.reason);
    };
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    try {
      await running.done;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #begin(key: string, work: (report: (progress: P) => void, signal: AbortSignal) => Promise<void>) {
    const listeners = new Set<(progress: P) => void>();
    const stop = new AbortController();
    const tell = (progress: P) => {
      for (const listener of listeners) listener(progress);
    };
    const done = work(tell, stop.signal).finally(() => this.#running.delete(key));
    const running = { done, listeners, stop };
    this.#running.set(key, running);
    return running;
  }
}
