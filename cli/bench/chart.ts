import { init } from 'echarts';
import type { Round } from './play.ts';
import type { TargetReport } from './report.ts';

const WIDTH = 900;
const HEIGHT = 480;

/**
 * How many of all requests were answered within which time, a line per target, as SVG. A line that ends below 100% has
 * lost the rest.
 */
export function chartSvg(
  reports: readonly TargetReport[],
  rounds: readonly Round[][],
  timeoutSeconds: number,
): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height: HEIGHT });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: '#ffffff',
      title: {
        text: 'Requests answered within …',
        subtext: `${reports[0]?.requests ?? 0} requests each, ${reports[0]?.concurrency ?? 0} at a time, time-out of a call ${timeoutSeconds} s`,
        left: 16,
        top: 8,
      },
      legend: { top: 16, right: 24, orient: 'vertical' },
      grid: { left: 64, right: 32, top: 88, bottom: 56 },
      xAxis: { type: 'value', name: 'seconds', nameLocation: 'middle', nameGap: 30, min: 0 },
      yAxis: { type: 'value', min: 0, max: 100, axisLabel: { formatter: '{value}%' } },
      series: reports.map((report, index) => ({
        type: 'line',
        step: 'end',
        showSymbol: false,
        lineStyle: { width: 2 },
        name: `${report.mode} ${report.url} (${(report.successRate * 100).toFixed(0)}%)`,
        data: answeredWithin(rounds[index] ?? [], report.requests),
      })),
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}

/** `[seconds, percent of all requests answered by then]`, ascending from the origin. */
export function answeredWithin(rounds: readonly Round[], requests: number): [number, number][] {
  const ascending = rounds
    .flatMap((round) => round.answers.map((answer) => answer.seconds))
    .sort((a, b) => a - b);
  return [[0, 0], ...ascending.map((at, index): [number, number] => [at, ((index + 1) / requests) * 100])];
}
