import { styleText } from 'node:util';
import type { CommandResult, PlanRecord } from '../adapters/aws/fleet-state.ts';
import type { Command, Seconds } from '../core/scaling/types.ts';

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

/** A tick as it is told: what an earlier one has begun already stands apart from what is new in it. */
export interface ToldTick {
  record: PlanRecord;
  /** Warm-ups that go on: replica and when the first tick asked for it, epoch seconds. */
  warming: { replica: string; since: Seconds }[];
}

/**
 * Each tick asks for the warm-up of every cold replica, for only the first start counts; the story names it once.
 * @param records oldest first
 */
export function tellTicks(records: readonly PlanRecord[]): ToldTick[] {
  const since = new Map<string, Seconds>();
  return records.map((record) => {
    const warming = record.plan.commands.flatMap((command) => {
      if (command.kind !== 'warm-up') return [];
      const begun = since.get(command.podUid);
      if (begun === undefined) since.set(command.podUid, record.plan.at);
      return begun === undefined ? [] : [{ replica: command.replica, since: begun }];
    });
    return { record, warming };
  });
}

/** True for a tick that changed nothing, began nothing and had nothing to complain of. */
export const isQuiet = ({ record, warming }: ToldTick): boolean =>
  record.plan.commands.length === warming.length && record.failures.length === 0;

function numbers(values: Record<string, number>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${Number(value.toFixed(3))}`)
    .join(', ');
}

const timeOf = (at: Seconds): string => new Date(at * 1000).toISOString().slice(0, 19).replace('T', ' ');

function describeWarming(warming: ToldTick['warming']): string {
  const bySince = Map.groupBy(warming, ({ since }) => since);
  const groups = [...bySince].map(
    ([since, some]) => `${some.map(({ replica }) => replica).join(', ')} since ${timeOf(since).slice(11)}`,
  );
  return `  … warming: ${groups.join('; ')}`;
}

/** One tick: what it decided, why, with which numbers, and what became of it. */
export function explainTick({ record, warming }: ToldTick): string {
  const { plan } = record;
  const known = new Set(warming.map(({ replica }) => replica));
  const pools = Object.entries(plan.wantedByPool)
    .map(([pool, wanted]) => `${pool} ${wanted}`)
    .join(', ');
  const lines = [
    `${styleText('bold', `${timeOf(plan.at)}Z  ${plan.summary}`)}  wanted ${plan.wanted} (${pools}), $${plan.pricePerHour.toFixed(2)}/h  ` +
      styleText('gray', `trigger ${record.trigger}, ${Math.round(record.durationMs)} ms`),
  ];
  for (const [index, command] of plan.commands.entries()) {
    if (command.kind === 'warm-up' && known.has(command.replica)) continue;
    lines.push(`  → ${describeCommand(command)}  [${describeResult(record.results[index])}]`);
    lines.push(styleText('gray', `      ${command.reason}`));
  }
  if (warming.length > 0) lines.push(describeWarming(warming));
  for (const reason of plan.reasons) {
    lines.push(`  ${reason.rule.padEnd(18)} ${reason.text}`);
    lines.push(styleText('gray', `  ${''.padEnd(18)} ${numbers(reason.numbers)}`));
  }
  for (const failure of record.failures) lines.push(styleText('red', `  ! ${failure}`));
  lines.push(styleText('gray', `  seen: ${numbers(plan.numbers)}`));
  return lines.join('\n');
}
