import { setTimeout as delay } from 'node:timers/promises';
import type { Arrivals } from '../../simulation/arrivals.ts';
import { evenlySpaced, type Phase } from '../../simulation/burst.ts';
import { DEFAULT_DECODE_RATE } from '../model-server/types.ts';

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
    const send = client.submit(arrival);
    // One that fails is reported by the last line, not as a rejection that nobody waits for yet.
    send.catch(() => undefined);
    sends.push(send);
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

export const evenly = (phases: readonly Phase[], size = { promptTokens: 12, outputTokens: 60 }): Arrival[] =>
  evenlySpaced(phases).map((offsetSeconds) => ({ offsetSeconds, ...size }));

/** A service time is played as the tokens that the synthetic server takes that long for. */
export const loadOf = ({ at, service }: Arrivals): Arrival[] =>
  [...at].map((offsetSeconds, index) => ({
    offsetSeconds,
    promptTokens: 1,
    outputTokens: Math.max(1, Math.round((service[index] ?? 0) * DEFAULT_DECODE_RATE)),
  }));
