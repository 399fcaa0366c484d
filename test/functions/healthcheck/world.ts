import { resultKey, statusKey } from '../../../core/protocol/names.ts';
import type { QueuedRequest } from '../../../core/protocol/request.ts';
import type { RequestStatus } from '../../../core/protocol/status.ts';
import { type SweepDependencies, Sweeper } from '../../../functions/healthcheck/sweep.ts';
import { FakeDeadLetterQueue } from '../../fakes/dead-letters.ts';
import { FakeResults } from '../../worker/fakes.ts';

export const FLEET = 'cpu';

export const requestOf = (fleet: string, id: string): QueuedRequest => ({
  ...{ v: 1, id, fleet, path: '/api/generate', submittedAt: 1_000 },
  body: { model: 'tiny', prompt: 'Why?' },
});

/** A bucket and the dead-letter queue of one fleet. */
export class World {
  now = Date.parse('2026-02-01T00:00:00Z');
  readonly letters = new FakeDeadLetterQueue();
  readonly objects = new FakeResults();
  readonly warnings: unknown[] = [];
  readonly deps: SweepDependencies = {
    fleets: [{ name: FLEET, letters: this.letters, count: () => this.letters.count() }],
    objects: this.objects,
    now: () => this.now,
    log: { info() {}, error() {}, warn: (...line: unknown[]) => void this.warnings.push(line) },
  };

  readonly connections = {
    sweep: () => this.deps,
    verdict: (): never => {
      throw new Error('a sweep needs no verdict');
    },
  };

  constructor() {
    this.letters.now = this.now;
  }

  /** Time passes, for the queue too. */
  pass(seconds: number): void {
    this.now += seconds * 1000;
    this.letters.now = this.now;
  }

  put(id: string, reason?: string): void {
    this.letters.put(JSON.stringify(requestOf(FLEET, id)), reason);
  }

  status(id: string, fields: Partial<RequestStatus> = {}): void {
    const status: RequestStatus = {
      ...{ v: 1, id, status: 'in_progress', owner: 'app', path: '/api/generate', model: 'tiny' },
      ...{ submittedAt: 1_000, failures: 0 },
      ...fields,
    };
    void this.objects.writeOnce(statusKey(FLEET, id), JSON.stringify(status));
  }

  readStatus(id: string): RequestStatus | undefined {
    const text = this.objects.objects.get(statusKey(FLEET, id));
    return text === undefined ? undefined : JSON.parse(text);
  }

  result(id: string) {
    return this.objects.result(resultKey(FLEET, id));
  }

  sweep(sweeper = new Sweeper(this.deps), seconds = 60) {
    return sweeper.sweep(this.now + seconds * 1000);
  }
}
