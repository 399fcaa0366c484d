import Table from 'cli-table3';
import type { CachedModelReport, ModelReport } from '../../core/protocol/models.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { sizeText } from '../../core/warmup/room.ts';
import { tableStyle } from '../../local/table.ts';
import type { Mirrored } from './mirror.ts';
import type { Verb } from './orders.ts';
import type { PodStanding } from './pods.ts';

/** `3 min ago`; empty for never. */
export function agoText(at: Seconds, now: Seconds): string {
  if (at === 0) return '';
  const seconds = Math.max(0, Math.round(now - at));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 129_600 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86_400)} d ago`;
}

function stateText({ phase, completedBytes = 0, bytes, source, loaded, failure }: CachedModelReport): string {
  if (phase === 'filling')
    return `${bytes > 0 ? Math.floor((100 * completedBytes) / bytes) : 0}% from the ${source ?? 'mirror'}`;
  if (phase === 'failed') return `failed: ${failure ?? 'no reason given'}`;
  if (phase === 'waiting') return 'waiting';
  return `${loaded ? 'loaded' : 'on disk'}${failure ? `; ${failure}` : ''}`;
}

export function listText(fleet: string, pods: readonly ModelReport[], now: Seconds): string {
  if (pods.length === 0)
    return `No pod of the fleet '${fleet}' reports its models. A new one does within a minute of its start.`;
  const table = new Table({
    head: ['pod', 'model', 'size', 'state', 'last use', 'kept because'],
    colAligns: ['left', 'left', 'right', 'left', 'right', 'left'],
    colWidths: [null, null, null, 46, null, null],
    wordWrap: true,
    style: tableStyle(),
  });
  for (const { pod, models } of pods) {
    if (models.length === 0) table.push([pod, '(none)', '', '', '', '']);
    for (const [index, entry] of models.entries()) {
      const why = [entry.served && 'served', entry.pinned ? 'pinned' : entry.ordered && 'ordered']
        .filter(Boolean)
        .join(', ');
      table.push([
        ...[index === 0 ? pod : '', entry.model, entry.bytes > 0 ? sizeText(entry.bytes) : ''],
        ...[stateText(entry), agoText(entry.lastUsedAt, now), why],
      ]);
    }
  }
  const disks = pods.map(
    ({ pod, usedBytes, limitBytes }) => `${pod} ${sizeText(usedBytes)} of ${sizeText(limitBytes)}`,
  );
  return `${table.toString()}\nroom for models: ${disks.join('; ')}`;
}

/** Of an order that nobody waits for. @param isNews whether it changes anything */
export function orderedText(verb: Verb, model: string, isNews: boolean): string {
  if (isNews || verb === 'pull' || verb === 'pin') return `Ordered: ${verb} ${model}.`;
  return verb === 'unpin' ? `${model} was not pinned.` : nobodyHad(model);
}

const nobodyHad = (model: string): string =>
  `No pod has ${model}, and none was to have it. Is the name right? 'paddock models list' shows them.`;

export interface Ordered {
  fleet: string;
  model: string;
  wanted: 'there' | 'gone';
  /** Whether it changes anything. */
  isNews: boolean;
}

/** What became of an order on each pod. */
export function standingsText(
  { fleet, model, wanted, isNews }: Ordered,
  all: readonly PodStanding[],
): string {
  if (wanted === 'gone' && !isNews) return nobodyHad(model);
  if (all.length === 0)
    return `No pod of the fleet '${fleet}' runs. Those that start ${wanted === 'there' ? 'keep' : 'delete'} ${model}.`;
  const done = all.filter(({ state }) => state === 'done').length;
  const isOne = all.length === 1;
  const verb = wanted === 'there' ? (isOne ? 'has' : 'have') : isOne ? 'is without' : 'are without';
  const failures = all
    .filter(({ state }) => state === 'failed')
    .map(({ pod, reason }) => `! ${pod}: ${reason}`);
  const undo =
    wanted === 'there' && failures.length > 0
      ? [`The order stands and is tried again; 'paddock models rm ${model}' takes it back.`]
      : [];
  return [`${done} of ${all.length} ${isOne ? 'pod' : 'pods'} ${verb} ${model}.`, ...failures, ...undo].join(
    '\n',
  );
}

export const mirroredText = ({ model, bytes, sentBytes, outcome }: Mirrored): string =>
  outcome === 'unchanged'
    ? `${model} (${sizeText(bytes)}) is in the mirror already.`
    : `${model} (${sizeText(bytes)}) is in the mirror; ${sizeText(sentBytes)} of it were sent.`;
