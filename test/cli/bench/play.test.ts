import fc from 'fast-check';
import { type Generation, GenerationError } from '../../../adapters/generation.ts';
import { type PlayOptions, play, share } from '../../../cli/bench/play.ts';
import type { Target } from '../../../cli/bench/targets.ts';

const ANSWER: Generation = { firstTokenSeconds: 0.1, seconds: 1, outputTokens: 8 };

const options = (changes: Partial<PlayOptions> = {}): PlayOptions => ({
  requests: 10,
  concurrency: 4,
  rounds: 1,
  model: 'm',
  prompt: 'p',
  outputTokens: 8,
  timeoutSeconds: 30,
  signal: new AbortController().signal,
  onProgress: () => undefined,
  ...changes,
});

const target = (url: string, generate: () => Promise<Generation>): Target => ({
  url,
  mode: 'direct',
  client: { generate },
});

describe('share', () => {
  it('gives every request to exactly one round, as evenly as can be', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 20 }), (total, parts) => {
        const shares = Array.from({ length: parts }, (_, index) => share(total, parts, index));
        expect(shares.reduce((a, b) => a + b)).toBe(total);
        expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('play', () => {
  it('keeps as many requests under way as the concurrency says, and no more', async () => {
    let under = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    const played = play(
      [
        target('a', async () => {
          under += 1;
          most = Math.max(most, under);
          await new Promise<void>((resolve) => {
            waiting.push(resolve);
            // The first four are there: let all go on.
            if (most === 4) for (const go of waiting.splice(0)) go();
          });
          under -= 1;
          return ANSWER;
        }),
      ],
      options({ requests: 12 }),
    );
    const [rounds] = await played;
    expect(most).toBe(4);
    expect(rounds?.[0]?.answers).toHaveLength(12);
  });

  it('lets targets take turns, and swaps who is first', async () => {
    const asked: string[] = [];
    const named = (name: string): Target =>
      target(name, async () => {
        if (asked.at(-1) !== name) asked.push(name);
        return ANSWER;
      });
    await play([named('a'), named('b')], options({ rounds: 3 }));
    // a b | b a | a b: neighbours that are alike count once.
    expect(asked.join('')).toBe('abab');
  });

  it('counts requests without an answer by their reason, and goes on', async () => {
    let count = 0;
    const progress: [number, number][] = [];
    const [rounds] = await play(
      [
        target('a', async () => {
          count += 1;
          if (count % 2 === 0) throw new GenerationError('timed out');
          return ANSWER;
        }),
      ],
      options({ concurrency: 1, onProgress: (done, failed) => progress.push([done, failed]) }),
    );
    expect(rounds?.[0]?.answers).toHaveLength(5);
    expect(rounds?.[0]?.failures).toEqual(new Map([['timed out', 5]]));
    expect(progress.at(-1)).toEqual([10, 5]);
  });

  it('does not hide a defect as a failed request', async () => {
    const broken = target('a', () => Promise.reject(new TypeError('oops')));
    await expect(play([broken], options())).rejects.toThrow('oops');
  });

  it('sends nothing more once it is stopped', async () => {
    const stopped = new AbortController();
    let count = 0;
    await play(
      [
        target('a', async () => {
          count += 1;
          stopped.abort();
          return ANSWER;
        }),
      ],
      options({ concurrency: 1, rounds: 5, signal: stopped.signal }),
    );
    expect(count).toBe(1);
  });
});
