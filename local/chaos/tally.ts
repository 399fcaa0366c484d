import type { RequestEvent } from '../front/front.ts';
import type { FaultKind } from './plan.ts';

/** How many faults happened, in the words of `paddock chaos --json`. */
export interface FaultCounts {
  workerKilled: number;
  podEvicted: number;
  nodeLost: number;
  /** Messages that were delivered twice, or after younger ones. */
  duplicated: number;
  /** Calls to SQS and S3 that were throttled or answered 5xx; those of this command itself do not count. */
  throttled: number;
  apiserverRestarted: number;
  tickKilled: number;
}

/** Counts what happened of what was planned. */
export class Tally {
  readonly #happened = new Map<FaultKind, number>();
  readonly #own: string;

  /** @param own name of the principal by which this command itself calls */
  constructor(own: string) {
    this.#own = own;
  }

  happened(kind: FaultKind, times = 1): void {
    this.#happened.set(kind, this.of(kind) + times);
  }

  of(kind: FaultKind): number {
    return this.#happened.get(kind) ?? 0;
  }

  onRequest({ service, principal, fault, delivery }: RequestEvent): void {
    if (delivery) {
      this.happened('duplicates', delivery.twice);
      this.happened('out-of-order', delivery.outOfOrder);
    }
    if (principal === this.#own || (service !== 'sqs' && service !== 's3')) return;
    if (fault === 'throttle') this.happened(`${service}-throttled`);
    if (fault === 'error') this.happened(`${service}-errors`);
    if (fault === 'answer-lost') this.happened(`${service}-answers-lost`);
  }

  get counts(): FaultCounts {
    const sum = (...kinds: FaultKind[]): number => kinds.reduce((total, kind) => total + this.of(kind), 0);
    return {
      workerKilled: sum('worker-killed', 'worker-killed-after-result', 'worker-killed-after-delete'),
      podEvicted: this.of('pod-evicted'),
      nodeLost: this.of('node-lost'),
      duplicated: sum('duplicates', 'out-of-order'),
      throttled: sum(
        ...(['sqs-throttled', 'sqs-errors', 'sqs-answers-lost'] as const),
        ...(['s3-throttled', 's3-errors', 's3-answers-lost'] as const),
      ),
      apiserverRestarted: this.of('apiserver-restarted'),
      tickKilled: this.of('tick-killed'),
    };
  }
}
