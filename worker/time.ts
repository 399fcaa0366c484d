import { setTimeout as delay } from 'node:timers/promises';
import { UnavailableError } from '../adapters/errors.ts';
import type { Log } from './log.ts';

/** Resolves after so many milliseconds, or at once when the signal fires. Tests pass their own clock. */
export type Sleep = (ms: number, signal?: AbortSignal) => Promise<void>;

export const sleep: Sleep = (ms, signal) => delay(ms, undefined, signal ? { signal } : {}).catch(() => {});

/** Doubles from `base` with each step (first step 1), never beyond `cap`. Same unit in and out. */
export const backoff = (step: number, base: number, cap: number): number =>
  Math.min(cap, base * 2 ** Math.min(30, Math.max(0, step - 1)));

const ATTEMPTS = 5;

/** Repeats a call that is safe to repeat while the service is unavailable; about three seconds in all. */
export async function persist<T>(call: () => Promise<T>, wait: Sleep, log: Log): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof UnavailableError) || attempt >= ATTEMPTS) throw error;
      log.warn('a call failed and is repeated', { error, attempt });
      await wait(backoff(attempt, 200, 2000));
    }
  }
}

export interface Deadline {
  readonly signal: AbortSignal;
  readonly isOver: boolean;
  /** Call it when the work is done. */
  clear(): void;
}

/**
 * Fires after so many milliseconds or with its parent. Unlike `AbortSignal.any` it leaves nothing behind on a parent
 * that lives as long as the process.
 */
export function deadline(ms: number, parent: AbortSignal): Deadline {
  const controller = new AbortController();
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    controller.abort();
  }, ms).unref();
  const follow = () => controller.abort();
  if (parent.aborted) follow();
  else parent.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    get isOver() {
      return isOver;
    },
    clear() {
      clearTimeout(timer);
      parent.removeEventListener('abort', follow);
    },
  };
}
