import type { PoolPrice } from '../../core/cost/cost.ts';
import type { RequestResult } from '../../core/protocol/request.ts';
import { roundTo, type Summary, summarize } from '../../core/statistics.ts';

export interface ScenarioResult {
  scenario: string;
  requests: {
    submitted: number;
    succeeded: number;
    failed: number;
    lost: number;
    duplicated: number;
    /** Requests that reached a model server before it was warm; null where the servers don't tell. */
    cold: number | null;
  };
  waitSeconds: Summary;
  latencySeconds: Summary;
  scaling: {
    firstScaleOutSeconds: number | null;
    peakReplicas: number;
    finalReplicas: number;
    replicaSeconds: number;
    nodeSeconds: { 'on-demand': number; spot: number };
    /** Requests that a model server had to break off; null where the servers don't tell. */
    interrupted: number | null;
    /** Seconds in which a message waited since no warm replica had a slot for it, by twice-a-second looks at the queue. */
    lackingSeconds: number;
    /** Pods that turned Ready. */
    podsWarmed: number;
    /** Requests of the scenario `warm-up` straight at pods and the router, whether they were ready or not. */
    knocks: { answered: number; refused: number };
  };
  ticks: { count: number; errors: number; p50Ms: number; p99Ms: number };
  /** Of a scenario with stages: seconds from its start until each was reached. */
  stages?: Record<string, number>;
  /** Of a scenario whose fleet sleeps: from the submission to the start of an execution, and to its first tick. */
  wake?: { triggers: Record<string, number>; executionSeconds: Summary; tickSeconds: Summary };
  costDollars: number;
  /** Of the nodes, from their launch to their end; what the same nodes cost all on-demand, and what was saved of it. */
  cost: { 'on-demand': number; spot: number; allOnDemandDollars: number; saving: number };
}

/** How the control plane came to a fleet that slept, after a submission. */
export interface Wake {
  trigger: string;
  executionSeconds: number;
  tickSeconds: number;
}

interface RequestRecord {
  submittedAt: number;
  startedAt?: number;
  readableAt?: number;
  status?: RequestResult['status'];
  writes: number;
  cutOffs: number;
}

const NOTHING_YET: RequestRecord = { submittedAt: 0, writes: 0, cutOffs: 0 };

/** Of figures in seconds. */
const DIGITS = 2;

/** A step function of time and its integral. */
export class Level {
  #value = 0;
  #since: number | undefined;
  #integral = 0;
  #peak = 0;

  /** `at` in milliseconds; the integral counts value × seconds from the first call on. */
  set(value: number, at: number): void {
    if (this.#since !== undefined) this.#integral += (this.#value * (at - this.#since)) / 1000;
    this.#since = at;
    this.#value = value;
    this.#peak = Math.max(this.#peak, value);
  }

  get value(): number {
    return this.#value;
  }

  get peak(): number {
    return this.#peak;
  }

  until(at: number): number {
    return this.#integral + (this.#since === undefined ? 0 : (this.#value * (at - this.#since)) / 1000);
  }
}

/**
 * What the scenario's own clients saw, from outside: nothing here comes from what the control plane says of itself. Times are
 * epoch milliseconds.
 */
export class Recorder {
  readonly #requests = new Map<string, RequestRecord>();
  /** Of ids that nobody has submitted yet: the gateway's answer may come after a worker began. */
  readonly #early = new Map<string, RequestRecord>();
  readonly #wakes: Wake[] = [];
  readonly #waiters = new Map<string, PromiseWithResolvers<void>>();
  readonly replicas = new Level();
  readonly #nodes = new Map<string, Level>();
  readonly #lacking = new Level();
  readonly #pools: readonly PoolPrice[];
  readonly #serversTell: boolean;
  #startedAt = 0;
  #needAt: number | undefined;
  #firstScaleOutAt: number | undefined;
  #cold = 0;
  readonly #stages: Record<string, number> = {};
  readonly #podsWarmed = new Set<string>();
  readonly #knocks = { answered: 0, refused: 0 };

