import Table from 'cli-table3';
import { tableStyle } from '../table.ts';
import { type FaultKind, KINDS } from './plan.ts';
import type { ChaosOutcome } from './play.ts';
import type { FaultCounts } from './tally.ts';
import type { RequestTrail, Verdict } from './verdict.ts';

/** What `paddock chaos --json` prints. */
export interface ChaosResult {
  requests: Verdict['requests'];
  faults: FaultCounts;
  seed: number;
  seconds: number;
}

export const resultOf = ({ verdict, tally, seed, seconds }: ChaosOutcome): ChaosResult => ({
  requests: verdict.requests,
  faults: tally.counts,
  seed,
  seconds: Math.round(seconds * 10) / 10,
});

const WORDS: Record<FaultKind, string> = {
  'worker-killed': 'workers killed while they generated',
  'worker-killed-after-result': 'workers killed when the result was written',
  'worker-killed-after-delete': 'workers killed when the message was deleted',
  'pod-evicted': 'pods evicted',
  'node-lost': 'nodes lost',
  'apiserver-restarted': 'API server restarts',
  'tick-killed': 'ticks killed',
  duplicates: 'messages delivered twice',
  'out-of-order': 'messages delivered out of order',
  'sqs-throttled': 'calls to SQS throttled',
  'sqs-errors': 'calls to SQS answered 5xx',
  'sqs-answers-lost': 'calls to SQS done, and answered 5xx',
  's3-throttled': 'calls to S3 throttled',
  's3-errors': 'calls to S3 answered 5xx',
  's3-answers-lost': 'calls to S3 done, and answered 5xx',
};

const OFFENDERS_SHOWN = 10;

/** The result as a person reads it; with what is wrong, what was seen of it, and how to see it again. */
export function chaosText(outcome: ChaosOutcome): string {
  const { verdict, seed, seconds } = outcome;
  const { requests } = verdict;
  const lines = [
    '',
    `${requests.submitted} requests in ${seconds.toFixed(0)} s: ${requests.succeeded} completed, ${requests.failed} failed with a reason, ` +
      `${requests.lost} lost, ${requests.duplicated} with two results`,
    table(outcome),
    verdict.holds
      ? 'Nothing was lost, and nothing answered twice.'
      : `It does not hold. The same faults again: npm run paddock -- chaos --requests ${outcome.wanted} --seed ${seed}`,
    ...verdict.problems,
    ...verdict.offenders.slice(0, OFFENDERS_SHOWN).map(({ trail, wrongs }) => trailText(trail, wrongs)),
  ];
  const more = verdict.offenders.length - OFFENDERS_SHOWN;
  return [...lines, ...(more > 0 ? [`and ${more} more requests`] : [])].join('\n');
}

function table({ tally, verdict, refused, deadLetters, trails }: ChaosOutcome): string {
  const rows = new Table({
    head: ['what happened', 'times'],
    colAligns: ['left', 'right'],
    style: tableStyle(),
  });
  for (const kind of KINDS) rows.push([WORDS[kind], tally.of(kind)]);
  const sum = (of: (trail: RequestTrail) => number): number => trails.reduce((n, trail) => n + of(trail), 0);
  rows.push(
    ['submissions refused, and repeated', refused],
    ['deliveries', sum(({ deliveries }) => deliveries.length)],
    ['deliveries of one request, at most', Math.max(0, ...trails.map(({ deliveries }) => deliveries.length))],
    ['generations begun', sum(({ runs }) => runs.length)],
    ['generations cut off', sum(({ runs }) => runs.filter(({ end }) => end === 'cut-off').length)],
    ['results written', sum(({ writes }) => writes.length)],
    ['seconds from submission to result, at most', Math.max(0, ...trails.map(secondsToResult)).toFixed(1)],
    ['dead letters', deadLetters],
    ['requests that something is wrong with', verdict.offenders.length],
  );
  return rows.toString();
}

const secondsToResult = ({ submittedAt, writes: [first = submittedAt] }: RequestTrail): number =>
  (first - submittedAt) / 1000;

/** What was seen of one request, times in seconds after its submission. */
function trailText(trail: RequestTrail, wrongs: readonly string[]): string {
  const after = (at: number): string => `+${((at - trail.submittedAt) / 1000).toFixed(2)} s`;
  const runs = trail.runs.map(
    ({ pod, startedAt, end, endedAt }) =>
      `${pod} ${after(startedAt)} ${end && endedAt ? `${end} ${after(endedAt)}` : 'no end seen'}`,
  );
  return [
    `${trail.id} (${trail.via}, ${new Date(trail.submittedAt).toISOString()}): ${wrongs.join(', ')}`,
    `  delivered ${trail.deliveries.map(after).join(', ') || 'never'}`,
    `  generated ${runs.join('; ') || 'never'}`,
    `  result written ${trail.writes.map(after).join(', ') || 'never'}`,
    `  read ${trail.readings.map(({ status, reason, answer }) => `${status} ${answer ?? reason}`).join('; then ') || 'never'}`,
    ...(trail.told ? [`  its client was told ${trail.told.status} ${trail.told.answer ?? ''}`] : []),
    ...(trail.status === undefined ? [] : [`  status ${trail.status}`]),
  ].join('\n');
}
