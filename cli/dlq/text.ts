import Table from 'cli-table3';
import { tableStyle } from '../../local/table.ts';
import type { Known, LetterRow } from './read.ts';
import type { Outcome } from './run.ts';

/** A user's text may hold what moves a terminal's cursor or worse. */
const plain = (text: string): string => text.replace(/\p{Cc}+/gu, ' ');

const WHY_CHARACTERS = 100;

const shortened = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;

function ageText(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

export function listText(rows: readonly LetterRow[], fleet: string): string {
  if (rows.length === 0) return `The fleet '${fleet}' has no dead letters.`;
  const table = new Table({
    head: ['id', 'fleet', 'age', 'receives', 'attempts', 'model', 'response', 'why'],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'left', 'left', 'left'],
    style: tableStyle(),
  });
  for (const row of rows) {
    table.push([
      ...[plain(row.id), row.fleet, ageText(row.ageSeconds), row.receives, row.attempts],
      ...[plain(row.model), row.response, shortened(plain(row.why), WHY_CHARACTERS)],
    ]);
  }
  return `${table.toString()}\n${rows.length} dead ${rows.length === 1 ? 'letter' : 'letters'}`;
}

/** How much of a body is shown. */
export type BodyShown = 'none' | 'some' | 'full';
const SOME_CHARACTERS = 2000;

/** @param body of the request, when it is to be shown; a user's data */
export function showText(
  row: LetterRow,
  { status, result, letter, request }: Known,
  body: string | undefined,
): string {
  const at = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : new Date(ms).toISOString();
  const lines: [string, string | number | undefined][] = [
    ['id', row.id],
    ['message', row.messageId],
    ['fleet', row.fleet],
    ['model', row.model || undefined],
    ['path', request?.path],
    ['submitted by', status?.owner],
    ['response', row.response],
    ['why', row.why],
    ['sent', at(letter.sentAt || undefined)],
    ['submitted', at(request?.submittedAt)],
    ['last attempt', status?.startedAt && `${at(status.startedAt)} on ${status.replica ?? 'an unknown pod'}`],
    ['failed attempts', status?.failures],
    ['last failure', status?.lastFailure],
    ['redriven', at(status?.redrivenAt)],
    ['ended', result && `${at(result.finishedAt)} by ${result.replica}`],
    ['receives', row.receives],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const shown = lines
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name.padEnd(width)}  ${plain(String(value))}`);
  return [
    ...shown,
    body === undefined ? 'The body is a user’s data: --body shows it.' : `body\n${body}`,
  ].join('\n');
}

export function bodyText(body: unknown, shown: BodyShown): string | undefined {
  if (shown === 'none') return undefined;
  // JSON escapes the control characters below 32, and terminals obey those from 127 on too.
  const text = (JSON.stringify(body, null, 2) ?? 'null').replaceAll(
    /[\x7f-\x9f]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
  if (shown === 'full' || text.length <= SOME_CHARACTERS) return text;
  return `${text.slice(0, SOME_CHARACTERS)}\n… ${text.length - SOME_CHARACTERS} more characters: --full shows them.`;
}

const MEANINGS: Record<string, string> = {
  redriven: 'redriven',
  purged: 'purged; what had no answer is failed for good',
  foreign: 'left: no request of this fleet',
  completed: 'taken out: answered already',
  cancelled: 'taken out: cancelled by their client',
  deleted: 'taken out: deleted by their client',
  'a second letter of the same request': 'taken out: a second letter of the same request',
};

export function outcomeText({ counts, failures, missing }: Outcome): string {
  const lines = Object.entries(counts).map(([kind, count]) => `${count} ${MEANINGS[kind] ?? kind}`);
  for (const { id, error } of failures) lines.push(`! ${plain(id)}: ${plain(error)}`);
  if (failures.length > 0)
    lines.push('What failed is still in the dead-letter queue: run the command again.');
  for (const name of missing) {
    lines.push(
      `! ${plain(name)} is not in the dead-letter queue, or someone else looks at it: try again in two minutes.`,
    );
  }
  return lines.length > 0 ? lines.join('\n') : 'There is no dead letter.';
}
