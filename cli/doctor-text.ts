import { styleText } from 'node:util';
import Table from 'cli-table3';
import type { CheckStatus, Verdict } from '../core/protocol/verdict.ts';
import { tableStyle } from '../local/table.ts';

const COLOUR = { healthy: 'green', degraded: 'yellow', unhealthy: 'red', unknown: 'magenta' } as const;
/** What needs someone first. */
const ORDER: readonly CheckStatus[] = ['unhealthy', 'degraded', 'unknown', 'healthy'];

const STATUS_WIDTH = 11;
const LINES = 4;
const NAME_AT_LEAST = 34;
const EVIDENCE_AT_LEAST = 40;
const DEFAULT_COLUMNS = 140;

/** Names are shown whole where there is room: a node group's may be long. */
function widths(names: readonly string[], columns: number): number[] {
  const longest = Math.max(...names.map((name) => name.length)) + 2;
  const room = columns - STATUS_WIDTH - LINES;
  const name = Math.min(longest, Math.max(NAME_AT_LEAST, room - EVIDENCE_AT_LEAST));
  return [name, STATUS_WIDTH, Math.max(30, room - name)];
}

/** The verdict as a table, the worst first, and below it what to do. */
export function doctorText({ verdict, at, checks }: Verdict, columns = DEFAULT_COLUMNS): string {
  const sorted = checks.toSorted((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
  const table = new Table({
    head: ['check', 'status', 'evidence'],
    colWidths: widths(
      sorted.map(({ name }) => name),
      columns,
    ),
    wordWrap: true,
    style: tableStyle(),
  });
  for (const { name, status, evidence } of sorted)
    table.push([name, styleText(COLOUR[status], status), evidence]);
  const findings = sorted.filter(({ next }) => next !== undefined);
  return [
    `${styleText(['bold', COLOUR[verdict]], verdict)}, as of ${at}`,
    table.toString(),
    ...(findings.length > 0 ? ['', styleText('bold', 'What to do')] : []),
    ...findings.map(({ name, next }) => `  ${name}: ${next}`),
  ].join('\n');
}
