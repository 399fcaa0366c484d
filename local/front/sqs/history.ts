/** How many messages a queue has, as SQS counts them. */
export interface QueueCounts {
  visible: number;
  notVisible: number;
  delayed: number;
}

interface Sample {
  at: number;
  counts: QueueCounts;
}

/** Remembers counters so that they can be read late, as SQS's are. Times are milliseconds. */
export class CounterHistory {
  #lagMs = 0;
  readonly #samples = new Map<string, Sample[]>();

  /** 0 means counters are exact. Readings then show the counts of the moment the lag began until it has passed once. */
  setLag(seconds: number): void {
    if (!(seconds >= 0 && Number.isFinite(seconds)))
      throw new Error('a lag is a number of seconds, 0 or more');
    this.#lagMs = seconds * 1000;
    if (seconds === 0) this.#samples.clear();
  }

  get lags(): boolean {
    return this.#lagMs > 0;
  }

  sample(queue: string, counts: QueueCounts, at: number): void {
    if (!this.lags) return;
    const samples = this.#samples.get(queue) ?? [];
    this.#samples.set(queue, samples);
    samples.push({ at, counts });
    // The newest sample that is old enough is still needed, those before it are not.
    while (samples[1] && samples[1].at <= at - this.#lagMs) samples.shift();
  }

  /** What a reader sees now of a queue that really has `counts`. */
  read(queue: string, counts: QueueCounts, at: number): QueueCounts {
    if (!this.lags) return counts;
    if (!this.#samples.has(queue)) this.sample(queue, counts, at);
    const samples = this.#samples.get(queue) ?? [];
    return (samples.findLast((sample) => sample.at <= at - this.#lagMs) ?? samples[0])?.counts ?? counts;
  }

  forget(queue: string): void {
    this.#samples.delete(queue);
  }
}
