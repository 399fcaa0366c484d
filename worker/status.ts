import type { StatusStore } from '../adapters/aws/results.ts';
import { statusKey } from '../core/protocol/names.ts';
import type { QueuedRequest } from '../core/protocol/request.ts';
import { type PartialAnswer, parseStatus, type RequestStatus } from '../core/protocol/status.ts';
import type { Log } from './log.ts';
import { persist, type Sleep } from './time.ts';

export interface StatusOptions {
  statuses: StatusStore;
  replica: string;
  now: () => number;
  sleep: Sleep;
  log: Log;
}

/** Other deliveries of the same message write too; more rounds than that mean something else is wrong. */
const ROUNDS = 4;

/**
 * What one delivery knows and tells of its request's status object. The result decides how a request ends: a
 * status that can't be written is worth a warning, never the answer.
 */
export class StatusNote {
  readonly #options: StatusOptions;
  readonly #request: QueuedRequest;
  readonly #key: string;
  #status: RequestStatus | undefined;
  #etag = '';
  /** Settled when no write is under way: each builds on what the one before has read. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(request: QueuedRequest, options: StatusOptions) {
    this.#request = request;
    this.#options = options;
    this.#key = statusKey(request.fleet, request.id);
  }

  /** Throws UnavailableError, RefusedError. */
  static async open(request: QueuedRequest, options: StatusOptions): Promise<StatusNote> {
    const note = new StatusNote(request, options);
    await persist(() => note.#read(), options.sleep, options.log);
    return note;
  }

  /** Whether someone may read it, or cancel it: it came by way of the gateway. */
  get isWatched(): boolean {
    return this.#status?.owner !== undefined;
  }

  get failures(): number {
    return this.#status?.failures ?? 0;
  }

  /** An attempt begins. */
  async begin(): Promise<void> {
    if (!this.isWatched) return;
    const { replica, now } = this.#options;
    await this.#change(({ partial: _, ...status }) => ({
      ...{ ...status, status: 'in_progress', replica, startedAt: now() },
    }));
  }

  /**
   * Tells what there is of the answer so far. One try: the next one tells more.
   * @returns false when someone else wrote meanwhile, or deleted it: what this attempt has to tell is not wanted any more
   */
  async show(partial: PartialAnswer): Promise<boolean> {
    const { replica, log } = this.#options;
    return await this.#inTurn(async () => {
      if (!this.#status || this.#etag === '') return false;
      try {
        return await this.#write({ ...this.#status, status: 'in_progress', replica, partial });
      } catch (error) {
        log.warn('what there is of an answer could not be told', { requestId: this.#request.id, error });
        return true;
      }
    });
  }

  /** What was told of the attempt is void: it is handed back. One try: whoever begins it anew does the same. */
  async withdraw(): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#status?.partial) return;
      const { partial: _, ...status } = this.#status;
      try {
        await this.#write(status);
      } catch (error) {
        this.#options.log.warn('a part of an answer could not be withdrawn', {
          ...{ requestId: this.#request.id, error },
        });
      }
    });
  }

  /** An attempt has failed. The answer is how many have. */
  async fail(reason: string): Promise<number> {
    const { id, path, body, submittedAt } = this.#request;
    const model = typeof body?.model === 'string' ? body.model : '';
    await this.#turn;
    this.#status ??= { v: 1, id, status: 'in_progress', path, model, submittedAt, failures: 0 };
    const expected = this.failures + 1;
    await this.#change(({ partial: _, ...status }) => ({
      ...{ ...status, failures: status.failures + 1, lastFailure: reason },
    }));
    // One that could not be written is known here at least.
    return Math.max(expected, this.failures);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  #change(next: (status: RequestStatus) => RequestStatus): Promise<void> {
    return this.#inTurn(() => this.#changeNow(next));
  }

  /** Writes over what was read, and reads anew when someone else wrote. One that is gone stays gone. */
  async #changeNow(next: (status: RequestStatus) => RequestStatus): Promise<void> {
    const { log, sleep } = this.#options;
    try {
      for (let round = 0; round < ROUNDS && this.#status; round += 1) {
        if (await persist(() => this.#write(next(this.#status as RequestStatus)), sleep, log)) return;
        await persist(() => this.#read(), sleep, log);
      }
    } catch (error) {
      log.warn('a status could not be written', { requestId: this.#request.id, error });
    }
  }

  async #read(): Promise<void> {
    const stored = await this.#options.statuses.open(this.#key);
    this.#status = stored && parseStatus(stored.body);
    this.#etag = stored?.etag ?? '';
  }

  async #write(status: RequestStatus): Promise<boolean> {
    const { statuses } = this.#options;
    const text = JSON.stringify(status);
    if (this.#etag === '') {
      if ((await statuses.writeOnce(this.#key, text)) === 'exists') return false;
      await this.#read();
      return true;
    }
    const etag = await statuses.replace(this.#key, text, this.#etag);
    if (etag === undefined) return false;
    this.#status = status;
    this.#etag = etag;
    return true;
  }
}
