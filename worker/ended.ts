import type { ResultStore } from '../adapters/aws/results.ts';
import type { Log } from './log.ts';
import type { Sleep } from './time.ts';

/** How soon a worker notices that a request was cancelled, milliseconds. */
const LOOK_MS = 2000;

export interface EndWatch {
  /** Fires when the request has ended elsewhere, and with the parent. */
  readonly signal: AbortSignal;
  /** Whether a result is there. */
  readonly hasEnded: boolean;
  /** Call it when the attempt is over. */
  stop(): void;
}

/** Looks whether someone else ends the request while it is worked on: it was cancelled, or a second delivery was faster. */
export function watchForEnd(
  key: string,
  parent: AbortSignal,
  { results, sleep, log }: { results: ResultStore; sleep: Sleep; log: Log },
): EndWatch {
  const controller = new AbortController();
  const stopped = new AbortController();
  let hasEnded = false;
  const follow = () => controller.abort();
  if (parent.aborted) follow();
  else parent.addEventListener('abort', follow, { once: true });
  void (async () => {
    for (;;) {
      await sleep(LOOK_MS, stopped.signal);
      if (stopped.signal.aborted) return;
      try {
        hasEnded = await results.exists(key);
      } catch (error) {
        log.warn('whether a request was cancelled could not be read', { error });
      }
      if (hasEnded) return controller.abort();
    }
  })();
  return {
    signal: controller.signal,
    get hasEnded() {
      return hasEnded;
    },
    stop() {
      stopped.abort();
      parent.removeEventListener('abort', follow);
    },
  };
}
