import { type DeadLetter, type DeadLetters, lookThrough } from '../../adapters/aws/dead-letters.ts';
import type { RequestQueue } from '../../adapters/aws/queue.ts';
import type { ResultStore, StatusStore } from '../../adapters/aws/results.ts';

/** A fleet's dead letters, and where their requests lie. */
export interface Dlq {
  fleet: string;
  letters: DeadLetters;
  /** How many there are, about; those that someone else looks at too. */
  count(): Promise<number>;
  /** Where the fleet's workers take from. */
  queue: RequestQueue;
  objects: ResultStore & StatusStore;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface Walk {
  /** Looking ends after the batch under way. */
  signal?: AbortSignal | undefined;
  /** Letters seen so far. */
  onProgress?: ((seen: number) => void) | undefined;
}

/**
 * Letters are hidden from sweeps and other people for so long at most, seconds: also when this process is killed. Who has
 * a letter decides about it alone.
 */
const HIDDEN_SECONDS = 120;

/**
 * Looks through all letters, ten at a time; those that `visit` has not taken out are seen by others again afterwards.
 *
 * @param visit whether it took the letter out of the queue; `done`: nothing more needs looking at
 * @throws what `visit` and the adapters throw
 */
export async function walk(
  letters: DeadLetters,
  { signal, onProgress }: Walk,
  visit: (letter: DeadLetter) => Promise<'kept' | 'gone' | 'done'>,
): Promise<void> {
  const held = new Set<string>();
  let seen = 0;
  try {
    for await (const batch of lookThrough(letters, HIDDEN_SECONDS)) {
      for (const { receipt } of batch) held.add(receipt);
      const ends = await Promise.all(
        batch.map(async (letter) => {
          const end = await visit(letter);
          if (end === 'gone') held.delete(letter.receipt);
          return end;
        }),
      );
      seen += batch.length;
      onProgress?.(seen);
      if (signal?.aborted || ends.includes('done')) break;
    }
  } finally {
    // What can't be released comes back by itself.
    await letters.release([...held]).catch(() => {});
  }
}
