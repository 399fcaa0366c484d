import fc from 'fast-check';
import { MODEL_PHASES, type ModelWarmth, type Warmth } from '../../../core/protocol/warmup.ts';
import {
  judge,
  LONGEST_ATTEMPT_SECONDS,
  type Look,
  type Progress,
  STALLED_LOADING_SECONDS,
  STALLED_SECONDS,
  type Verdict,
} from '../../../core/warmup/attempt.ts';

const look = (...models: Partial<ModelWarmth>[]): Look => ({
  warmth: {
    ...{ v: 1, podUid: 'uid-1', workerId: 'w', state: 'loading', failures: 0, startedAt: 0, warmAt: 0 },
    models: models.map((model) => ({ model: 'tiny', phase: 'missing', seconds: {}, ...model })),
  },
});

/** Judges looks one after the other, `step` seconds apart, until something is decided. */
function play(
  looks: (index: number) => Look,
  step = 10,
  limit = 5000,
): Verdict & { seconds: number; looks: number } {
  let before: Progress | undefined;
  for (let index = 0; index < limit; index += 1) {
    const verdict = judge(looks(index), before, 0, index * step);
    if (verdict.kind !== 'not-yet') return { ...verdict, seconds: index * step, looks: index + 1 };
    before = verdict.progress;
  }
  throw new Error('nothing was ever decided');
}

describe('an attempt', () => {
  it('lets a fill take as long as it goes on', () => {
    const verdict = play((index) =>
      index < 500
        ? look({ phase: 'filling', completedBytes: index, totalBytes: 500 })
        : { warmth: { ...(look({ phase: 'warm' }) as { warmth: Warmth }).warmth, state: 'warm' } },
    );
    expect(verdict).toMatchObject({ kind: 'warm', seconds: 5000 });
  });

  it('ends when a fill stands still, and says where', () => {
    const stuck = look({ phase: 'filling', source: 'registry', completedBytes: 2e9, totalBytes: 5e9 });
    expect(play(() => stuck)).toMatchObject({
      kind: 'failed',
      seconds: STALLED_SECONDS,
      failure: {
        kind: 'unknown',
        reason: 'no progress for 300 s: tiny is filling from the registry: 2.0 GB of 5.0 GB',
        retryable: true,
      },
    });
  });

  it('has more patience with a load, which shows no progress', () => {
    expect(play(() => look({ phase: 'loading' }))).toMatchObject({
      kind: 'failed',
      seconds: STALLED_LOADING_SECONDS,
      failure: { reason: expect.stringContaining('tiny is loading') },
    });
  });

  it('does not take it for progress when loading begins again and again, and keeps the failure’s own reason', () => {
    const failure = { kind: 'load-failed', reason: 'llama runner has terminated', retryable: true } as const;
    const verdict = play((index) => look({ phase: index % 2 ? 'failed' : 'loading', failure }));
    expect(verdict).toMatchObject({ kind: 'failed', failure });
    expect(verdict.seconds).toBeLessThanOrEqual(STALLED_LOADING_SECONDS);
  });

  it('ends at once with what is hopeless, but not on the first look: that may be an earlier attempt’s', () => {
    const failure = { kind: 'no-such-model', reason: 'nobody has tiny', retryable: false } as const;
    expect(play(() => look({ phase: 'failed', failure }))).toMatchObject({
      kind: 'failed',
      failure,
      looks: 2,
    });
  });

  it('goes on while the worker tries what was hopeless before: there may be room by now', () => {
    const failure = { kind: 'disk-full', reason: 'tiny needs 5 GB', retryable: false } as const;
    const fill = (index: number) =>
      ({ completedBytes: index * 1e8, totalBytes: 5e9, source: 'mirror' }) as const;
    const verdict = play((index) =>
      index === 0
        ? look({ phase: 'failed', failure })
        : index < 50
          ? look({ phase: 'filling', failure, ...fill(index) })
          : { warmth: { ...(look({ phase: 'warm' }) as { warmth: Warmth }).warmth, state: 'warm' } },
    );
    expect(verdict).toMatchObject({ kind: 'warm', looks: 51 });
    expect(judge(look({ phase: 'filling', failure, ...fill(10) }), undefined, 0, 0)).toMatchObject({
      reason: expect.stringContaining('tiny is filling from the mirror: 1.0 GB of 5.0 GB'),
    });
  });

  it('ends when the worker never says anything', () => {
    expect(play(() => ({ silent: 'the worker is not reachable' }))).toMatchObject({
      kind: 'failed',
      seconds: STALLED_SECONDS,
      failure: { reason: 'no progress for 300 s: the worker is not reachable' },
    });
  });

  it('waits for a worker that drains: it may be put back', () => {
    const { warmth } = look() as { warmth: Warmth };
    const verdict = play(() => ({ warmth: { ...warmth, state: 'draining' } }), 60);
    expect(verdict).toMatchObject({ kind: 'failed', seconds: LONGEST_ATTEMPT_SECONDS });
  });

  it('always ends, asks at least once a minute, and is warm only when the worker says so', () => {
    const phase = fc.constantFrom(...MODEL_PHASES);
    const bytes = fc.integer({ min: 0, max: 1e12 });
    const model = fc.record({ phase, completedBytes: bytes, totalBytes: bytes });
    const anyLook = fc.oneof(
      fc.constant<Look>({ silent: 'nothing' }),
      fc.array(model, { minLength: 1, maxLength: 3 }).map((models) => look(...models)),
    );
    fc.assert(
      fc.property(fc.array(anyLook, { minLength: 1, maxLength: 6 }), (looks) => {
        let before: Progress | undefined;
        let at = 0;
        for (let index = 0; at <= LONGEST_ATTEMPT_SECONDS; index += 1) {
          const verdict = judge(looks[index % looks.length] as Look, before, 0, at);
          if (verdict.kind === 'failed') return verdict.failure.reason.length > 0;
          if (verdict.kind === 'warm') return false;
          if (verdict.waitSeconds < 1 || verdict.waitSeconds > 60) return false;
          before = verdict.progress;
          at += verdict.waitSeconds;
        }
        return false;
      }),
      { numRuns: 50 },
    );
  });
});
