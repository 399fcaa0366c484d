import { styleText } from 'node:util';
import Table from 'cli-table3';
import type { Summary } from '../core/statistics.ts';
import { tableStyle } from './table.ts';

export interface PoolRow {
  pool: string;
  capacityType: string;
  desired: number;
  nodes: number;
  starting: number;
  warm: number;
  draining: number;
}

export interface ReasonRow {
  at: Date;
  summary: string;
  text: string;
}

/** Everything the live view shows, as of one moment. */
export interface ViewState {
  title: string;
  /** Seconds since the scenario's clock started; undefined before. */
  elapsedSeconds: number | undefined;
  submitted: number;
  answered: number;
  /** How many the scenario will submit, if it is known. */
  total: number | undefined;
  queue: { waiting: number; inFlight: number };
  wait: Summary;
  /** Base URL of the router, or why there is none. */
  router: string;
  pools: PoolRow[];
  /** Newest first. */
  reasons: ReasonRow[];
  note: string;
}

const BAR_WIDTH = 30;

function bar(share: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * BAR_WIDTH);
  return `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
}

export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const pad = (n: number) => String(n).padStart(2, '0');
  return `${pad(Math.floor(whole / 60))}:${pad(whole % 60)}`;
}

const seconds = (value: number): string => `${value.toFixed(1)} s`;

function poolTable(pools: readonly PoolRow[]): string {
  const table = new Table({
    head: ['pool', 'capacity', 'wanted', 'nodes', 'starting', 'warm', 'draining'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'right', 'right'],
    style: tableStyle(),
  });
  for (const row of pools) {
    table.push([row.pool, row.capacityType, row.desired, row.nodes, row.starting, row.warm, row.draining]);
  }
  return table.toString();
}

/** One frame of the live view, at most `columns` wide where it writes free text. */
export function frame(state: ViewState, columns = 100): string {
  const clip = (text: string) => (text.length > columns ? `${text.slice(0, columns - 1)}…` : text);
  const label = (text: string) => styleText('bold', text.padEnd(10));
  const progress =
    state.total === undefined
      ? ''
      : `  ${bar(state.answered / state.total)} ${Math.floor((100 * state.answered) / state.total)}%`;
  const time = state.elapsedSeconds === undefined ? 'starting' : clock(state.elapsedSeconds);
  return [
    `${styleText(['bold', 'cyan'], state.title)}  ${time}`,
    '',
    `${label('requests')}${state.submitted} sent, ${state.answered} answered${progress}`,
    `${label('router')}${state.router}`,
    `${label('queue')}${state.queue.waiting} waiting, ${state.queue.inFlight} in flight`,
    `${label('wait')}p50 ${seconds(state.wait.p50)}, p90 ${seconds(state.wait.p90)}, p99 ${seconds(state.wait.p99)}`,
    poolTable(state.pools),
    label('why'),
    ...state.reasons.map((reason) =>
      clip(`${reason.at.toTimeString().slice(0, 8)}  ${reason.summary.padEnd(9)}  ${reason.text}`),
    ),
    '',
    styleText('gray', clip(state.note)),
  ].join('\n');
}

/** One line for logs and pipes, where a repainted frame would be noise. */
export function line(state: ViewState): string {
  const total = (key: 'desired' | 'warm') => state.pools.reduce((sum, row) => sum + row[key], 0);
  const time = state.elapsedSeconds === undefined ? '--:--' : clock(state.elapsedSeconds);
  return (
    `${time}  answered ${state.answered}/${state.total ?? state.submitted}  waiting ${state.queue.waiting}  ` +
    `in flight ${state.queue.inFlight}  replicas ${total('warm')} warm of ${total('desired')} wanted  ` +
    `wait p99 ${seconds(state.wait.p99)}  ${state.reasons[0]?.text ?? ''}`
  );
}
