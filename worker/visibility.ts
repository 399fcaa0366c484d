import type { WorkQueue } from '../adapters/aws/queue.ts';
import { ConflictError } from '../adapters/errors.ts';
import type { Log } from './log.ts';
import type { Sleep } from './time.ts';

/**
 * Keeps a message hidden for as long as it is worked on, by pushing its visibility three times per period.
 * An extension that fails is tried again at the next push: if the message comes back meanwhile, another worker may
 * do the work too, and the result that is written first counts.
 * @returns stops the pushing; resolves when no push is under way, so that a hand-back is the last word
 */
export function keepHidden(
  queue: WorkQueue,
  receipt: string,
  visibilitySeconds: number,
  sleep: Sleep,
  log: Log,
): () => Promise<void> {
  const stop = new AbortController();
  const pushing = (async () => {
    for (;;) {
      await sleep((visibilitySeconds * 1000) / 3, stop.signal);
      if (stop.signal.aborted) return;
      try {
        await queue.setVisibility(receipt, visibilitySeconds);
      } catch (error) {
        log.warn('the visibility of a message could not be extended', { error });
        if (error instanceof ConflictError) return;
      }
    }
  })();
  return () => {
    stop.abort();
    return pushing;
  };
}
