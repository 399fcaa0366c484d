import Table from 'cli-table3';
import type { UpgradeExecution } from '../../adapters/aws/upgrade-executions.ts';
import type { EndedUpgrade, RunningUpgrade } from '../../adapters/aws/upgrade-state.ts';
import type { UpgradePlan } from '../../core/upgrade/plan.ts';
import type { Obstacle } from '../../core/upgrade/preflight.ts';

const style = { head: ['bold'], border: ['gray'], compact: true };
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

export function statusText(
  running: RunningUpgrade | undefined,
  execution: UpgradeExecution | undefined,
): string {
  if (!running) return 'No upgrade runs.';
  const { summary, phase, say, done, total, startedAt, updatedAt } = running;
  const isStuck = execution?.status !== 'RUNNING';
  return [
    summary,
    `  ${done} of ${total} steps done; ${phase}: ${say}`,
    `  began ${time(startedAt)}, last heard of ${time(updatedAt)} (UTC)`,
    ...(running.abort ? ['  asked to go back'] : []),
    ...(isStuck
      ? [
          '  Its execution has ended half-way. Start the same again, which completes it, or: paddock upgrade abort',
        ]
      : []),
  ].join('\n');
}

export function historyText(ended: readonly EndedUpgrade[]): string {
  if (ended.length === 0) return 'There was no upgrade yet.';
  const table = new Table({
    head: ['began (UTC)', 'upgrade', 'outcome', 'min', 'why'],
    colWidths: [21, 44, 13, 6, 50],
    wordWrap: true,
    style,
  });
  for (const { startedAt, endedAt, summary, outcome, say } of ended)
    table.push([time(startedAt), summary, outcome, Math.round((endedAt - startedAt) / 60), say]);
  return table.toString();
}

/** `[##--------] 1/4 canary: …` */
export function progressLine({ done, total, phase, say }: RunningUpgrade): string {
  const filled = total === 0 ? 0 : Math.round((10 * done) / total);
  return `[${'#'.repeat(filled)}${'-'.repeat(10 - filled)}] ${done}/${total} ${phase}: ${say}`;
}

/** How it came out, for a person. */
export function endText({ status, error, cause = '' }: UpgradeExecution): string {
  if (status === 'SUCCEEDED') return 'Upgraded.';
  const why = messageOf(cause);
  switch (error) {
    case 'UpgradeRefused':
      return `Refused, nothing was changed:\n${why}`;
    case 'UpgradeRolledBack':
      return `Rolled back, everything is as it was: ${why}`;
    default:
      return (
        `Stopped half-way: ${error ?? status}${why ? `: ${why}` : ''}\n` +
        'Start the same again, which completes it, or take it back: paddock upgrade abort'
      );
  }
}

/** A function's error arrives as its JSON. */
function messageOf(cause: string): string {
  try {
    return String((JSON.parse(cause) as { errorMessage?: unknown }).errorMessage ?? cause);
  } catch {
    return cause;
  }
}
