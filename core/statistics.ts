/** Five figures of a sample; all zero when the sample is empty. */
export interface Summary {
  mean: number;
  p50: number;
  p90: number;
  p99: number;
  max: number;
}

export const mean = (values: ArrayLike<number>): number => {
  let total = 0;
  for (let index = 0; index < values.length; index += 1) total += values[index] as number;
  return values.length === 0 ? 0 : total / values.length;
};

/** Nearest-rank quantile; `ascending` sorted, `share` 0 to 1. Zero for an empty sample. */
export const quantile = (ascending: ArrayLike<number>, share: number): number =>
  ascending[Math.max(0, Math.ceil(share * ascending.length) - 1)] ?? 0;

/** @param digits that each figure is rounded to */
export function summarize(values: ArrayLike<number>, digits: number): Summary {
  const ascending = Float64Array.from(values).sort();
  return {
    mean: roundTo(mean(ascending), digits),
    p50: roundTo(quantile(ascending, 0.5), digits),
    p90: roundTo(quantile(ascending, 0.9), digits),
    p99: roundTo(quantile(ascending, 0.99), digits),
    max: roundTo(quantile(ascending, 1), digits),
  };
}

export const roundTo = (value: number, digits: number): number => Number(value.toFixed(digits));
