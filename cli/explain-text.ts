import { styleText } from 'node:util';
import type { CommandResult, PlanRecord } from '../adapters/aws/fleet-state.ts';
import { LEAD_PARTS, type LeadPart } from '../core/scaling/lead.ts';
import type { ColdReplica, Command, LearnedLead, Seconds } from '../core/scaling/types.ts';

/** What a command does, in words an on-call engineer reads at night. */
function describeCommand(command: Command): string {
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
    case 'protect-instances': {
      const count = command.instanceIds.length;
      return `${command.pool}: ${command.isProtected ? 'protect' : 'unprotect'} ${count} instance${count === 1 ? '' : 's'} from scale-in`;
    }
    case 'terminate-instance':
      return `${command.pool}: terminate the emptied instance ${command.instanceId}`;
    case 'warm-up':
      return `${command.pool}: warm up ${command.replica}`;
    case 'replace-pod':
      return `${command.pool}: replace ${command.replica}`;
    case 'recycle-node':
      return `${command.pool}: terminate ${command.instanceId}, the node of ${command.replica}`;
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

/** A tick as it is told: what an earlier one has begun already is not told again. */
export interface ToldTick {
  record: PlanRecord;
  /** Warm-ups among its commands that an earlier tick asked for already. */
  repeated: ReadonlySet<Command>;
}

/**
 * A warm-up is asked for again while its replica is cold, for only the first start of an attempt counts; the story names it once.
 * @param records oldest first
 */
export function tellTicks(records: readonly PlanRecord[]): ToldTick[] {
  const begun = new Set<string>();
  return records.map((record) => {
    const repeated = new Set<Command>();
    for (const command of record.plan.commands) {
      if (command.kind !== 'warm-up') continue;
      const attempt = command.attempt ?? command.podUid;
      if (begun.has(attempt)) repeated.add(command);
      begun.add(attempt);
    }
    return { record, repeated };
  });
}

/** True for a tick that changed nothing, began nothing and had nothing to complain of. */
export const isQuiet = ({ record, repeated }: ToldTick): boolean =>
  record.plan.commands.length === repeated.size && record.failures.length === 0;

function numbers(values: Record<string, number>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${Number(value.toFixed(3))}`)
    .join(', ');
}

const timeOf = (at: Seconds): string => new Date(at * 1000).toISOString().slice(0, 19).replace('T', ' ');

/** More than this would hide the rest. */
const COLD_SHOWN = 6;

/** Replicas that are not warm, those that fail first. */
export function describeCold(cold: readonly ColdReplica[]): string {
  const ordered = cold.toSorted((a, b) => b.failures - a.failures || b.seconds - a.seconds);
  const shown = ordered.slice(0, COLD_SHOWN).map(({ replica, seconds, reason, failures }) => {
    const tries = failures === 0 ? '' : `, ${failures} failed attempt${failures === 1 ? '' : 's'}`;
    return `${replica} for ${seconds} s${tries} (${reason})`;
  });
  if (cold.length > COLD_SHOWN) shown.push(`and ${cold.length - COLD_SHOWN} more`);
  return `not warm: ${shown.join('; ')}`;
}

const PART_NAMES: Record<LeadPart, string> = {
  boot: 'node',
  image: 'image',
  fill: 'fill',
  load: 'load',
  firstToken: 'first token',
  other: 'other',
};

/** `main: 95 s = node 40 + image 20 + fill 25 + load 8 + first token 1 + other 1, ± 4`. */
export function describeLead(pool: string, { seconds, parts, deviation }: LearnedLead): string {
  const sum = LEAD_PARTS.map((part) => `${PART_NAMES[part]} ${parts[part]}`).join(' + ');
  return `${pool}: ${seconds} s = ${sum}, ± ${deviation}`;
}

/** One tick: what it decided, why, with which numbers, and what became of it. */
export function explainTick({ record, repeated }: ToldTick): string {
  const { plan } = record;
  const pools = Object.entries(plan.wantedByPool)
    .map(([pool, wanted]) => `${pool} ${wanted}`)
    .join(', ');
  const lines = [
    `${styleText('bold', `${timeOf(plan.at)}Z  ${plan.summary}`)}  wanted ${plan.wanted} (${pools}), ${priceOf(plan)}  ` +
      styleText('gray', `trigger ${record.trigger}, ${Math.round(record.durationMs)} ms`),
  ];
  for (const [index, command] of plan.commands.entries()) {
    if (repeated.has(command)) continue;
    lines.push(`  → ${describeCommand(command)}  [${describeResult(record.results[index])}]`);
    lines.push(styleText('gray', `      ${command.reason}`));
  }
  if (plan.cold) lines.push(`  … ${describeCold(plan.cold)}`);
  for (const reason of plan.reasons) {
    lines.push(`  ${reason.rule.padEnd(18)} ${reason.text}`);
    lines.push(styleText('gray', `  ${''.padEnd(18)} ${numbers(reason.numbers)}`));
  }
  for (const failure of record.failures) lines.push(styleText('red', `  ! ${failure}`));
  for (const [pool, lead] of Object.entries(plan.leads ?? {})) {
    lines.push(styleText('gray', `  lead time of ${describeLead(pool, lead)}`));
  }
  lines.push(styleText('gray', `  seen: ${numbers(plan.numbers)}`));
  return lines.join('\n');
}

/** Of the nodes that there are, and of those that the plan wants. */
function priceOf({ pricePerHour, pricePerHourNow = pricePerHour }: PlanRecord['plan']): string {
  const [now, after] = [pricePerHourNow.toFixed(2), pricePerHour.toFixed(2)];
  return now === after ? `$${after}/h` : `$${now} → $${after}/h`;
}
