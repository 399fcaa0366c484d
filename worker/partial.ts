import type { OutputSoFar } from '../adapters/ollama/assembly.ts';
import type { PartialAnswer } from '../core/protocol/status.ts';

/** An attempt that is shorter is not told of: most requests cost no write more. Milliseconds. */
const SHORTEST_GAP_MS = 2000;
/** Later the gaps grow with the attempt, by this share of its age: writes grow with the logarithm of time only. */
const SHARE_OF_AGE = 0.1;
/** Of text, and of reasoning: what comes after is shown when the answer is there. */
const MAX_CHARACTERS = 100_000;

/** When the next part of an answer may be written, after one was written, or the attempt began, at `at`. Milliseconds. */
export const nextWriteAt = (startedAt: number, at: number): number =>
  at + Math.max(SHORTEST_GAP_MS, (at - startedAt) * SHARE_OF_AGE);

/** Shows the readers of a response what there is of it so far, at a bounded rate: 14 times in half a minute, 45 in ten minutes. */
export class PartialOutput {
  readonly #note: { show(partial: PartialAnswer): Promise<boolean> };
  readonly #now: () => number;
  readonly #startedAt: number;
  #nextAt: number;
  #written = 0;
  /** While a write is under way; for good when none is wanted any more. */
  #isHeld = false;

  /** @param now epoch milliseconds */
  constructor(note: { show(partial: PartialAnswer): Promise<boolean> }, now: () => number) {
    this.#note = note;
    this.#now = now;
    this.#startedAt = now();
    this.#nextAt = nextWriteAt(this.#startedAt, this.#startedAt);
  }

  /** Call it with each piece. Never throws, and holds nothing up. */
  saw({ text, reasoning }: OutputSoFar): void {
    const at = this.#now();
    if (this.#isHeld || at < this.#nextAt) return;
    const partial = { text: text.slice(0, MAX_CHARACTERS), reasoning: reasoning.slice(0, MAX_CHARACTERS) };
    const length = partial.text.length + partial.reasoning.length;
    if (length === this.#written) return;
    this.#isHeld = true;
    this.#nextAt = nextWriteAt(this.#startedAt, at);
    void this.#note.show(partial).then((isWanted) => {
      this.#isHeld = !isWanted;
      this.#written = length;
    });
  }
}
