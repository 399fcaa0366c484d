import { styleText } from 'node:util';
import Table from 'cli-table3';
import type { CheckStatus, Verdict } from '../core/protocol/verdict.ts';

const COLOUR = { healthy: 'green', degraded: 'yellow', unhealthy: 'red', unknown: 'magenta' } as const;
/** What needs someone first. */
const ORDER: readonly CheckStatus[] = ['unhealthy', 'degraded', 'unknown', 'healthy'];

const FRAME = 60;
const DEFAULT_COLUMNS = 140;

/** The verdict as a table, the worst first, and below it what to do. */
export function doctorText({ verdict, at, checks }: Verdict, columns = DEFAULT_COLUMNS): string {
  const sorted = checks.toSorted((a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status));
  const table = new Table({
    head: ['check', 'status', 'evidence'],
    colWidths: [34, 11, Math.max(30, columns - FRAME)],
    wordWrap: true,
    style: { head: ['bold'], border: ['gray'], compact: true },
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
