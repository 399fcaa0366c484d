import { run, TaskFailure } from './harness.ts';

const event = { source: 'aws.ec2', 'detail-type': 'EC2 Spot Instance Interruption Warning', detail: {} };
const noted = { outcome: 'noted', fleet: 'cpu', notice: { kind: 'interruption', pool: 'spot' } };

async function play(notes: (object | Error)[], wakes: (object | Error)[] = [{}]) {
  const asked: Record<string, unknown[]> = { Note: [], Wake: [] };
  const answer = (state: 'Note' | 'Wake', answers: (object | Error)[]) => (payload: unknown) => {
    asked[state]?.push(payload);
    const next = answers.length > 1 ? answers.shift() : answers[0];
    if (next instanceof Error) throw next;
    return state === 'Note' ? { StatusCode: 200, Payload: next } : next;
  };
  const result = await run('spot-fallback', event, {
    Note: answer('Note', notes),
    Wake: answer('Wake', wakes),
  });
  return { ...result, asked };
}

describe('spot-fallback', () => {
  it('notes an event as it came and wakes a tick of its fleet', async () => {
    const { states, asked } = await play([noted]);

    expect(states.at(-1)).toBe('Noted');
    expect(asked.Note).toEqual([{ FunctionName: expect.stringContaining(':function:spot'), Payload: event }]);
    expect(asked.Wake).toEqual([
      { StateMachineArn: expect.stringContaining(':scale'), Input: { fleet: 'cpu', trigger: 'spot' } },
    ]);
  });

  it('wakes for one that was known as well: the first may have failed to', async () => {
    const { states } = await play([{ ...noted, outcome: 'repeated' }]);
    expect(states.at(-1)).toBe('Noted');
  });

  it('does nothing about what is not ours', async () => {
    const { states, asked } = await play([{ outcome: 'not-ours', reason: 'no pool' }]);
    expect(states.at(-1)).toBe('Not ours');
    expect(asked.Wake).toEqual([]);
  });

  it('tries a function that fails again', async () => {
    const { states, asked } = await play([new TaskFailure('UnavailableError', 'throttled'), noted]);
    expect(states.at(-1)).toBe('Noted');
    expect(asked.Note).toHaveLength(2);
  });

  it('ends as failed, in the words of the function, when that goes on failing', async () => {
    const { states, error, asked } = await play([new TaskFailure('UnavailableError', 'the table is gone')]);
    expect(states.at(-1)).toBe('Note failed');
    expect(error?.message).toContain('the table is gone');
    expect(asked.Note).toHaveLength(6);
  });

  it('does not try an event again that makes no sense', async () => {
    const { states, asked } = await play([new TaskFailure('InvalidEvent', 'no instance')]);
    expect(states.at(-1)).toBe('Note failed');
    expect(asked.Note).toHaveLength(1);
  });

  it('tries to wake a tick again, and ends as failed when it can not: it is noted all the same', async () => {
    const once = await play([noted], [new TaskFailure('StepFunctions.ThrottlingException', 'slow'), {}]);
    expect(once.states.at(-1)).toBe('Noted');
    const never = await play([noted], [new TaskFailure('StepFunctions.ThrottlingException', 'slow down')]);
    expect(never.states.at(-1)).toBe('Wake failed');
    expect(never.error?.message).toContain('slow down');
    expect(never.asked.Note).toHaveLength(1);
  });
});
