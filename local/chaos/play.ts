import { setTimeout as delay } from 'node:timers/promises';
import OpenAI from 'openai';
import { resultKey, statusKey } from '../../core/protocol/names.ts';
import { requestStatusSchema } from '../../core/protocol/status.ts';
import { mapLimited } from '../../functions/shared/async.ts';
import type { LocalSystem } from '../system/system.ts';
import { clientsOf, openaiFor } from './clients.ts';
import { VISIBILITY_SECONDS } from './config.ts';
import { Injector } from './injector.ts';
import { playLoad } from './load.ts';
import { KINDS, planFaults, planRequests } from './plan.ts';
import { ChaosRecorder } from './recorder.ts';
import { Tally } from './tally.ts';
import { Target } from './target.ts';
import { judge, NOT_FOUND, type RequestTrail, type Verdict } from './verdict.ts';

export interface ChaosOptions {
  requests: number;
  /** Any whole number; the same one makes the same requests and the same plan of faults. */
  seed: number;
  /** The whole run may take so long: the load is given up early enough to see everything to its end. */
  minutes: number;
}

export type Phase = 'load' | 'calm' | 'reading';

export interface ChaosOutcome {
  verdict: Verdict;
  tally: Tally;
  trails: readonly RequestTrail[];
  /** How many requests were to be submitted. */
  wanted: number;
  seed: number;
  /** From the first request to the last look at a result. */
  seconds: number;
  /** Submissions that were not accepted and repeated. */
  refused: number;
  deadLetters: number;
}

/** Share of the time, seconds at most, that the load leaves for what has been submitted to come to its end. */
const CALM = { share: 0.4, maxSeconds: 150 };
/** The health check sweeps once a minute. */
const LONGER_THAN_A_SWEEP_MS = 120_000;
/** When all results are there, clients that wait for theirs have so long to fetch them. */
const CLIENTS_MS = 60_000;
const LOOK_MS = 500;
/** A result whose announcement was missed is found by looking again. */
const LOOK_AGAIN_MS = 5000;
const OVERDUE_MS = 30_000;
const READERS = 16;
/** Between two looks of a client that waits for its response: doubling. */
const POLL_MS = { first: 1000, last: 8000 };

/** Plays requests and faults against a running system, lets it come to rest, and judges what was seen from outside. */
export class ChaosPlay {
  readonly recorder: ChaosRecorder;
  readonly tally: Tally;
  phase: Phase = 'load';
  readonly #system: LocalSystem;
  readonly #options: ChaosOptions;
  readonly #target: Target;
  readonly injector: Injector;
  readonly #plan;
  readonly #ended = new AbortController();
  /** Clients that wait for their responses go away. */
  readonly #over = new AbortController();
  readonly #undo: (() => void)[] = [];
  readonly #waiting: Promise<void>[] = [];
  #refused = 0;

