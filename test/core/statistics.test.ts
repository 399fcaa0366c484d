import { quantile, summarize } from '../../core/statistics.ts';

describe('figures of a sample', () => {
  it('are zero when it is empty', () => {
    expect(summarize([], 2)).toEqual({ mean: 0, p50: 0, p90: 0, p99: 0, max: 0 });
  });

  it('are nearest-rank, whatever the order, and rounded', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(2);
    expect(summarize([4, 1, 3.126, 2], 2)).toEqual({ mean: 2.53, p50: 2, p90: 4, p99: 4, max: 4 });
  });
});
