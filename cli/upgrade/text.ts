import Table from 'cli-table3';
import type { UpgradeExecution } from '../../adapters/aws/upgrade-executions.ts';
import type { EndedUpgrade, RunningUpgrade } from '../../adapters/aws/upgrade-state.ts';
import type { UpgradePlan } from '../../core/upgrade/plan.ts';
import type { Obstacle } from '../../core/upgrade/preflight.ts';
import { tableStyle } from '../../local/table.ts';

const style = tableStyle();
const time = (seconds: number): string =>
  new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');

/** Every step, how it is undone and until when; then what stands in the way. */
export function planText({ summary, steps }: UpgradePlan, obstacles: readonly Obstacle[]): string {
  const table = new Table({
    head: ['step', 'what it changes', 'undone by', 'until'],
    colWidths: [26, 44, 36, 30],
    wordWrap: true,
    style,
  });
  for (const { name, does, undo, until } of steps) table.push([name, does, undo, until]);
  const stands = obstacles.map(({ rule, text, next }) => `  ${rule}: ${text}\n    → ${next}`);
  return [
    summary,
    table.toString(),
    ...(stands.length > 0 ? ['What stands in the way:', ...stands] : ['Nothing stands in the way.']),
  ].join('\n');
}

/** @param last the last that ended, where none runs */
export function statusText(
  running: RunningUpgrade | undefined,
  execution: UpgradeExecution | undefined,
  last?: EndedUpgrade,
): string {
  if (!running) return ['No upgrade runs.', ...(last ? [lastText(last)] : [])].join('\n');
  const { summary, phase, say, done, total, startedAt, updatedAt } = running;
  const isStuck = execution?.status !== 'RUNNING';
  return [
    summary,
    `  ${done} of ${total} steps done; ${phase}: ${say}`,
    `  began ${time(startedAt)}, last heard of ${time(updatedAt)} (UTC)`,
    ...(running.abort ? ['  asked to go back'] : []),
    ...(isStuck ? [`  Its execution has ended half-way. ${HALF_WAY}`] : []),
  ].join('\n');
}

const lastText = ({ summary, outcome, endedAt, say }: EndedUpgrade): string =>
  `The last one: ${summary}: ${outcome} at ${time(endedAt)} (UTC)${outcome === 'upgraded' ? '' : `: ${say}`}`;

export function historyText(ended: readonly EndedUpgrade[]): string {
  if (ended.length === 0) return 'There was no upgrade yet.';
  const table = new Table({
    head: ['began (UTC)', 'upgrade', 'outcome', 'took', 'why'],
    colWidths: [21, 42, 13, 10, 50],
    wordWrap: true,
    style,
  });
  for (const { startedAt, endedAt, summary, outcome, say } of ended)
    table.push([time(startedAt), summary, outcome, tookText(endedAt - startedAt), say]);
  return table.toString();
}

/** `45 s`, `12 min`, `1 h 5 min`. */
function tookText(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `[##--------] 1/4 canary: …` */
export function progressLine({ done, total, phase, say }: RunningUpgrade): string {
  const filled = total === 0 ? 0 : Math.round((10 * done) / total);
  return `[${'#'.repeat(filled)}${'-'.repeat(10 - filled)}] ${done}/${total} ${phase}: ${say}`;
}

/**
 * What an execution that ended left behind. `half-way`: its lock, for whoever completes it. `history`: it did something, and
 * cleaned up. `nothing`: it never got the lock.
 */
export type Left = 'half-way' | 'history' | 'nothing';

/** How it came out, for a person. */
export function endText({ status, error = status, cause = '' }: UpgradeExecution, left: Left): string {
  const why = messageOf(cause);
  const what = why ? `${error}: ${why}` : error;
  if (status === 'SUCCEEDED') return 'Upgraded.';
  if (error === 'UpgradeRefused') return `Refused, nothing was changed:\n${why}`;
  if (error === 'UpgradeRolledBack') return `Rolled back, everything is as it was: ${why}`;
  switch (left) {
    case 'half-way':
      return `Stopped half-way: ${what}\n${HALF_WAY}`;
    case 'history':
      return `Stopped: ${what}\nEach node group is old or new. Start the same again, which takes the rest.`;
    case 'nothing':
      return `It could not begin, nothing was changed: ${what}`;
  }
}

const HALF_WAY = 'Start the same again, which completes it, or take it back: paddock upgrade abort';

/** A function's error arrives as its JSON. */
function messageOf(cause: string): string {
  try {
    return String((JSON.parse(cause) as { errorMessage?: unknown }).errorMessage ?? cause);
  } catch {
    return cause;
  }
}
