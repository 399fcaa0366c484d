import { setTimeout as delay } from 'node:timers/promises';
import { type ChaosClient, untilAccepted } from './clients.ts';
import type { ChaosRecorder } from './recorder.ts';

export interface LoadOptions {
  /** How much each request generates, tokens. */
  sizes: readonly number[];
  clientFor(number: number): ChaosClient;
  recorder: ChaosRecorder;
  /** Called after each acceptance: faults may be due. */
  onAccepted(id: string, via: ChaosClient['via']): void;
  /** Whether faults still want traffic: the end of the load waits for them. */
  wantsMore(): boolean;
  onRefused(): void;
  signal: AbortSignal;
}

/** Requests that wait for their answers at a time: enough for a queue in which order means something. */
const OUTSTANDING = 200;
/** Submissions under way at a time. */
const SENDERS = 16;
/** A small run is spread over this time, so that its faults meet traffic, seconds. */
const MIN_SECONDS = 30;
/** While faults want traffic, the last requests come at this pace. */
const RESERVE = { share: 0.1, min: 40, everyMs: 250 };
const LOOK_MS = 20;

/** Submits the requests, as fast as the system answers them. Resolves when the last one is accepted, or the signal fires. */
export async function playLoad(options: LoadOptions): Promise<void> {
  const { sizes, clientFor, recorder, signal, onAccepted, onRefused } = options;
  const turn = turns(options);
  let next = 0;
  const send = async (): Promise<void> => {
    for (let number = next++; number < sizes.length; number = next++) {
      await turn(number);
      const client = clientFor(number);
      const outputTokens = sizes[number] as number;
      const id = await untilAccepted(client, { number, outputTokens }, signal, onRefused);
      recorder.accepted(id, client.via);
      onAccepted(id, client.via);
    }
  };
  await Promise.all(Array.from({ length: Math.min(SENDERS, sizes.length) }, send)).catch((error) => {
    if (!signal.aborted) throw error;
  });
}

/** When each request may be sent. */
function turns({ sizes, recorder, wantsMore, signal }: LoadOptions): (number: number) => Promise<void> {
  const begun = Date.now();
  const spacingMs = (MIN_SECONDS * 1000) / sizes.length;
  const reserve = sizes.length - Math.max(RESERVE.min, Math.floor(sizes.length * RESERVE.share));
  let heldUntil = 0;
  return async (number) => {
    const wait = begun + number * spacingMs - Date.now();
    if (wait > 0) await delay(wait, undefined, { signal });
    while (recorder.unread.size >= OUTSTANDING) await delay(LOOK_MS, undefined, { signal });
    if (number < reserve) return;
    heldUntil = Math.max(heldUntil, Date.now()) + RESERVE.everyMs;
    const until = heldUntil;
    while (wantsMore() && Date.now() < until) await delay(LOOK_MS, undefined, { signal });
  };
}
