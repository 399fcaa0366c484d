import type { ModelReport } from '../../core/protocol/models.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { living, type PodStanding, standings } from './pods.ts';

export interface FollowOptions {
  reports(): Promise<ModelReport[]>;
  model: string;
  wanted: 'there' | 'gone';
  /** When the order was given. */
  since: Seconds;
  onLook(all: readonly PodStanding[]): void;
  signal: AbortSignal;
  now(): Seconds;
  /** Between two looks, milliseconds; default 1000. */
  everyMs?: number;
}

/** Looks until every pod has done what was ordered, or has said why not. @returns where they stand then, or when it was stopped */
export async function follow(options: FollowOptions): Promise<PodStanding[]> {
  const { reports, model, wanted, since, onLook, signal, now, everyMs = 1000 } = options;
  for (;;) {
    const all = standings(living(await reports(), now()), model, wanted, since);
    onLook(all);
    if (signal.aborted || all.every(({ state }) => state !== 'under way')) return all;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, everyMs);
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        resolve();
      }
      signal.addEventListener('abort', done, { once: true });
    });
  }
}
