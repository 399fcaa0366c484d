import { answeredWithin, chartSvg } from '../../../cli/bench/chart.ts';
import type { Round } from '../../../cli/bench/play.ts';
import { reportOf, reportText } from '../../../cli/bench/report.ts';
import type { Target } from '../../../cli/bench/targets.ts';

const TARGET: Target = {
  url: 'http://127.0.0.1:1',
  mode: 'direct',
  client: { generate: () => Promise.reject(new Error('not asked')) },
};
const round = (seconds: number, latencies: number[], failures: [string, number][] = []): Round => ({
  seconds,
  answers: latencies.map((latency) => ({
    firstTokenSeconds: latency / 10,
    seconds: latency,
    outputTokens: 10,
  })),
  failures: new Map(failures),
});

describe('reportOf', () => {
  it('counts answers against all requests, and times answers alone', () => {
    const rounds = [round(2, [1, 1, 1, 1]), round(4, [1, 3], [['timed out', 2]])];
    expect(reportOf(TARGET, rounds, 4)).toEqual({
      url: TARGET.url,
      mode: 'direct',
      requests: 8,
      concurrency: 4,
      successRate: 0.75,
      latencySeconds: { mean: 1.333, p50: 1, p90: 3, p99: 3, max: 3 },
      timeToFirstTokenSeconds: { mean: 0.133, p50: 0.1, p90: 0.3, p99: 0.3, max: 0.3 },
      tokensPerSecond: 10,
      requestsPerSecond: { min: 0.5, median: 0.5, max: 2 },
      failures: { 'timed out': 2 },
    });
  });

  it.each([
    ['it was stopped before anything came back', [], 0],
    ['nothing was answered', [round(30, [], [['timed out', 2]])], 2],
  ])('has no latency when %s', (_case, rounds, requests) => {
    const report = reportOf(TARGET, rounds, 4);
    expect(report).toMatchObject({ requests, successRate: 0, tokensPerSecond: 0 });
    expect(report).toMatchObject({ latencySeconds: null, timeToFirstTokenSeconds: null });
    const [, , , row = ''] = reportText([report]).split('\n');
    expect(row.split('│').slice(3, 9).join('').replaceAll(' ', '')).toBe('––––––');
  });
});

describe('reportText', () => {
  it('compares nothing with a target that did not answer', () => {
    const some = reportOf(TARGET, [round(1, [1])], 4);
    const none = reportOf(TARGET, [round(30, [], [['timed out', 2]])], 4);
    for (const pair of [
      [some, none],
      [none, some],
    ])
      expect(reportText(pair)).not.toContain('against');
  });

  it('names each reason why requests failed, and compares two targets by their medians', () => {
    const fast = reportOf(TARGET, [round(1, [1, 1, 1, 1])], 4);
    const slow = reportOf(
      { ...TARGET, mode: 'router' },
      [round(2, [1.1, 1.1, 1.1, 1.1], [['HTTP 429', 3]])],
      4,
    );
    const text = reportText([fast, slow]);
    expect(text).toContain('router: 3 without an answer: HTTP 429');
    expect(text).toContain('router against direct: 50% of its answers per second, first token 10 ms later');
  });
});

describe('chartSvg', () => {
  it('draws a line per target, which ends at the share that was answered', () => {
    const rounds = [round(2, [2, 1], [['timed out', 2]])];
    const report = reportOf(TARGET, rounds, 4);
    expect(answeredWithin(rounds, report.requests)).toEqual([
      [0, 0],
      [1, 25],
      [2, 50],
    ]);
    const svg = chartSvg([report], [rounds], 30);
    expect(svg).toMatch(/^<svg .*<\/svg>$/s);
    expect(svg).toContain('direct http://127.0.0.1:1 (50%)');
  });
});
