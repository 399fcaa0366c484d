import type { DeadLetter } from '../../adapters/aws/dead-letters.ts';
import { readQueuedRequest } from '../../core/protocol/request.ts';
import { type Dlq, type Walk, walk } from './queue.ts';
import { isNamed, type Known, type LetterRow, learn, rowOf } from './read.ts';
import { purge, redrive } from './redrive.ts';

/** Which letters a person means: `undefined` is all of them. */
export type Names = ReadonlySet<string> | undefined;

/** What became of the letters. */
export interface Outcome {
  /** How many of each kind. */
  counts: Record<string, number>;
  failures: { id: string; error: string }[];
  /** Names that fit no letter. */
  missing: string[];
}

/** All letters, oldest first. */
export async function listLetters(dlq: Dlq, options: Walk): Promise<LetterRow[]> {
  const rows: LetterRow[] = [];
  await walk(dlq.letters, options, async (letter) => {
    rows.push(rowOf(await learnOr(letter, dlq), dlq));
    return 'kept';
  });
  return rows.sort((a, b) => b.ageSeconds - a.ageSeconds || a.id.localeCompare(b.id));
}

/** Undefined when there is no such letter. */
export async function findLetter(name: string, dlq: Dlq, options: Walk): Promise<Known | undefined> {
  let found: DeadLetter | undefined;
  await walk(dlq.letters, options, async (letter) => {
    if (isNamed(letter, dlq.fleet, new Set([name])) === undefined) return 'kept';
    found = letter;
    return 'done';
  });
  return found && (await learn(found, dlq));
}

/** One that can't be read shows in the list too, with the reason. */
async function learnOr(letter: DeadLetter, dlq: Dlq): Promise<Known> {
  try {
    return await learn(letter, dlq);
  } catch (error) {
    if (!(error instanceof SyntaxError || (error as Error).name === 'ZodError')) throw error;
    const problem = `what is stored of it can not be understood`;
    return { letter, request: undefined, problem, status: undefined, result: undefined };
  }
}

/** Redrives letters; two with the same request are one. A failure is told at the end, and does not stop the others. */
export async function redriveLetters(names: Names, dlq: Dlq, options: Walk): Promise<Outcome> {
  const redriven = new Map<string, Promise<string>>();
  return await each(names, dlq, options, async (letter) => {
    const request = readQueuedRequest(letter.body, dlq.fleet);
    const id = typeof request === 'string' ? letter.messageId : request.id;
    const first = redriven.get(id);
    if (first) {
      await first;
      await dlq.letters.delete(letter.receipt);
      return 'a second letter of the same request';
    }
    const attempt = redrive(letter, dlq);
    redriven.set(id, attempt);
    return await attempt;
  });
}

/** Deletes letters for good; responses that have not ended end as failed. */
export async function purgeLetters(names: Names, dlq: Dlq, options: Walk): Promise<Outcome> {
  return await each(names, dlq, options, async (letter) => {
    await purge(letter, dlq);
    return 'purged';
  });
}

async function each(
  names: Names,
  dlq: Dlq,
  options: Walk,
  act: (letter: DeadLetter) => Promise<string>,
): Promise<Outcome> {
  const outcome: Outcome = { counts: {}, failures: [], missing: [] };
  const found = new Set<string>();
  await walk(dlq.letters, options, async (letter) => {
    const name = names ? isNamed(letter, dlq.fleet, names) : letter.messageId;
    if (name === undefined || options.signal?.aborted) return 'kept';
    found.add(name);
    try {
      const end = await act(letter);
      outcome.counts[end] = (outcome.counts[end] ?? 0) + 1;
      return end === 'foreign' ? 'kept' : 'gone';
    } catch (error) {
      outcome.failures.push({ id: name, error: error instanceof Error ? error.message : String(error) });
      return 'kept';
    }
  });
  outcome.missing = [...(names ?? [])].filter((name) => !found.has(name));
  return outcome;
}
