import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { QUEUE_WAIT_BUCKETS } from '../core/protocol/metrics.ts';
import type { RequestResult } from '../core/protocol/request.ts';
import type { SlotKind, Slots } from './slots.ts';
import type { State, WorkerState } from './state.ts';
import { type Tokens, tokensOf } from './tokens.ts';

/**
 * How a request ended here. `duplicate`: it had ended already, answered by another worker or cancelled. `refused`: no
 * slot was free, or the replica was not warm. `invalid`: the request itself was at fault. `aborted`: its client left, or
 * a drain cut it off.
 */
export type Outcome = 'completed' | 'failed' | 'duplicate' | 'refused' | 'invalid' | 'aborted';

/** Why a message went back to the queue. */
export type HandBackCause = 'server' | 'storage' | 'draining' | 'no-slot' | 'in-progress' | 'unreadable';

const STATES: readonly State[] = ['loading', 'warm', 'draining'];
const KINDS: readonly SlotKind[] = ['queue', 'interactive'];
/** Seconds: a token of a small model on a GPU to a long generation on CPUs. */
const SERVICE_BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640];
const FIRST_TOKEN_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What Prometheus reads of a worker (docs/operations.md#worker-metrics). Durations are in seconds. */
export class WorkerMetrics {
  readonly registry = new Registry();
  readonly #requests: Counter<'kind' | 'outcome'>;
  readonly #handBacks: Counter<'cause'>;
  readonly #tokens: Counter<'kind' | 'direction'>;
  readonly #service: Histogram<'kind'>;
  readonly #wait: Histogram;
  readonly #firstToken: Histogram;

  constructor({ slots, state }: { slots: Slots; state: WorkerState }) {
    const registers = [this.registry];
    this.#requests = new Counter({
      name: 'paddock_worker_requests_total',
      help: 'Requests that came to their end on this replica.',
      labelNames: ['kind', 'outcome'],
      registers,
    });
    this.#handBacks = new Counter({
      name: 'paddock_worker_hand_backs_total',
      help: 'Messages that went back to the queue; each will be tried again.',
      labelNames: ['cause'],
      registers,
    });
    this.#tokens = new Counter({
      name: 'paddock_worker_tokens_total',
      help: 'Tokens that the model server counted in its answers.',
      labelNames: ['kind', 'direction'],
      registers,
    });
    this.#service = new Histogram({
      name: 'paddock_worker_service_seconds',
      help: 'From a slot being taken to the complete answer.',
      labelNames: ['kind'],
      buckets: SERVICE_BUCKETS,
      registers,
    });
    this.#wait = new Histogram({
      name: 'paddock_worker_queue_wait_seconds',
      help: 'From a queued request being submitted to the start of the attempt that answered it.',
      buckets: [...QUEUE_WAIT_BUCKETS],
      registers,
    });
    this.#firstToken = new Histogram({
      name: 'paddock_worker_first_token_seconds',
      help: 'From a slot being taken to the first piece of a streamed answer.',
      buckets: FIRST_TOKEN_BUCKETS,
      registers,
    });
    this.#addGauges(slots, state);
  }

  /** A queued request has its result. */
  answered(result: RequestResult): void {
    this.#wait.observe(Math.max(0, result.startedAt - result.submittedAt) / 1000);
    this.ended('queue', result.status === 'completed' ? 'completed' : 'failed');
    if (result.status !== 'completed') return;
    this.served('queue', Math.max(0, result.finishedAt - result.startedAt) / 1000, tokensOf(result.response));
  }

  ended(kind: SlotKind, outcome: Outcome): void {
    this.#requests.inc({ kind, outcome });
  }

  /** A request was answered in full. */
  served(kind: SlotKind, seconds: number, { prompt, generated }: Tokens): void {
    this.#service.observe({ kind }, seconds);
    this.#tokens.inc({ kind, direction: 'prompt' }, prompt);
    this.#tokens.inc({ kind, direction: 'generated' }, generated);
  }

  firstToken(seconds: number): void {
    this.#firstToken.observe(seconds);
  }

  handedBack(cause: HandBackCause): void {
    this.#handBacks.inc({ cause });
  }

  /** Read at each scrape from where they are kept. */
  #addGauges(slots: Slots, state: WorkerState): void {
    const registers = [this.registry];
    new Gauge({
      name: 'paddock_worker_slots',
      help: 'Requests that this replica serves at a time.',
      registers,
      collect() {
        this.set(slots.size);
      },
    });
    new Gauge({
      name: 'paddock_worker_slots_busy',
      help: 'Slots in use.',
      labelNames: ['kind'],
      registers,
      collect() {
        for (const kind of KINDS) this.set({ kind }, slots.busyOf(kind));
      },
    });
    new Gauge({
      name: 'paddock_worker_state',
      help: '1 for the state that the worker is in.',
      labelNames: ['state'],
      registers,
      collect() {
        for (const one of STATES) this.set({ state: one }, state.current === one ? 1 : 0);
      },
    });
  }
}
