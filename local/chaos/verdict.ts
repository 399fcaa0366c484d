import type { FaultKind } from './plan.ts';

/** A result as a client reads it. */
export interface Reading {
  status: 'completed' | 'failed' | 'cancelled' | 'deleted';
  /** Of everything in it: two readings that differ are two results. */
  digest: string;
  /** Why it failed, as the result says. */
  reason: string;
  /** Of a completed one: which answer it is, and whether it says that it answers this request. */
  answer: string | undefined;
  isOwn: boolean;
}

/** The gateway says that there is no such response. */
export const NOT_FOUND = 'not found';

/** What OpenAI's client was told at the end. */
export interface Told {
  /** The response's, or `NOT_FOUND`. */
  status: string;
  answer: string | undefined;
}

/** What was seen of one request that was accepted. */
export interface RequestTrail {
  id: string;
  via: 'queue' | 'gateway' | 'openai';
  /** Epoch milliseconds, as all times. */
  submittedAt: number;
  /** How many messages there were of it. */
  sent: number;
  /**
   * Whether it may be worked on twice at once: more than one message was sent, one was delivered twice on purpose, or a call that
   * keeps one hidden was refused or its answer lost.
   */
  isDisturbed: boolean;
  /** When a message of it was handed to a worker. */
  deliveries: number[];
  /** What the model servers did for it. */
  runs: { pod: string; startedAt: number; end?: 'finished' | 'cut-off'; endedAt?: number }[];
  /** When a result was written (not refused). */
  writes: number[];
  /** In the order in which they were read, the last one at the end of the run; those that are equal count once. */
  readings: Reading[];
  /** Of `readings`, at the end of the run; undefined: there was no result. */
  last: Reading | undefined;
  /** By the gateway, to a client that waited for the end; undefined: it was never told of one. */
  told?: Told | undefined;
  /** Its status object at the end, where no result ended it. */
  status?: string;
}

/** What is wrong with a request. */
export type Wrong =
  | 'lost'
  | 'taken back'
  | 'its client never heard of the end'
  | 'its client was told something else'
  | 'answered twice'
  | 'two different results'
  | 'worked on twice at once'
  | 'failed without a reason'
  | "another request's answer";

const LOST: readonly Wrong[] = ['lost', 'taken back', 'its client never heard of the end'];
const DUPLICATED: readonly Wrong[] = [
  'answered twice',
  'two different results',
  'its client was told something else',
];

export interface Verdict {
  requests: { submitted: number; succeeded: number; failed: number; lost: number; duplicated: number };
  /** In the order of submission. */
  offenders: { trail: RequestTrail; wrongs: Wrong[] }[];
  /** What else is wrong with the run, in sentences. */
  problems: string[];
  holds: boolean;
}

export interface Evidence {
  trails: readonly RequestTrail[];
  /** How many requests were to be submitted. */
  wanted: number;
  /** Messages in the queue at the end: waiting, hidden or delayed. */
  leftInQueue: number;
  /** For so long a message stays hidden unless its worker extends that. */
  visibilitySeconds: number;
  /** Planned faults of each kind, and how many happened. */
  faults: ReadonlyMap<FaultKind, { planned: number; happened: number }>;
}

/**
 * Whether nothing was lost and nothing answered twice: each accepted request ended, once and for good, completed or failed with a
 * reason, and none was taken from a worker that was at it. A run in which a kind of fault never happened, that did not send all its
 * requests, or in which none took longer than its message stays hidden, proves nothing: it does not hold.
 */
export function judge({ trails, wanted, leftInQueue, visibilitySeconds, faults }: Evidence): Verdict {
  const judged = trails.map((trail) => ({ trail, wrongs: wrongsOf(trail) }));
  const count = (fits: (trail: RequestTrail, wrongs: Wrong[]) => boolean): number =>
    judged.filter(({ trail, wrongs }) => fits(trail, wrongs)).length;
  const offenders = judged.filter(({ wrongs }) => wrongs.length > 0);
  const problems = [
    ...(trails.length < wanted ? [`Only ${trails.length} of ${wanted} requests could be submitted.`] : []),
    ...(leftInQueue > 0 ? [`${leftInQueue} messages were still in the queue at the end.`] : []),
    ...(trails.some((trail) => outlives(trail, visibilitySeconds * 1000))
      ? []
      : [`No request took longer than its message stays hidden: the run says nothing about extending that.`]),
    ...[...faults]
      .filter(([, { planned, happened }]) => planned > 0 && happened === 0)
      .map(([kind]) => `No fault of the kind ${kind} happened: the run says nothing about it.`),
  ];
  return {
    requests: {
      submitted: trails.length,
      succeeded: count(({ last }) => last?.status === 'completed'),
      failed: count(({ last }) => last?.status === 'failed'),
      lost: count((_, wrongs) => wrongs.some((wrong) => LOST.includes(wrong))),
      duplicated: count((_, wrongs) => wrongs.some((wrong) => DUPLICATED.includes(wrong))),
    },
    offenders,
    problems,
    holds: offenders.length === 0 && problems.length === 0,
  };
}

/** Whether it was generated in one go, for longer than this, and nothing excuses a second delivery meanwhile. */
const outlives = ({ isDisturbed, runs }: RequestTrail, ms: number): boolean =>
  !isDisturbed &&
  runs.some(({ startedAt, end, endedAt = 0 }) => end === 'finished' && endedAt - startedAt > ms);

/** What was cut off is handed back at once, and its end may be heard of after its next delivery. */
const LATE_MS = 1000;

/** Whether a message was delivered again while a model server was at it and went on for a while. */
const isDeliveredMeanwhile = ({ deliveries, runs }: RequestTrail): boolean =>
  deliveries.some((at) =>
    runs.some(({ startedAt, endedAt = 0 }) => startedAt < at && endedAt > at + LATE_MS),
  );

function wrongsOf(trail: RequestTrail): Wrong[] {
  const { via, writes, readings, last, told } = trail;
  const wrongs: Wrong[] = [];
  if (last === undefined) wrongs.push('lost');
  // Nobody cancels or deletes in this run.
  if (last?.status === 'cancelled' || last?.status === 'deleted') wrongs.push('taken back');
  if (via === 'openai' && last) {
    // Who is told that there is no such response has not been told of two.
    if (!told || told.status === NOT_FOUND) wrongs.push('its client never heard of the end');
    else if (told.status !== last.status || told.answer !== last.answer)
      wrongs.push('its client was told something else');
  }
  if (writes.length > 1) wrongs.push('answered twice');
  if (new Set(readings.map(({ digest }) => digest)).size > 1) wrongs.push('two different results');
  if (!trail.isDisturbed && isDeliveredMeanwhile(trail)) wrongs.push('worked on twice at once');
  if (last?.status === 'failed' && last.reason.trim() === '') wrongs.push('failed without a reason');
  if (last?.status === 'completed' && !last.isOwn) wrongs.push("another request's answer");
  return wrongs;
}
