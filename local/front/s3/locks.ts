/** Lets writers of one key through one after the other, and counts its deletions. */
export class KeyLocks {
  readonly #tails = new Map<string, { tail: Promise<void>; deletions: number }>();

  /**
   * Runs `write` when all earlier writers of `key` are done.
   * @param write is told whether the key was deleted between the call and its turn
   */
  async run<T>(key: string, deletes: boolean, write: (deletedMeanwhile: boolean) => Promise<T>): Promise<T> {
    const entry = this.#tails.get(key) ?? { tail: Promise.resolve(), deletions: 0 };
    this.#tails.set(key, entry);
    const { deletions, tail } = entry;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    entry.tail = done;
    await tail;
    try {
      const result = await write(entry.deletions !== deletions);
      if (deletes) entry.deletions++;
      return result;
    } finally {
      if (entry.tail === done) this.#tails.delete(key);
      resolve();
    }
  }
}
