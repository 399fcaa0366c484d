import { run, TaskFailure } from './harness.ts';

const input = { fleet: 'cpu', pool: 'main', replica: 'cpu-main-0', podUid: 'uid-1' };

async function play(answers: (object | Error)[]) {
  const asked: unknown[] = [];
  const result = await run('warmup', input, {
    Warm: (payload) => {
      asked.push(payload);
      const next = answers.length > 1 ? answers.shift() : answers[0];
      if (next instanceof Error) throw next;
      return { StatusCode: 200, Payload: next };
    },
  });
  return { ...result, asked };
}

const notYet = (waitedSeconds: number) => ({
  outcome: 'not-yet',
  reason: 'the worker is loading llama3.1:8b',
  waitedSeconds,
});

describe('warmup', () => {
  it('asks again until the gate is open', async () => {
    const { states, asked } = await play([
      notYet(0),
      notYet(1799),
      { outcome: 'warm', reason: 'every model has answered', waitedSeconds: 1810 },
    ]);

    expect(states.at(-1)).toBe('Gate is open');
    expect(asked).toHaveLength(3);
    expect(asked[0]).toEqual({
      FunctionName: expect.stringContaining(':function:warmup'),
      Payload: { ...input, startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) },
    });
  });

  it('ends quietly when the pod is gone', async () => {
    const { states } = await play([{ outcome: 'gone', reason: 'there is no pod', waitedSeconds: 3 }]);

    expect(states.at(-1)).toBe('Pod is gone');
  });

  it('gives up after half an hour with the last reason', async () => {
    const { states, error } = await play([notYet(60), notYet(1800)]);

    expect(states.at(-1)).toBe('Gave up');
    expect(error?.message).toContain('the worker is loading llama3.1:8b');
  });

  it('bears a Lambda service that fails now and then', async () => {
    const { states } = await play([
      new TaskFailure('Lambda.ServiceException', 'internal'),
      new TaskFailure('UnavailableError', 'the apiserver is restarting'),
      { outcome: 'warm', reason: 'every model has answered', waitedSeconds: 9 },
    ]);

    expect(states.at(-1)).toBe('Gate is open');
  });

  it('fails with the function’s own words when it keeps failing', async () => {
    const { states, error } = await play([new TaskFailure('UnavailableError', 'the apiserver is down')]);

    expect(states.at(-1)).toBe('Warm-up failed');
    expect(error?.message).toContain('the apiserver is down');
  });
});
