import type { HeartbeatLease } from '../adapters/kubernetes/lease.ts';
import type { Heartbeat } from '../core/protocol/heartbeat.ts';
import type { Log } from './log.ts';
import type { Sleep } from './time.ts';

export interface HeartbeatOptions {
  lease: HeartbeatLease;
  intervalSeconds: number;
  snapshot: () => Heartbeat;
  /** Told after every renewal: the drain deadline (epoch seconds), or undefined when there is no mark. */
  onDrainMark: (deadline: number | undefined) => void;
  log: Log;
  sleep: Sleep;
}

/** Every so many failures in a row are worth a line; the first one is, too. */
const COMPLAIN_EVERY = 15;

/**
 * Renews the worker's Lease. Without the apiserver the worker serves on with what it knew last: an outage of the
 * control plane is no reason to stop answering.
 */
export class HeartbeatLoop {
  readonly #options: HeartbeatOptions;
  readonly #stop = new AbortController();
  #wake = new AbortController();
  #failures = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { intervalSeconds, sleep } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.beat();
      await sleep(intervalSeconds * 1000, this.#wake.signal);
      this.#wake = new AbortController();
    }
  }

  stop(): void {
    this.#stop.abort();
    this.#wake.abort();
  }

  /** Beats now rather than at the next turn: something changed that the scaler waits for. */
  soon(): void {
    this.#wake.abort();
  }

  /** One renewal. Never throws. */
  async beat(): Promise<void> {
    const { lease, snapshot, onDrainMark, log } = this.#options;
    try {
      const { drainDeadline } = await lease.renew(snapshot());
      if (this.#failures > 0) log.info('the Lease is renewed again', { failures: this.#failures });
      this.#failures = 0;
      onDrainMark(drainDeadline);
    } catch (error) {
      if (this.#failures % COMPLAIN_EVERY === 0) {
        log.error('the Lease can not be renewed; serving goes on', { error, failures: this.#failures + 1 });
      }
      this.#failures += 1;
    }
  }
}
