import { type DeadLetter, type DeadLetters, lookThrough } from '../../adapters/aws/dead-letters.ts';
import type { ResultStore, StatusStore } from '../../adapters/aws/results.ts';
import { deathOf, isForSweep } from '../../core/health/dead-letters.ts';
import { resultKey, statusKey } from '../../core/protocol/names.ts';
import { type QueuedRequest, readQueuedRequest } from '../../core/protocol/request.ts';
import { parseStatus, type RequestStatus } from '../../core/protocol/status.ts';
import { mapLimited, messageOf } from '../shared/async.ts';
import type { Log } from '../shared/telemetry.ts';

export interface SweptFleet {
  name: string;
  letters: DeadLetters;
  /** How many messages its dead-letter queue has, about; hidden ones too. */
  count(): Promise<number>;
}

export interface SweepDependencies {
  fleets: readonly SweptFleet[];
  objects: ResultStore & Pick<StatusStore, 'open'>;
  /** Epoch milliseconds. */
  now: () => number;
  log: Log;
}

/** What a sweep found in a fleet's dead-letter queue. */
export interface SweepReport {
  fleet: string;
  looked: number;
  /** Responses that this sweep ended. */
  ended: number;
  /** Messages that are no request of the fleet: left for a person. */
  foreign: number;
  /** Left for a later sweep: being redriven. */
  redriving: number;
  failures: string[];
}

type Finding = 'ended' | 'had-ended' | 'foreign' | 'redriving';

/**
 * Longer than a sweep takes, so that it sees each message once; and so that, when it runs out of time, the next one
 * sees the rest.
 */
const HIDDEN_SECONDS = 90;
/** A queue that has as many messages as when it was last swept in full is looked through again after so long. */
const UNCHANGED_MS = 15 * 60_000;
const AT_ONCE = 10;

/**
 * Ends the responses whose messages SQS itself moved to the dead-letter queue. Messages stay for a person to redrive or
 * purge; results are written once, so that two sweeps, and a worker that comes late, do no harm.
 */
export class Sweeper {
  readonly #deps: SweepDependencies;
  readonly #swept = new Map<string, { count: number; at: number }>();

  constructor(deps: SweepDependencies) {
    this.#deps = deps;
  }

  /** @param until when to look no further, epoch milliseconds. Never throws: what failed is in the report. */
  async sweep(until: number): Promise<SweepReport[]> {
    return await Promise.all(this.#deps.fleets.map((fleet) => this.#sweepFleet(fleet, until)));
  }

  async #sweepFleet(fleet: SweptFleet, until: number): Promise<SweepReport> {
    const { now, log } = this.#deps;
    const { name } = fleet;
    const report: SweepReport = {
      ...{ fleet: name, looked: 0, ended: 0, foreign: 0, redriving: 0, failures: [] },
    };
    try {
      const at = now();
      const count = await fleet.count();
      const last = this.#swept.get(name);
      if (count === 0 || (last?.count === count && at - last.at < UNCHANGED_MS)) return report;
      const isWhole = await this.#look(fleet, until, report);
      if (!isWhole) log.warn('The sweep ran out of time: the next one goes on', { fleet: name });
      const isDone = isWhole && report.failures.length === 0 && report.redriving === 0;
      if (isDone) this.#swept.set(name, { count, at });
      else this.#swept.delete(name);
    } catch (error) {
      report.failures.push(messageOf(error));
    }
    return report;
  }

  async #look({ name, letters }: SweptFleet, until: number, report: SweepReport): Promise<boolean> {
    const { now, log } = this.#deps;
    const receipts: string[] = [];
    for await (const batch of lookThrough(letters, HIDDEN_SECONDS)) {
      receipts.push(...batch.map(({ receipt }) => receipt));
      report.looked += batch.length;
      await mapLimited(batch, AT_ONCE, async (letter) => {
        try {
          const finding = await this.#decide(name, letter);
          if (finding !== 'had-ended') report[finding] += 1;
        } catch (error) {
          report.failures.push(messageOf(error));
        }
      });
      // What was seen stays hidden: the next sweep finds the others.
      if (now() > until) return false;
    }
    try {
      await letters.release(receipts);
    } catch (error) {
      log.warn('Dead letters stay hidden for a while', { fleet: name, error: messageOf(error) });
    }
    return true;
  }

  async #decide(fleet: string, letter: DeadLetter): Promise<Finding> {
    const { objects, now, log } = this.#deps;
    const request = readQueuedRequest(letter.body, fleet);
    if (typeof request === 'string') {
      log.warn('A dead letter is no request of this fleet', {
        ...{ fleet, messageId: letter.messageId, reason: request },
      });
      return 'foreign';
    }
    // In this order: see isForSweep.
    if (await objects.exists(resultKey(fleet, request.id))) return 'had-ended';
    const dead = { request, reason: letter.reason, status: await this.#status(request) };
    if (!isForSweep(dead, now())) return 'redriving';
    const result = deathOf(dead, 'healthcheck', now());
    const outcome = await objects.writeOnce(resultKey(fleet, request.id), JSON.stringify(result));
    if (outcome === 'exists') return 'had-ended';
    log.warn('A request ended in the dead-letter queue', { fleet, id: request.id, ...result.error });
    return 'ended';
  }

  /** One that nobody can understand is as good as none. */
  async #status({ fleet, id }: QueuedRequest): Promise<RequestStatus | undefined> {
    const stored = await this.#deps.objects.open(statusKey(fleet, id));
    try {
      return stored && parseStatus(stored.body);
    } catch (error) {
      this.#deps.log.warn('A status can not be understood', { fleet, id, error: messageOf(error) });
      return undefined;
    }
  }
}
