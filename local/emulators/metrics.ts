/** Metric data by series, kept as long as an alarm may look back. Times are milliseconds since the epoch. */

export interface SeriesName {
  namespace: string;
  name: string;
  dimensions: Record<string, string>;
}

/** Values that were put together; one value counts as one sample. */
export interface Sample {
  at: number;
  count: number;
  sum: number;
  min: number;
  max: number;
}

/** Alarms look back one day at most. */
const KEPT_MS = 24 * 3_600_000;

export class MetricStore {
  readonly #series = new Map<string, Sample[]>();

  put(series: SeriesName, sample: Sample): void {
    const key = seriesKey(series);
    const samples = this.#series.get(key) ?? [];
    samples.push(sample);
    while (samples[0] && samples[0].at < sample.at - KEPT_MS) samples.shift();
    this.#series.set(key, samples);
  }

  /** The samples with `from <= at < to`. */
  read(series: SeriesName, from: number, to: number): Sample[] {
    return (this.#series.get(seriesKey(series)) ?? []).filter(({ at }) => at >= from && at < to);
  }
}

/** A series is its namespace, name and exact set of dimensions. */
const seriesKey = ({ namespace, name, dimensions }: SeriesName): string =>
  JSON.stringify([namespace, name, Object.entries(dimensions).sort(([a], [b]) => (a < b ? -1 : 1))]);

export type Statistic = 'SampleCount' | 'Average' | 'Sum' | 'Minimum' | 'Maximum';

/** One period's datapoint; undefined when nothing was reported. */
export function statistic(samples: Sample[], name: Statistic): number | undefined {
  if (samples.length === 0) return undefined;
  const total = (pick: (sample: Sample) => number) => samples.reduce((sum, sample) => sum + pick(sample), 0);
  switch (name) {
    case 'SampleCount':
      return total(({ count }) => count);
    case 'Sum':
      return total(({ sum }) => sum);
    case 'Average':
      return total(({ sum }) => sum) / total(({ count }) => count);
    case 'Minimum':
      return Math.min(...samples.map(({ min }) => min));
    case 'Maximum':
      return Math.max(...samples.map(({ max }) => max));
  }
}
