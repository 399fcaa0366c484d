import { createHash } from 'node:crypto';
import { type ServiceSpec, serviceSpec } from './services.ts';
import type { AwsError, AwsService, Fault } from './types.ts';
import { commonError } from './wire/errors.ts';

/** What the faults drawn for one request do to it. */
export interface Drawn {
  delayMs: number;
  /** The connection breaks without an answer. */
  down: boolean;
  /** Answered with this error; after it was carried out when the answer is what gets lost. */
  refusal?: { kind: 'throttle' | 'error' | 'answer-lost'; error: AwsError };
  duplicate: boolean;
  reorder: boolean;
}

/** The faults in force. Draws follow from the seed and the order of requests. */
export class Faults {
  readonly #seed: string;
  readonly #active = new Set<Fault>();
  #draws = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /**
   * @returns what ends the fault
   * @throws Error for a rate outside 0 to 1, a delay without a length, or duplicates or another order of anything but received messages
   */
  inject(fault: Fault): () => void {
    serviceSpec(fault.service);
    const { rate = 1, kind, delayMs } = fault;
    if (!(rate >= 0 && rate <= 1)) throw new Error(`a fault's rate is between 0 and 1, not ${rate}`);
    if (kind === 'delay' && !(delayMs !== undefined && delayMs > 0)) {
      throw new Error('a delay fault needs delayMs, milliseconds above 0');
    }
    if (
      (kind === 'duplicate' || kind === 'reorder') &&
      (fault.service !== 'sqs' || (fault.operation ?? 'ReceiveMessage') !== 'ReceiveMessage')
    ) {
      throw new Error(`${kind} faults are for sqs ReceiveMessage`);
    }
    const own = { ...fault };
    this.#active.add(own);
    return () => {
      this.#active.delete(own);
    };
  }

  list(): Fault[] {
    return [...this.#active].map((fault) => ({ ...fault }));
  }

  draw(service: AwsService, operation: string): Drawn {
    const drawn: Drawn = { delayMs: 0, down: false, duplicate: false, reorder: false };
    for (const fault of this.#active) {
      if (fault.service !== service || (fault.operation ?? operation) !== operation) continue;
      if (fault.rate !== undefined && this.#random() >= fault.rate) continue;
      if (fault.kind === 'delay') drawn.delayMs += fault.delayMs ?? 0;
      else if (fault.kind === 'down') drawn.down = true;
      else if (fault.kind === 'duplicate' || fault.kind === 'reorder') drawn[fault.kind] = true;
      else drawn.refusal ??= { kind: fault.kind, error: faultError(serviceSpec(service), fault.kind) };
    }
    return drawn;
  }

  #random(): number {
    this.#draws++;
    return createHash('sha256').update(`${this.#seed}/${this.#draws}`).digest().readUInt32BE(0) / 2 ** 32;
  }
}

function faultError(spec: ServiceSpec, kind: 'throttle' | 'error' | 'answer-lost'): AwsError {
  return kind === 'throttle'
    ? commonError(spec, 'throttled', 'Rate exceeded')
    : commonError(spec, 'internal', 'We encountered an internal error. Please try again. (injected)');
}
