import { styleText } from 'node:util';
import type { CommandResult, PlanRecord } from '../adapters/aws/fleet-state.ts';
import type { Command } from '../core/scaling/types.ts';

/** What a command does, in words an on-call engineer reads at night. */
export function describeCommand(command: Command): string {
  switch (command.kind) {
    case 'set-replicas':
      return `${command.pool}: replicas ${command.from} → ${command.to}`;
    case 'set-nodes':
      return `${command.pool}: nodes ${command.from} → ${command.to}`;
    case 'drain':
      return `${command.pool}: drain ${command.replica}`;
    case 'cancel-drain':
      return `${command.pool}: put ${command.replica} back to work`;
    case 'clear-cost':
      return `${command.pool}: clear the deletion cost of ${command.replica}`;
    case 'terminate-instance':
      return `${command.pool}: terminate the emptied instance ${command.instanceId}`;
    case 'warm-up':
      return `${command.pool}: warm up ${command.replica}`;
    case 'forget-worker':
      return `forget the worker of ${command.replica}`;
  }
}

function describeResult(result: CommandResult | undefined): string {
  switch (result?.status) {
    case 'failed':
      return `FAILED: ${result.error}`;
    case 'overtaken':
      return `overtaken: ${result.reason}`;
    case 'withheld':
      return `withheld: ${result.reason}`;
    case 'returned':
      return 'handed to the state machine';
    case 'done':
      return 'done';
    default:
      return 'not tried';
  }
}

/** True for a tick that left everything as it was and had nothing to complain of. */
export const isQuiet = (record: PlanRecord): boolean =>
  record.plan.commands.length === 0 && record.failures.length === 0;

function numbers(values: Record<string, number>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${Number(value.toFixed(3))}`)
    .join(', ');
}

/** One tick: what it decided, why, with which numbers, and what became of it. */
export function explainRecord(record: PlanRecord): string {
  const { plan } = record;
  const time = new Date(plan.at * 1000).toISOString().slice(0, 19).replace('T', ' ');
  const pools = Object.entries(plan.wantedByPool)
    .map(([pool, wanted]) => `${pool} ${wanted}`)
    .join(', ');
  const lines = [
    `${styleText('bold', `${time}Z  ${plan.summary}`)}  wanted ${plan.wanted} (${pools}), $${plan.pricePerHour.toFixed(2)}/h  ` +
      styleText('gray', `trigger ${record.trigger}, ${Math.round(record.durationMs)} ms`),
  ];
  for (const [index, command] of plan.commands.entries()) {
    lines.push(`  → ${describeCommand(command)}  [${describeResult(record.results[index])}]`);
    lines.push(styleText('gray', `      ${command.reason}`));
  }
  for (const reason of plan.reasons) {
    lines.push(`  ${reason.rule.padEnd(18)} ${reason.text}`);
    lines.push(styleText('gray', `  ${''.padEnd(18)} ${numbers(reason.numbers)}`));
  }
  for (const failure of record.failures) lines.push(styleText('red', `  ! ${failure}`));
  lines.push(styleText('gray', `  seen: ${numbers(plan.numbers)}`));
  return lines.join('\n');
}
