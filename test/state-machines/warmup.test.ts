import { run, TaskFailure } from './harness.ts';

const input = { fleet: 'cpu', pool: 'main', replica: 'cpu-main-0', podUid: 'uid-1' };

async function play(answers: (object | Error)[]) {
  const asked: { Payload: Record<string, unknown> }[] = [];
  const result = await run('warmup', input, {
    Warm: (payload: never) => {
      asked.push(payload);
      const next = answers.length > 1 ? answers.shift() : answers[0];
      if (next instanceof Error) throw next;
      return { StatusCode: 200, Payload: next };
    },
  });
  return { ...result, asked };
}

const progress = { rank: 1, bytes: 5, since: 1, at: 2, bytesPerSecond: 0, isNear: false };
const notYet = (reason = 'tiny is loading') => ({
  outcome: 'not-yet',
  reason,
  waitSeconds: 7,
  progress,
  error: '',
});
const end = (outcome: string, reason: string, error = '') => ({
  ...{ outcome, reason, error, waitSeconds: 0, progress: null },
});

describe('warmup', () => {
  it('looks again, with what the last look came to, until the gate is open', async () => {
    const { states, asked } = await play([notYet(), notYet(), end('warm', 'every model has answered')]);

    expect(states).toEqual([
      ...['First look', 'Warm', 'Warm?', 'Wait', 'Warm', 'Warm?', 'Wait', 'Warm', 'Warm?', 'Gate is open'],
    ]);
    expect(asked[0]).toEqual({
      FunctionName: expect.stringContaining(':function:warmup'),
      Payload: {
        ...input,
        attempt: 'uid-1-first',
        startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
        progress: null,
      },
    });
    expect(asked[1]?.Payload.progress).toEqual(progress);
  });

  it('ends quietly when the pod is gone', async () => {
    const { states } = await play([end('gone', 'there is no pod')]);

    expect(states.at(-1)).toBe('Pod is gone');
  });

  it('fails with what the worker failed of', async () => {
    const { states, error } = await play([notYet(), end('failed', 'tiny needs 5 GB', 'disk-full')]);

    expect(states.at(-1)).toBe('Not warm');
    expect(error?.message).toContain('tiny needs 5 GB');
  });

  it.each([
    ['a Lambda service that fails now and then', new TaskFailure('Lambda.ServiceException', 'internal')],
    ['throttles', new TaskFailure('Lambda.TooManyRequestsException', 'Rate exceeded')],
    ['a function that runs out of time in the middle of a fill', new TaskFailure('States.Timeout', '')],
    ['a function that is killed', new TaskFailure('Runtime.ExitError', 'signal: killed')],
    ['an apiserver that restarts', new TaskFailure('UnavailableError', 'the apiserver is restarting')],
  ])('bears %s, and goes on from where it was', async (_, failure) => {
    const { states, asked } = await play([notYet(), failure, failure, end('warm', 'warm')]);

    expect(states.at(-1)).toBe('Gate is open');
    expect(asked.slice(1).map(({ Payload }) => Payload.progress)).toEqual([progress, progress, progress]);
  });

  it('fails with the function’s own words when it keeps failing', async () => {
    const { states, error, asked } = await play([
      new TaskFailure('UnavailableError', 'the apiserver is down'),
    ]);

    expect(states.at(-1)).toBe('Warm-up failed');
    expect(error?.message).toContain('the apiserver is down');
    expect(asked).toHaveLength(11);
  });

  it('does not repeat what can’t be understood', async () => {
    const { states, asked } = await play([new TaskFailure('InvalidEvent', 'podUid is missing')]);

    expect(states.at(-1)).toBe('Warm-up failed');
    expect(asked).toHaveLength(1);
  });
});