  /** @param serversTell whether the model servers report starts and cut-offs; else the results tell the starts */
  constructor(pools: readonly PoolPrice[], serversTell = true) {
    this.#serversTell = serversTell;
    this.#pools = pools;
    for (const pool of pools) this.#nodes.set(pool.name, new Level());
  }

  /** The run's clock starts: levels are integrated from here. */
  start(at: number, replicas: number, nodes: Record<string, number>): void {
    this.#startedAt = at;
    this.replicas.set(replicas, at);
    this.runningNodes(nodes, at);
  }

  get startedAt(): number {
    return this.#startedAt;
  }

  /** The first moment at which the load needs more than the replicas there are. */
  loadExceedsCapacity(at: number): void {
    this.#needAt ??= at;
  }

  desiredReplicas(value: number, at: number): void {
    if (this.#startedAt === 0) return;
    if (this.#needAt !== undefined && at >= this.#needAt && value > this.replicas.value) {
      this.#firstScaleOutAt ??= at;
    }
    this.replicas.set(value, at);
  }

  /** Instances that are billed (launched, not yet terminated), by pool. */
  runningNodes(nodes: Record<string, number>, at: number): void {
    if (this.#startedAt === 0) return;
    for (const [pool, level] of this.#nodes) level.set(nodes[pool] ?? 0, at);
  }

  /** Whether a message waits. */
  waiting(isWaiting: boolean, at: number): void {
    if (this.#startedAt !== 0) this.#lacking.set(isWaiting ? 1 : 0, at);
  }

  submitted(id: string, at: number): void {
    this.#requests.set(id, { ...(this.#early.get(id) ?? NOTHING_YET), submittedAt: at });
    this.#early.delete(id);
  }

  woken(wake: Wake): void {
    this.#wakes.push(wake);
  }

  #of(id: string): RequestRecord {
    const known = this.#requests.get(id) ?? this.#early.get(id);
    if (known) return known;
    const early = { ...NOTHING_YET };
    this.#early.set(id, early);
    return early;
  }

  /** The model server began to work on it; only the first start counts as the end of its wait. */
  started(id: string, at: number): void {
    this.#of(id).startedAt ??= at;
  }

  cutOff(id: string): void {
    this.#of(id).cutOffs += 1;
  }

  /** A model server heard a request before it was warm. */
  cold(): void {
    this.#cold += 1;
  }

  /** The scenario has come to this stage. */
  reached(stage: string, at: number): void {
    this.#stages[stage] = roundTo((at - this.#startedAt) / 1000, DIGITS);
  }

  /** @param uid of a pod that is Ready */
  podWarm(uid: string): void {
    this.#podsWarmed.add(uid);
  }

  /** @param isAnswered with 200 */
  knocked(isAnswered: boolean): void {
    this.#knocks[isAnswered ? 'answered' : 'refused'] += 1;
  }

  get podsWarmed(): number {
    return this.#podsWarmed.size;
  }

  /** A result object was written (not refused) for it. */
  written(id: string): void {
    this.#of(id).writes += 1;
  }

  readable(id: string, at: number, result: Pick<RequestResult, 'status'> & { startedAt?: number }): void {
    const record = this.#requests.get(id);
    if (!record || record.readableAt !== undefined) return;
    record.readableAt = at;
    record.status = result.status;
    if (!this.#serversTell && result.startedAt !== undefined) record.startedAt ??= result.startedAt;
    this.#waiters.get(id)?.resolve();
    this.#waiters.delete(id);
  }

  isReadable(id: string): boolean {
    return this.#requests.get(id)?.readableAt !== undefined;
  }

  /** Resolves when the request's result is readable, for everyone who asks. */
  whenReadable(id: string): Promise<void> {
    if (this.isReadable(id)) return Promise.resolve();
    const waiter = this.#waiters.get(id) ?? Promise.withResolvers<void>();
    this.#waiters.set(id, waiter);
    return waiter.promise;
  }

  get outstanding(): string[] {
    return [...this.#requests].filter(([, r]) => r.readableAt === undefined).map(([id]) => id);
  }

  /** For the live view: seconds waited and answered so far. */
  progress(): { submitted: number; answered: number; wait: Summary } {
    const records = [...this.#requests.values()];
    return {
      submitted: records.length,
      answered: records.filter((r) => r.readableAt !== undefined).length,
      wait: summarize(records.flatMap(waitSeconds), DIGITS),
    };
  }

  #wake(): NonNullable<ScenarioResult['wake']> {
    const triggers: Record<string, number> = {};
    for (const { trigger } of this.#wakes) triggers[trigger] = (triggers[trigger] ?? 0) + 1;
    const of = (name: 'executionSeconds' | 'tickSeconds') =>
      summarize(
        this.#wakes.map((wake) => wake[name]),
        DIGITS,
      );
    return { triggers, executionSeconds: of('executionSeconds'), tickSeconds: of('tickSeconds') };
  }

  #nodeTotals(at: number) {
    const seconds = { 'on-demand': 0, spot: 0 };
    const dollars = { 'on-demand': 0, spot: 0 };
    let allOnDemand = 0;
    for (const { name, capacityType, pricePerHour, onDemandPricePerHour = pricePerHour } of this.#pools) {
      const used = this.#nodes.get(name)?.until(at) ?? 0;
      seconds[capacityType] += used;
      dollars[capacityType] += (used * pricePerHour) / 3600;
      allOnDemand += (used * onDemandPricePerHour) / 3600;
    }
    return { seconds, dollars, total: dollars['on-demand'] + dollars.spot, allOnDemand };
  }

  result(options: { scenario: string; at: number; ticks: ScenarioResult['ticks'] }): ScenarioResult {
    const records = [...this.#requests.values()];
    const count = (predicate: (r: RequestRecord) => boolean) => records.filter(predicate).length;
    const nodes = this.#nodeTotals(options.at);
    return {
      scenario: options.scenario,
      requests: {
        submitted: records.length,
        succeeded: count((r) => r.status === 'completed'),
        failed: count((r) => r.status === 'failed'),
        lost: count((r) => r.readableAt === undefined),
        duplicated: count((r) => r.writes > 1),
        cold: this.#serversTell ? this.#cold : null,
      },
      waitSeconds: summarize(records.flatMap(waitSeconds), DIGITS),
      latencySeconds: summarize(
        records.flatMap((r) => (r.readableAt === undefined ? [] : [(r.readableAt - r.submittedAt) / 1000])),
        DIGITS,
      ),
      scaling: {
        firstScaleOutSeconds:
          this.#needAt === undefined || this.#firstScaleOutAt === undefined
            ? null
            : roundTo((this.#firstScaleOutAt - this.#needAt) / 1000, DIGITS),
        peakReplicas: this.replicas.peak,
        finalReplicas: this.replicas.value,
        replicaSeconds: roundTo(this.replicas.until(options.at), DIGITS),
        nodeSeconds: {
          'on-demand': roundTo(nodes.seconds['on-demand'], DIGITS),
          spot: roundTo(nodes.seconds.spot, DIGITS),
        },
        interrupted: this.#serversTell ? count((r) => r.cutOffs > 0) : null,
        lackingSeconds: roundTo(this.#lacking.until(options.at), DIGITS),
        podsWarmed: this.podsWarmed,
        knocks: { ...this.#knocks },
      },
      ticks: options.ticks,
      costDollars: roundTo(nodes.total, 4),
      cost: {
        'on-demand': roundTo(nodes.dollars['on-demand'], 4),
        spot: roundTo(nodes.dollars.spot, 4),
        allOnDemandDollars: roundTo(nodes.allOnDemand, 4),
        saving: roundTo(nodes.allOnDemand === 0 ? 0 : 1 - nodes.total / nodes.allOnDemand, 4),
      },
      ...(Object.keys(this.#stages).length > 0 && { stages: this.#stages }),
      ...(this.#wakes.length > 0 && { wake: this.#wake() }),
    };
  }
}

const waitSeconds = (record: RequestRecord): number[] =>
  record.startedAt === undefined ? [] : [Math.max(0, record.startedAt - record.submittedAt) / 1000];
