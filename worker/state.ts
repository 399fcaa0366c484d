import { EventEmitter } from 'node:events';

export type State = 'loading' | 'warm' | 'draining';

/**
 * Whether this worker takes work: it must be warm and not draining. The one place that knows, for the consumer,
 * the proxy, the probes and the heartbeat.
 */
export class WorkerState {
  readonly #changes = new EventEmitter().setMaxListeners(0);
  #warm = false;
  #draining = false;
  #warmAt = 0;

  get current(): State {
    if (this.#draining) return 'draining';
    return this.#warm ? 'warm' : 'loading';
  }

  get isAccepting(): boolean {
    return this.current === 'warm';
  }

  get isWarm(): boolean {
    return this.#warm;
  }

  /** Epoch milliseconds when it first became warm; 0 before. */
  get warmAt(): number {
    return this.#warmAt;
  }

  setWarm(warm: boolean): void {
    this.#change(() => {
      this.#warm = warm;
      if (warm && this.#warmAt === 0) this.#warmAt = Date.now();
    });
  }

  setDraining(draining: boolean): void {
    this.#change(() => {
      this.#draining = draining;
    });
  }

  onChange(listener: (state: State) => void): () => void {
    this.#changes.on('change', listener);
    return () => this.#changes.off('change', listener);
  }

  /** Something that is waited for may have changed, though not the state. */
  notify(): void {
    this.#changes.emit('notice');
  }

  /** Resolves when the condition holds or the signal fires. */
  when(condition: () => boolean, signal: AbortSignal): Promise<void> {
    if (condition() || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        off();
        this.#changes.off('notice', look);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const look = () => condition() && done();
      const off = this.onChange(look);
      this.#changes.on('notice', look);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #change(apply: () => void): void {
    const before = this.current;
    const wasWarm = this.#warm;
    apply();
    if (this.current !== before || this.#warm !== wasWarm) this.#changes.emit('change', this.current);
  }
}
