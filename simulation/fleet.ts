import type { Arrivals } from './arrivals.ts';
import { Completions } from './completions.ts';
import { seededRandom } from './random.ts';

export interface FleetOptions {
  slots: number;
  /** Seconds from the decision to add a replica until it is warm. */
  leadSeconds: number;
  maxReplicas: number;
  /** The queue's counters are this much behind. */
  counterLagSeconds: number;
  /** Which of the free slots takes a request is chance: workers poll. */
  seed: number;
}

export interface SimulatedReplica {
  readonly id: number;
  readonly createdAt: number;
  /** When it was or will be warm. */
  readonly warmAt: number;
  warm: boolean;
  draining: boolean;
  drainDeadline: number;
  removed: boolean;
  busy: number;
  completed: number;
  /** Integral of busy slots up to `since`. */
  busySlotSeconds: number;
  since: number;
  lastActiveAt: number;
}

/** What the queue says of itself. */
export interface Counters {
  backlog: number;
  inFlight: number;
}

/** FIFO queue, replicas with slots and a lead time. One replica is warm at second 0. */
export class SimulatedFleet {
  now = 0;
  readonly options: FleetOptions;
  readonly arrivals: Arrivals;
  /** Those that count as replicas, oldest first. */
  replicas: SimulatedReplica[] = [];
  /** Seconds that each request waited for its first start. */
  readonly waits: Float64Array;
  cutOff = 0;
  peakReplicas = 0;
  replicaSeconds = 0;

  readonly #all: SimulatedReplica[] = [];
  readonly #completions = new Completions();
  readonly #random: () => number;
  /** One entry per free slot: the replica's id. */
  #freeSlots: number[] = [];
  #nextWarm = 0;
  #arrived = 0;
  #started = 0;
  /** Cut off: they go before the queue. */
  #again: number[] = [];
  #countedAt = 0;
  #readings: { at: number; counters: Counters }[] = [];

  constructor(arrivals: Arrivals, options: FleetOptions) {
    this.arrivals = arrivals;
    this.options = options;
    this.waits = new Float64Array(arrivals.at.length).fill(-1);
    this.#random = seededRandom(options.seed);
    this.#create(0);
    this.#warmUp();
  }

  get backlog(): number {
    return this.#arrived - this.#started + this.#again.length;
  }

  get inFlight(): number {
    return this.#completions.size;
  }

  get isDone(): boolean {
    return this.#arrived === this.arrivals.at.length && this.backlog === 0 && this.inFlight === 0;
  }

  get readyReplicas(): number {
    let ready = 0;
    for (const replica of this.replicas) if (replica.warm && !replica.draining) ready += 1;
    return ready;
  }

