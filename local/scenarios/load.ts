import { setTimeout as delay } from 'node:timers/promises';

/** One request of a load: when it is sent, seconds after the start, and how large it is. */
export interface Arrival {
  offsetSeconds: number;
  promptTokens: number;
  outputTokens: number;
}

export interface LoadClient {
  /** Sends one request to the queue; resolves once SQS has it, with its id. */
  submit(arrival: Omit<Arrival, 'offsetSeconds'>): Promise<string>;
  whenReadable(id: string): Promise<void>;
  readonly signal: AbortSignal;
}

/** Sends each request at its own time whatever has been answered; resolves when the last one is in the queue. */
export async function openLoop(client: LoadClient, arrivals: readonly Arrival[]): Promise<void> {
  const startedAt = Date.now();
  const sends: Promise<string>[] = [];
  for (const arrival of arrivals) {
    const wait = startedAt + arrival.offsetSeconds * 1000 - Date.now();
    if (wait > 0) await delay(wait, undefined, { signal: client.signal });
    client.signal.throwIfAborted();
    sends.push(client.submit(arrival));
  }
  await Promise.all(sends);
}

/** Keeps `concurrency` requests under way until `total` have been answered. */
export async function closedLoop(
  client: LoadClient,
  options: { total: number; concurrency: number; promptTokens: number; outputTokens: number },
): Promise<void> {
  let sent = 0;
  const one = async (): Promise<void> => {
    while (sent < options.total) {
      sent += 1;
      client.signal.throwIfAborted();
      await client.whenReadable(await client.submit(options));
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, one));
}

/** Phases of an evenly spaced open loop: until which second, at which rate per second. */
export interface Phase {
  untilSeconds: number;
  perSecond: number;
}

export function evenly(phases: readonly Phase[], size = { promptTokens: 12, outputTokens: 60 }): Arrival[] {
  const arrivals: Arrival[] = [];
  let from = 0;
  for (const phase of phases) {
    const gap = 1 / phase.perSecond;
    for (let at = from + gap / 2; at < phase.untilSeconds; at += gap) {
      arrivals.push({ offsetSeconds: at, ...size });
    }
    from = phase.untilSeconds;
  }
  return arrivals;
}

/** Evenly spaced: quiet, a burst, its decline, quiet again (480 s, 696 requests). */
export const BURST: readonly Phase[] = [
  { untilSeconds: 60, perSecond: 0.3 },
  { untilSeconds: 120, perSecond: 5 },
  { untilSeconds: 300, perSecond: 2 },
  { untilSeconds: 480, perSecond: 0.1 },
];

/** When the burst begins: the first moment that needs more than one replica. */
export const BURST_BEGINS_SECONDS = 60;
