import type { ResultStore, StatusStore } from '../../adapters/aws/results.ts';
import { type IdempotencyRecord, idempotencyRecordSchema } from '../../core/protocol/idempotency.ts';
import { idempotencyKey, requestBodyKey, resultKey, statusKey } from '../../core/protocol/names.ts';
import { type RequestResult, requestResultSchema } from '../../core/protocol/request.ts';
import { parseStatus, type RequestStatus } from '../../core/protocol/status.ts';

export type Objects = StatusStore & ResultStore;

/** Where a request's objects lie. */
export interface Place {
  fleet: string;
  id: string;
}

/** What is known of a request. */
export interface Stored {
  status: RequestStatus;
  result: RequestResult | undefined;
}

/** The requests' objects in the bucket, in their own words. Throws what the adapters throw. */
export class RequestStore {
  readonly #objects: Objects;
  readonly #now: () => number;

  /** @param now epoch milliseconds */
  constructor(objects: Objects, now: () => number) {
    this.#objects = objects;
    this.#now = now;
  }

  /** Undefined for a request that is not there, or not any more. */
  async load(place: Place): Promise<Stored | undefined> {
    const [status, result] = await Promise.all([
      this.#objects.open(statusKey(place.fleet, place.id)),
      this.#objects.open(resultKey(place.fleet, place.id)),
    ]);
    if (!status) return undefined;
    const ended = result && requestResultSchema.parse(JSON.parse(result.body));
    if (ended?.status === 'deleted') return undefined;
    return { status: parseStatus(status.body), result: ended };
  }

  async hasEnded({ fleet, id }: Place): Promise<boolean> {
    return await this.#objects.exists(resultKey(fleet, id));
  }

  /** A status that is there already stays: it is the same request's. */
  async create(fleet: string, status: RequestStatus): Promise<void> {
    await this.#objects.writeOnce(statusKey(fleet, status.id), JSON.stringify(status));
  }

  async putBody({ fleet, id }: Place, body: string): Promise<void> {
    await this.#objects.writeOnce(requestBodyKey(fleet, id), body);
  }

  /** Ends the request without an answer. `exists`: it has ended already, in its own way. */
  async end(
    place: Place,
    status: 'cancelled' | 'deleted',
    submittedAt: number,
  ): Promise<'written' | 'exists'> {
    return await this.#objects.writeOnce(
      resultKey(place.fleet, place.id),
      this.#ending(place.id, status, submittedAt),
    );
  }

  /** Takes the request and its answer away; what comes late of it finds that it ended. */
  async remove(place: Place, submittedAt: number): Promise<void> {
    const key = resultKey(place.fleet, place.id);
    const gone = this.#ending(place.id, 'deleted', submittedAt);
    let ended = (await this.end(place, 'deleted', submittedAt)) === 'written';
    while (!ended) {
      const result = await this.#objects.open(key);
      if (!result) break;
      ended = (await this.#objects.replace(key, gone, result.etag)) !== undefined;
    }
    await this.forget(place);
  }

  /** Deletes status and body: nobody can read the request any more. */
  async forget({ fleet, id }: Place): Promise<void> {
    await Promise.all([
      this.#objects.delete(statusKey(fleet, id)),
      this.#objects.delete(requestBodyKey(fleet, id)),
    ]);
  }

  /** Keeps the record unless there is one; the answer is the one that counts, and what names its content. */
  async reserve(
    digest: string,
    record: IdempotencyRecord,
  ): Promise<{ record: IdempotencyRecord; etag?: string }> {
    const key = idempotencyKey(digest);
    if ((await this.#objects.writeOnce(key, JSON.stringify(record))) === 'written') return { record };
    const kept = await this.#objects.open(key);
    if (!kept) return { record };
    return { record: idempotencyRecordSchema.parse(JSON.parse(kept.body)), etag: kept.etag };
  }

  /** Whether the record was replaced; false when someone else was first. */
  async rebook(digest: string, record: IdempotencyRecord, etag: string): Promise<boolean> {
    return (await this.#objects.replace(idempotencyKey(digest), JSON.stringify(record), etag)) !== undefined;
  }

  #ending(id: string, status: 'cancelled' | 'deleted', submittedAt: number): string {
    const at = this.#now();
    const result: RequestResult = {
      ...{ v: 1, id, status, replica: 'gateway', submittedAt, startedAt: at, finishedAt: at },
    };
    return JSON.stringify(result);
  }
}
