import { quantile } from '../statistics.ts';
import { agreement } from './agreement.ts';

/** A prompt whose answer tells whether a model still works. */
export interface GoldenPrompt {
  name: string;
  prompt: string;
  /** A right answer matches it (regular expression, case aside); left out: only likeness counts. */
  expect?: string | undefined;
}

/** What came of one prompt at one replica. */
export interface Answer {
  prompt: string;
  ok: boolean;
  /** Why not. */
  error?: string | undefined;
  text: string;
  /** Wall time of the whole answer. */
  seconds: number;
  tokens: number;
}

/** One side of a comparison, summed over its rounds. */
export interface Side {
  sent: number;
  failed: number;
  /** The last failure's words. */
  error: string;
  /** Seconds per token of the answers, the newest last. */
  pace: number[];
  /** Sum of likeness to the reference answers, and of how many. */
  likeness: number;
  compared: number;
  /** Prompts with an expectation, and how many of them were met. */
  expected: number;
  met: number;
}

/** What a canary did beside the replicas that serve. Small enough to travel through a state machine. */
export interface Tally {
  rounds: number;
  canary: Side;
  rest: Side;
  /** First answer of the rest to each prompt, by name. */
  reference: Record<string, string>;
}

/** As much as tells one answer from another. */
const REFERENCE_CHARACTERS = 400;
const PACE_KEPT = 100;

const newSide = (): Side => ({
  sent: 0,
  failed: 0,
  error: '',
  pace: [],
  likeness: 0,
  compared: 0,
  expected: 0,
  met: 0,
});

export const newTally = (): Tally => ({ rounds: 0, canary: newSide(), rest: newSide(), reference: {} });

/** Adds a round. Answers of the rest come first into the reference, so the first round compares the canary too. */
export function addRound(
  tally: Tally,
  golden: readonly GoldenPrompt[],
  answers: { canary: readonly Answer[]; rest: readonly Answer[] },
): Tally {
  const reference = { ...tally.reference };
  const known = new Set(Object.keys(reference));
  for (const { prompt, ok, text } of answers.rest)
    if (ok && !known.has(prompt)) reference[prompt] ??= text.slice(0, REFERENCE_CHARACTERS);
  const byName = new Map(golden.map((one) => [one.name, one]));
  const add = (side: Side, list: readonly Answer[], isNew: (prompt: string) => boolean): Side =>
    list.reduce((sum, answer) => addAnswer(sum, answer, byName, reference, isNew), side);
  return {
    rounds: tally.rounds + 1,
    canary: add(tally.canary, answers.canary, () => true),
    // Its first answer is the reference: like itself, it says nothing of how much answers differ by nature.
    rest: add(tally.rest, answers.rest, (prompt) => known.has(prompt)),
    reference,
  };
}

function addAnswer(
  side: Side,
  answer: Answer,
  golden: ReadonlyMap<string, GoldenPrompt>,
  reference: Readonly<Record<string, string>>,
  counts: (prompt: string) => boolean,
): Side {
  if (!answer.ok)
    return { ...side, sent: side.sent + 1, failed: side.failed + 1, error: answer.error ?? 'failed' };
  const expect = golden.get(answer.prompt)?.expect;
  const likened = reference[answer.prompt] !== undefined && counts(answer.prompt);
  const text = answer.text.slice(0, REFERENCE_CHARACTERS);
  return {
    ...side,
    sent: side.sent + 1,
    pace: [...side.pace, answer.seconds / Math.max(1, answer.tokens)].slice(-PACE_KEPT),
    likeness: side.likeness + (likened ? agreement(text, reference[answer.prompt] ?? '') : 0),
    compared: side.compared + Number(likened),
    expected: side.expected + Number(expect !== undefined),
    met: side.met + Number(expect !== undefined && new RegExp(expect, 'i').test(answer.text)),
  };
}

/** Median of its seconds per token; 0 without an answer. */
export const medianPace = ({ pace }: Side): number =>
  quantile(
    pace.toSorted((a, b) => a - b),
    0.5,
  );
