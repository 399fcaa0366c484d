import Table from 'cli-table3';
import { quantile, roundTo, type Summary, summarize } from '../../core/statistics.ts';
import { tableStyle } from '../../local/table.ts';
import type { Round } from './play.ts';
import type { Mode, Target } from './targets.ts';

const DIGITS = 3;

/** What one target did, as `--json` prints it. Seconds; latencies are those of the answers alone, `null` without any. */
export interface TargetReport {
  url: string;
  mode: Mode;
  requests: number;
  concurrency: number;
  /** Answers ÷ requests, 0 to 1. */
  successRate: number;
  latencySeconds: Summary | null;
  /** Of a queued request: until output could be read, a poll's interval late. */
  timeToFirstTokenSeconds: Summary | null;
  /** Output tokens of all answers ÷ the time that all rounds took. */
  tokensPerSecond: number;
  /** Answers per second: the rounds' minimum, median and maximum. */
  requestsPerSecond: { min: number; median: number; max: number };
  /** How often each reason was why there was no answer. */
  failures: Record<string, number>;
}

export function reportOf({ url, mode }: Target, rounds: readonly Round[], concurrency: number): TargetReport {
  const answers = rounds.flatMap((round) => round.answers);
  const seconds = sum(rounds.map((round) => round.seconds));
  const failures: Record<string, number> = {};
  for (const [reason, count] of rounds.flatMap((round) => [...round.failures])) {
    failures[reason] = (failures[reason] ?? 0) + count;
  }
  const requests = answers.length + sum(Object.values(failures));
  const rates = rounds.map((round) => round.answers.length / round.seconds).sort((a, b) => a - b);
  const rate = (at: number): number => roundTo(quantile(rates, at), DIGITS);
  return {
    url,
    mode,
    requests,
    concurrency,
    successRate: requests === 0 ? 0 : answers.length / requests,
    latencySeconds: summaryOf(answers.map((answer) => answer.seconds)),
    timeToFirstTokenSeconds: summaryOf(answers.map((answer) => answer.firstTokenSeconds)),
    tokensPerSecond:
      seconds === 0 ? 0 : roundTo(sum(answers.map((answer) => answer.outputTokens)) / seconds, 1),
    requestsPerSecond: { min: rate(0), median: rate(0.5), max: rate(1) },
    failures,
  };
}

/** No answers have no latency; zero would be the best that there is. */
const summaryOf = (seconds: readonly number[]): Summary | null =>
  seconds.length === 0 ? null : summarize(seconds, DIGITS);

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** For a person: a row per target, what was compared, and why requests failed. */
export function reportText(reports: readonly TargetReport[]): string {
  const table = new Table({
    head: [
      'target',
      'answered',
      'mean',
      'P50',
      'P90',
      'P99',
      'max',
      'first token P50',
      'tokens/s',
      'answers/s',
    ],
    style: tableStyle(),
  });
  for (const report of reports) {
    const { latencySeconds: latency, requestsPerSecond: rate } = report;
    table.push([
      `${report.mode} ${report.url}`,
      `${percent(report.successRate)} of ${report.requests}`,
      ...(['mean', 'p50', 'p90', 'p99', 'max'] as const).map((figure) => seconds(latency?.[figure])),
      seconds(report.timeToFirstTokenSeconds?.p50),
      report.tokensPerSecond.toFixed(1),
      rate.min === rate.max
        ? rate.median.toFixed(2)
        : `${rate.median.toFixed(2)} (${rate.min.toFixed(2)}–${rate.max.toFixed(2)})`,
    ]);
  }
  return [table.toString(), ...comparison(reports), ...reports.flatMap(failureLines)].join('\n');
}

const seconds = (value: number | undefined): string => (value === undefined ? '–' : `${value.toFixed(2)} s`);

function comparison([first, second]: readonly TargetReport[]): string[] {
  if (!first?.timeToFirstTokenSeconds || !second?.timeToFirstTokenSeconds) return [];
  if (first.requestsPerSecond.median === 0) return [];
  const share = second.requestsPerSecond.median / first.requestsPerSecond.median;
  const later = second.timeToFirstTokenSeconds.p50 - first.timeToFirstTokenSeconds.p50;
  const word = later < 0 ? 'earlier' : 'later';
  return [
    `${second.mode} against ${first.mode}: ${percent(share)} of its answers per second, first token ${(Math.abs(later) * 1000).toFixed(0)} ms ${word} (medians).`,
  ];
}

const failureLines = ({ mode, failures }: TargetReport): string[] =>
  Object.entries(failures)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${mode}: ${count} without an answer: ${reason}`);

const percent = (share: number): string => `${roundTo(share * 100, 1)}%`;