  /** The counters as the queue tells them: late by the lag. Call once per tick. */
  readCounters(): Counters {
    const counters = { backlog: this.backlog, inFlight: this.inFlight };
    const { counterLagSeconds } = this.options;
    if (counterLagSeconds === 0) return counters;
    this.#readings.push({ at: this.now, counters });
    const known = this.#readings.findLastIndex(({ at }) => at <= this.now - counterLagSeconds);
    this.#readings = this.#readings.slice(Math.max(0, known));
    return known < 0 ? { backlog: 0, inFlight: 0 } : (this.#readings[0]?.counters ?? counters);
  }

  /** Plays arrivals, completions and warm-ups up to and including `until`; stops early when all is done after `noEarlier`. */
  advance(until: number, noEarlier = Number.POSITIVE_INFINITY): void {
    const { at } = this.arrivals;
    for (;;) {
      const arrival = this.#arrived < at.length ? (at[this.#arrived] as number) : Number.POSITIVE_INFINITY;
      const completion = this.#completions.nextAt;
      const warm = this.#all[this.#nextWarm]?.warmAt ?? Number.POSITIVE_INFINITY;
      const next = Math.min(arrival, completion, warm);
      if (next > until) break;
      this.now = next;
      if (completion === next) this.#complete();
      else if (warm === next) this.#warmUp();
      else this.#arrived += 1;
      this.#dispatch();
      if (this.isDone && this.now >= noEarlier) return;
    }
    this.now = until;
  }

  add(count: number): void {
    this.#count();
    for (let added = 0; added < count; added += 1) this.#create(this.options.leadSeconds);
  }

  drain(replica: SimulatedReplica, deadline: number): void {
    replica.draining = true;
    replica.drainDeadline = deadline;
    this.#freeSlots = this.#freeSlots.filter((id) => id !== replica.id);
  }

  cancelDrain(replica: SimulatedReplica): void {
    if (!replica.draining) return;
    replica.draining = false;
    if (replica.warm)
      for (let slot = replica.busy; slot < this.options.slots; slot += 1) this.#freeSlots.push(replica.id);
    this.#dispatch();
  }

  /** Removes a replica. Undrained and busy, its requests are cut off and start again; drained, it finishes them first. */
  remove(replica: SimulatedReplica): void {
    this.#count();
    if (!replica.draining) {
      this.#freeSlots = this.#freeSlots.filter((id) => id !== replica.id);
      const cut = replica.busy > 0 ? this.#completions.cutOff(replica.id) : [];
      this.cutOff += cut.length;
      this.#again.push(...cut);
    }
    replica.removed = true;
    this.replicas = this.replicas.filter((other) => other !== replica);
    this.#dispatch();
  }

  /** Busy slot-seconds of a replica up to now. */
  busySlotSeconds(replica: SimulatedReplica): number {
    return replica.busySlotSeconds + replica.busy * (this.now - replica.since);
  }

  /** Adds up replica-seconds; call before their number changes and at the end. */
  #count(): void {
    this.replicaSeconds += this.replicas.length * (this.now - this.#countedAt);
    this.#countedAt = this.now;
  }

  finish(): void {
    this.#count();
  }

  #create(leadSeconds: number): void {
    const replica: SimulatedReplica = {
      id: this.#all.length,
      createdAt: this.now,
      warmAt: this.now + leadSeconds,
      warm: false,
      draining: false,
      drainDeadline: 0,
      removed: false,
      busy: 0,
      completed: 0,
      busySlotSeconds: 0,
      since: this.now,
      lastActiveAt: 0,
    };
    this.#all.push(replica);
    this.replicas.push(replica);
    this.peakReplicas = Math.max(this.peakReplicas, this.replicas.length);
  }

  /** The lead time is the same for all: they turn warm in the order of their creation. */
  #warmUp(): void {
    const replica = this.#all[this.#nextWarm] as SimulatedReplica;
    this.#nextWarm += 1;
    if (replica.removed) return;
    replica.warm = true;
    if (replica.draining) return;
    for (let slot = 0; slot < this.options.slots; slot += 1) this.#freeSlots.push(replica.id);
  }

  #complete(): void {
    const replica = this.#all[this.#completions.nextReplica] as SimulatedReplica;
    this.#completions.pop();
    this.#setBusy(replica, -1);
    replica.completed += 1;
    if (!replica.draining && !replica.removed) this.#freeSlots.push(replica.id);
  }

  #dispatch(): void {
    while (this.#freeSlots.length > 0 && this.backlog > 0) {
      const pick = Math.floor(this.#random() * this.#freeSlots.length);
      const id = this.#freeSlots[pick] as number;
      this.#freeSlots[pick] = this.#freeSlots[this.#freeSlots.length - 1] as number;
      this.#freeSlots.pop();
      this.#start(this.#all[id] as SimulatedReplica, this.#again.shift() ?? this.#started++);
    }
  }

  #start(replica: SimulatedReplica, request: number): void {
    if ((this.waits[request] as number) < 0) {
      this.waits[request] = this.now - (this.arrivals.at[request] as number);
    }
    this.#setBusy(replica, 1);
    this.#completions.push(this.now + (this.arrivals.service[request] as number), replica.id, request);
  }

  #setBusy(replica: SimulatedReplica, change: number): void {
    replica.busySlotSeconds = this.busySlotSeconds(replica);
    replica.since = this.now;
    replica.busy += change;
    replica.lastActiveAt = this.now;
  }
}