  constructor(system: LocalSystem, options: ChaosOptions) {
    this.#system = system;
    this.#options = options;
    this.recorder = new ChaosRecorder(system.policy.fleet);
    this.tally = new Tally(system.front.admin.name);
    this.#target = new Target(system, this.recorder);
    this.#plan = planFaults(options);
    this.injector = new Injector(this.#target, this.#plan, this.tally);
  }

  /** Ends everything early; `run` rejects. */
  abort(): void {
    this.#ended.abort(new Error('The run was ended before it was done.'));
    this.injector.stop();
  }

  /** @throws what keeps the system itself from running, and an error when it was aborted */
  async run(): Promise<ChaosOutcome> {
    const { requests, seed, minutes } = this.#options;
    const begun = Date.now();
    const deadline = begun + minutes * 60_000;
    const calmMs = Math.min(CALM.maxSeconds * 1000, minutes * 60_000 * CALM.share);
    this.#listen();
    try {
      await this.#load(deadline - calmMs);
      this.phase = 'calm';
      const leftInQueue = await this.#calm(deadline);
      this.phase = 'reading';
      await this.#readAll();
      const { trails } = this.recorder;
      const verdict = judge({
        trails,
        wanted: requests,
        leftInQueue,
        visibilitySeconds: VISIBILITY_SECONDS,
        faults: new Map(
          KINDS.map((kind) => [
            kind,
            {
              planned: this.#plan.filter((fault) => fault.kind === kind).length,
              happened: this.tally.of(kind),
            },
          ]),
        ),
      });
      return {
        ...{ verdict, tally: this.tally, trails, wanted: requests, seed, refused: this.#refused },
        seconds: (Date.now() - begun) / 1000,
        deadLetters: this.#messagesIn(`${this.#system.queueName}-dead-letters`),
      };
    } finally {
      this.#over.abort();
      for (const undo of this.#undo) undo();
      this.#target.stop();
    }
  }

  #listen(): void {
    const { front, models } = this.#system;
    let isLooking = false;
    const again = setInterval(async () => {
      if (isLooking) return;
      isLooking = true;
      await mapLimited(this.recorder.overdue(Date.now() - OVERDUE_MS), READERS, (id) => this.#read(id));
      isLooking = false;
    }, LOOK_AGAIN_MS);
    this.#undo.push(
      front.onRequest((event) => {
        this.recorder.onRequest(event);
        this.tally.onRequest(event);
      }),
      models.onEvent((event) => this.recorder.onServer(event)),
      this.recorder.onWritten((id) => void this.#read(id)),
      () => clearInterval(again),
    );
  }

  async #load(until: number): Promise<void> {
    const injector = this.injector;
    const { gateway } = this.#system;
    const clientFor = clientsOf(this.#system, this.#options.seed);
    const openai = gateway && openaiFor(gateway);
    const limit = AbortSignal.timeout(Math.max(0, until - Date.now()));
    const signal = AbortSignal.any([this.#ended.signal, limit]);
    await playLoad({
      ...{ sizes: planRequests(this.#options), clientFor, recorder: this.recorder, signal },
      onAccepted: (id, via) => {
        injector.advance(this.recorder.submitted);
        if (via === 'openai' && openai) this.#waiting.push(this.#follow(openai, id));
      },
      wantsMore: () => injector.unfinished > 0,
      onRefused: () => {
        this.#refused += 1;
      },
    });
    if (limit.aborted) injector.stop();
    await injector.settled();
    this.#ended.signal.throwIfAborted();
  }

  /** Faults are over: everything that was accepted comes to its end, and the queue empties. Returns what is left in it. */
  async #calm(deadline: number): Promise<number> {
    const queued = (): number => this.#messagesIn(this.#system.queueName);
    let [unread, changedAt] = [this.recorder.unread.size, Date.now()];
    // With an empty queue, what no sweep of the dead letters has ended by then has no end to come.
    const isOver = (): boolean =>
      queued() === 0 && (unread === 0 || Date.now() > changedAt + LONGER_THAN_A_SWEEP_MS);
    while (!isOver() && Date.now() < deadline) {
      await delay(LOOK_MS, undefined, { signal: this.#ended.signal });
      if (queued() > 0 || this.recorder.unread.size !== unread) changedAt = Date.now();
      unread = this.recorder.unread.size;
    }
    const late = delay(Math.max(0, Math.min(deadline - Date.now(), CLIENTS_MS)), undefined, { ref: false });
    await Promise.race([Promise.all(this.#waiting), late]);
    this.#ended.signal.throwIfAborted();
    return queued();
  }

  #messagesIn(queue: string): number {
    const counts = this.#system.front.queueCounts(queue);
    return counts ? counts.visible + counts.notVisible + counts.delayed : 0;
  }

  /** A last look at each result: one that was replaced after it was first read shows now. */
  async #readAll(): Promise<void> {
    const { fleet } = this.#system.policy;
    await mapLimited(this.recorder.trails, READERS, async ({ id }) => {
      await this.#read(id, true);
      if (!this.recorder.unread.has(id)) return;
      const status = requestStatusSchema.safeParse(
        await this.#system.client.result(statusKey(fleet, id)).catch(() => undefined),
      );
      this.recorder.setStatus(id, status.data ? JSON.stringify(status.data) : 'none');
    });
  }

  async #read(id: string, always = false): Promise<void> {
    if (!always && !this.recorder.unread.has(id)) return;
    try {
      this.recorder.read(id, await this.#system.client.result(resultKey(this.#system.policy.fleet, id)));
    } catch {
      // The bucket misbehaves: it is looked again.
    }
  }

  /** As an application does: asks the gateway for the response until it has ended. */
  async #follow(client: ReturnType<typeof openaiFor>, id: string): Promise<void> {
    const { signal } = this.#over;
    for (let pause = POLL_MS.first; !signal.aborted; pause = Math.min(pause * 2, POLL_MS.last)) {
      await delay(pause, undefined, { signal }).catch(() => undefined);
      try {
        const response = await client.responses.retrieve(id, {}, { signal });
        if (response.status === 'queued' || response.status === 'in_progress') continue;
        return this.recorder.told(id, response.status ?? '', response.output_text);
      } catch (error) {
        if (error instanceof OpenAI.NotFoundError) return this.recorder.told(id, NOT_FOUND, '');
        // Asked again: it is for the verdict to say whether the client ever heard of the end.
      }
    }
  }
}
