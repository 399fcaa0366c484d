import type { Clock } from './clock.ts';
import { Timers } from './clock.ts';
import type { Ids } from './ids.ts';

/** What EventBridge and Scheduler hand to a target. */
export interface Delivery {
  targetArn: string;
  /** JSON text, as the target receives it. */
  input: string;
  /** Role that the service assumes to call the target. */
  roleArn?: string | undefined;
  /** ARN of the rule or schedule. */
  origin: string;
}

/** Calls the target. A rejection is retried, unless its `code` says that the target is missing or forbids the call. */
export type Deliver = (delivery: Delivery) => Promise<void>;

export interface DeliveryPolicy {
  /** Default 185. */
  maximumRetryAttempts?: number | undefined;
  /** Default 86,400. */
  maximumEventAgeInSeconds?: number | undefined;
  deadLetterArn?: string | undefined;
}

export interface DelivererOptions {
  clock: Clock;
  ids: Ids;
  deliver: Deliver;
  /** Told of each delivery that was given up and had no dead-letter queue. */
  onUndelivered(delivery: Delivery, error: unknown): void;
}

const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 60_000;

/** Retries with exponential backoff and jitter for up to 24 hours and 185 times, as both services do by default. */
export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #timers: Timers;

  constructor(options: DelivererOptions) {
    this.#options = options;
    this.#timers = new Timers(options.clock, () => {});
  }

  send(delivery: Delivery, policy: DeliveryPolicy = {}): void {
    const { clock } = this.#options;
    const expires = clock.now() + (policy.maximumEventAgeInSeconds ?? 86_400) * 1000;
    this.#timers.run(() => this.#attempt(delivery, policy, expires, 0));
  }

  async #attempt(
    delivery: Delivery,
    policy: DeliveryPolicy,
    expires: number,
    retries: number,
  ): Promise<void> {
    if (this.#timers.disposed) return;
    try {
      await this.#options.deliver(delivery);
    } catch (error) {
      const wait = this.#backoff(retries);
      const tooOld = this.#options.clock.now() + wait > expires;
      if (isPermanent(error) || tooOld || retries >= (policy.maximumRetryAttempts ?? 185)) {
        this.#giveUp(delivery, policy, error);
      } else {
        this.#timers.after(wait, () => this.#attempt(delivery, policy, expires, retries + 1));
      }
    }
  }

  #backoff(retries: number): number {
    const full = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** retries);
    return full / 2 + (full / 2) * this.#options.ids.random();
  }

  #giveUp(delivery: Delivery, policy: DeliveryPolicy, error: unknown): void {
    if (this.#timers.disposed) return;
    if (policy.deadLetterArn) this.send({ ...delivery, targetArn: policy.deadLetterArn, roleArn: undefined });
    else this.#options.onUndelivered(delivery, error);
  }

  dispose(): void {
    this.#timers.dispose();
  }
}

/** A missing target or permission is not retried: the event goes straight to the dead-letter queue. */
function isPermanent(error: unknown): boolean {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return /AccessDenied|NotFound|DoesNotExist|NonExistent/.test(`${code} ${name}`);
}
