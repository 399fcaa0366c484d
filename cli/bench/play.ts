import { type Generation, GenerationError } from '../../adapters/generation.ts';
import type { Target } from './targets.ts';

export interface PlayOptions {
  /** For each target. */
  requests: number;
  /** Requests under way at a time: a closed loop. */
  concurrency: number;
  /** Several targets take turns, so that what changes on the machine meanwhile meets both. */
  rounds: number;
  model: string;
  prompt: string;
  outputTokens: number;
  timeoutSeconds: number;
  signal: AbortSignal;
  onProgress: (done: number, failed: number) => void;
}

export interface Round {
  seconds: number;
  answers: Generation[];
  /** How often each reason was why there was no answer. */
  failures: Map<string, number>;
}

/** Plays the rounds, one target after the other in each; every other round in the opposite order. */
export async function play(targets: readonly Target[], options: PlayOptions): Promise<Round[][]> {
  const rounds = targets.map((): Round[] => []);
  let done = 0;
  let failed = 0;
  for (let round = 0; round < options.rounds && !options.signal.aborted; round += 1) {
    const order = targets.map((_, index) => index);
    for (const index of round % 2 === 0 ? order : order.reverse()) {
      const requests = share(options.requests, options.rounds, round);
      const played = await playRound(targets[index] as Target, requests, options, (ok) => {
        done += 1;
        failed += ok ? 0 : 1;
        options.onProgress(done, failed);
      });
      rounds[index]?.push(played);
    }
  }
  return rounds;
}

/** How many of `total` fall to the `index`th of `parts` parts that differ by one at most. */
export const share = (total: number, parts: number, index: number): number =>
  Math.floor(((index + 1) * total) / parts) - Math.floor((index * total) / parts);

async function playRound(
  { client }: Target,
  requests: number,
  { concurrency, model, prompt, outputTokens, timeoutSeconds, signal }: PlayOptions,
  onEnd: (ok: boolean) => void,
): Promise<Round> {
  const answers: Generation[] = [];
  const failures = new Map<string, number>();
  let next = 0;
  const one = async (): Promise<boolean> => {
    try {
      answers.push(await client.generate({ model, prompt, outputTokens, timeoutSeconds, signal }));
      return true;
    } catch (error) {
      if (!(error instanceof GenerationError)) throw error;
      failures.set(error.reason, (failures.get(error.reason) ?? 0) + 1);
      return false;
    }
  };
  const loop = async (): Promise<void> => {
    while (next < requests && !signal.aborted) {
      next += 1;
      onEnd(await one());
    }
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: Math.min(concurrency, requests) }, loop));
  return { seconds: (performance.now() - begun) / 1000, answers, failures };
}
