import type { DeadLetter, DeadLetters } from '../../adapters/aws/dead-letters.ts';
import { Recorder } from './recorder.ts';

interface Stored extends DeadLetter {
  visibleAt: number;
}

/** A dead-letter queue in memory, with visibility by its own clock. */
export class FakeDeadLetterQueue extends Recorder implements DeadLetters {
  /** Epoch milliseconds. */
  now = Date.now();
  #messages: Stored[] = [];
  #deliveries = 0;

  put(body: string, reason?: string): void {
    const messageId = `m${this.#deliveries++}`;
    const message = { messageId, body, reason, receipt: '', receives: 0, sentAt: this.now, visibleAt: 0 };
    this.#messages.push(message);
  }

  /** Bodies of all that is there, hidden or not. */
  get bodies(): string[] {
    return this.#messages.map(({ body }) => body);
  }

  get visible(): number {
    return this.#messages.filter(({ visibleAt }) => visibleAt <= this.now).length;
  }

  async count(): Promise<number> {
    this.enter('count');
    return this.#messages.length;
  }

  async receive(visibilitySeconds: number): Promise<DeadLetter[]> {
    this.enter('receive', visibilitySeconds);
    const taken = this.#messages.filter(({ visibleAt }) => visibleAt <= this.now).slice(0, 10);
    return taken.map((message) => {
      message.receives += 1;
      message.receipt = `r${this.#deliveries++}`;
      message.visibleAt = this.now + visibilitySeconds * 1000;
      const { visibleAt: _, ...letter } = message;
      return letter;
    });
  }

  async release(receipts: readonly string[]): Promise<void> {
    this.enter('release', receipts);
    for (const message of this.#messages) {
      if (receipts.includes(message.receipt)) message.visibleAt = 0;
    }
  }

  async delete(receipt: string): Promise<void> {
    this.enter('delete', receipt);
    this.#messages = this.#messages.filter((message) => message.receipt !== receipt);
  }
}
