import { LOOP_SECONDS } from '../../functions/scaler/lease.ts';
import { definition, run, TaskFailure, type TaskHandlers } from './harness.ts';

interface Tick {
  outcome: 'ticked' | 'left';
  fleet: string;
  protect: object[];
  setNodes: object[];
  terminate: object[];
  warmUps: object[];
  again: boolean;
  handOver: boolean;
  waitSeconds: number;
  failures: string[];
}

const atRest: Tick = {
  outcome: 'ticked',
  fleet: 'cpu',
  protect: [],
  setNodes: [],
  terminate: [],
  warmUps: [],
  again: false,
  handOver: false,
  waitSeconds: 5,
  failures: [],
};

const groups = [
  { autoScalingGroupName: 'main', desiredCapacity: 3 },
  { autoScalingGroupName: 'burst', desiredCapacity: 7 },
];
const warmUp = {
  name: 'uid-1-1',
  input: { fleet: 'cpu', pool: 'main', replica: 'cpu-main-0', podUid: 'uid-1' },
};

/** A scaler that answers with each tick in turn, and AWS that records what it is asked. */
function play(ticks: (Partial<Tick> | Error)[], aws: TaskHandlers = {}, input: object = {}) {
  const asked: { task: string; input: unknown }[] = [];
  const record = (task: string, answer: (input: never) => unknown) => (input: never) => {
    asked.push({ task, input });
    return answer(input);
  };
  const handlers: TaskHandlers = {
    Tick: () => {
      const next = ticks.length > 1 ? ticks.shift() : ticks[0];
      if (next instanceof Error) throw next;
      return { StatusCode: 200, Payload: { ...atRest, ...next } };
    },
    'Set desired capacity': () => ({}),
    'Terminate instance': () => ({ Activity: {} }),
    'Start warm-up': () => ({ ExecutionArn: 'arn' }),
    'Hand over': () => ({ ExecutionArn: 'arn' }),
    'Try on': () => ({ ExecutionArn: 'arn' }),
    ...aws,
  };
  const recorded = Object.fromEntries(
    Object.entries(handlers).map(([task, answer]) => [task, record(task, answer)]),
  );
  return {
    asked: (task: string) => asked.filter((one) => one.task === task).map((one) => one.input),
    result: run('scale', { fleet: 'cpu', trigger: 'schedule', ...input }, recorded),
  };
}

const outOfReach = new TaskFailure('TickError', 'the table paddock is out of reach');
const notUnderstood = new TaskFailure('InvalidEvent', 'no fleet');
const successor = (failedTicks: number) => ({
  trigger: 'loop',
  loop: { after: 'the-one-before', failedTicks, waitSeconds: 5 },
});

describe('scale', () => {
  it('ticks with its own identity, makes the calls, and goes on until the fleet rests', async () => {
    const { asked, result } = play([
      { setNodes: groups, terminate: [{ instanceId: 'i-1' }], warmUps: [warmUp], again: true },
      { again: false },
    ]);
    const { states } = await result;

    expect(states.at(-1)).toBe('At rest');
    expect(asked('Tick')).toHaveLength(2);
    expect(asked('Tick')[0]).toEqual({
      FunctionName: expect.stringContaining(':function:scaler'),
      Payload: {
        fleet: 'cpu',
        trigger: 'schedule',
        execution: expect.stringContaining(':express:scale:'),
        after: '',
        startedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      },
    });
    expect(asked('Set desired capacity')).toEqual([
      { AutoScalingGroupName: 'main', DesiredCapacity: 3, HonorCooldown: false },
      { AutoScalingGroupName: 'burst', DesiredCapacity: 7, HonorCooldown: false },
    ]);
    expect(asked('Terminate instance')).toEqual([
      { InstanceId: 'i-1', ShouldDecrementDesiredCapacity: true },
    ]);
    expect(asked('Start warm-up')).toEqual([
      {
        StateMachineArn: expect.stringContaining(':stateMachine:warmup'),
        Name: warmUp.name,
        Input: warmUp.input,
      },
    ]);
  });

  it('leaves at once when another loop ticks', async () => {
    const { asked, result } = play([{ outcome: 'left', setNodes: groups }]);

    expect((await result).states.at(-1)).toBe('Left');
    expect(asked('Set desired capacity')).toEqual([]);
  });

  it.each([
    ['AutoScaling.ScalingActivityInProgressException', 'Group is busy'],
    ['AutoScaling.ResourceContentionException', 'Group is busy'],
    ['AutoScaling.AutoScalingException', 'Capacity refused'],
  ])('shows %s and spares the other changes, once each', async (error, state) => {
    const { asked, result } = play([{ setNodes: groups, terminate: [{ instanceId: 'i-1' }] }], {
      'Set desired capacity': (input: { AutoScalingGroupName: string }) => {
        if (input.AutoScalingGroupName === 'main') throw new TaskFailure(error, 'no');
        return {};
      },
    });
    const { states, output } = await result;

    expect(states).toContain(state);
    expect(asked('Set desired capacity')).toHaveLength(2);
    expect(asked('Terminate instance')).toHaveLength(1);
    expect(output?.setNodes).toEqual([
      { ...groups[0], refused: { Error: error, Cause: expect.anything() } },
      groups[1],
    ]);
    expect(states.at(-1)).toBe('At rest');
  });

  it('sets protection before it sets sizes, and goes on when that is refused', async () => {
    const protect = [{ autoScalingGroupName: 'spot', instanceIds: ['i-1', 'i-2'], isProtected: true }];
    const { asked, result } = play([{ protect, setNodes: groups }], {
      'Set protection': () => {
        throw new TaskFailure('AutoScaling.AutoScalingException', 'not in InService');
      },
    });
    const { states, output } = await result;

    expect(asked('Set protection')).toEqual([
      { AutoScalingGroupName: 'spot', InstanceIds: ['i-1', 'i-2'], ProtectedFromScaleIn: true },
    ]);
    expect(states.indexOf('Protection refused')).toBeLessThan(states.indexOf('Set desired capacity'));
    expect(output?.protect).toEqual([{ ...protect[0], refused: expect.anything() }]);
    expect(states.at(-1)).toBe('At rest');
  });

  it('takes a refused termination as it is', async () => {
    const { states } = await play([{ terminate: [{ instanceId: 'i-1' }], warmUps: [warmUp] }], {
      'Terminate instance': () => {
        throw new TaskFailure('AutoScaling.AutoScalingException', 'desired would go below min');
      },
    }).result;

    expect(states).toEqual(expect.arrayContaining(['Termination refused', 'Start warm-up', 'At rest']));
  });

  it('is content with a warm-up that exists already', async () => {
    const { states } = await play([{ warmUps: [warmUp] }], {
      'Start warm-up': () => {
        throw new TaskFailure('StepFunctions.ExecutionAlreadyExistsException', 'Execution Already Exists');
      },
    }).result;

    expect(states).toContain('Warm-up exists');
    expect(states.at(-1)).toBe('At rest');
  });

  it('goes on after a tick that failed and succeeds when retried', async () => {
    const { asked, result } = play([new TaskFailure('TickError', 'the table is down'), {}]);

    expect((await result).states.at(-1)).toBe('At rest');
    expect(asked('Tick')).toHaveLength(2);
  });

  it('fails with the cause when its first ticks fail', async () => {
    const { asked, result } = play([outOfReach]);
    const { states, error } = await result;

    expect(states.at(-1)).toBe('Tick failed');
    expect(asked('Tick')).toHaveLength(2);
    expect(String(error?.message)).toContain('the table paddock is out of reach');
  });

  it.each([
    ['an alarm started it', { trigger: 'alarm' }, [outOfReach], 1],
    ['it has ticked before', { trigger: 'schedule' }, [{ again: true }, outOfReach], 1],
    ['it is the third to try', successor(2), [outOfReach], 3],
    ['it has ticked again after failures', successor(599), [{ again: true }, outOfReach], 1],
  ])('leaves a successor when its ticks fail and %s', async (_, input, ticks, failedTicks) => {
    const { asked, result } = play(ticks, {}, input);
    const { states, error } = await result;

    expect(states.at(-1)).toBe('Tick failed');
    expect(String(error?.message)).toContain('the table paddock is out of reach');
    expect(asked('Try on')).toEqual([
      {
        StateMachineArn: expect.stringContaining(':stateMachine:scale'),
        Input: {
          fleet: 'cpu',
          trigger: 'loop',
          loop: { after: expect.stringContaining(':express:scale:'), failedTicks, waitSeconds: 5 },
        },
      },
    ]);
  });

  it.each([
    ['the schedule, which comes again', { trigger: 'schedule' }, outOfReach],
    ['the gateway', { trigger: 'gateway' }, outOfReach],
    ['a person', { trigger: 'manual' }, outOfReach],
    ['a loop that has tried for an hour', successor(600), outOfReach],
    ['an alarm, with an event that no tick understands', { trigger: 'alarm' }, notUnderstood],
  ])('leaves none when it was started by %s', async (_, input, failure) => {
    const { asked, result } = play([failure], {}, input);

    expect((await result).states.at(-1)).toBe('Tick failed');
    expect(asked('Try on')).toEqual([]);
  });

  it('has time for two slow attempts and the start of a successor before Express ends it', () => {
    type Task = { TimeoutSeconds: number; Retry: { MaxAttempts: number; IntervalSeconds: number }[] };
    const { Tick: tick, 'Try on': tryOn } = definition('scale').States as unknown as Record<string, Task>;
    const retry = tick?.Retry.at(-1);
    if (!tick || !retry || !tryOn) throw new Error('no such states');
    const attempts =
      (retry.MaxAttempts + 1) * tick.TimeoutSeconds + retry.MaxAttempts * retry.IntervalSeconds;
    expect(LOOP_SECONDS + attempts + tryOn.TimeoutSeconds).toBeLessThan(300);
  });

  it('waits first when it is a successor, and ticks in the name of the one before', async () => {
    const { asked, result } = play([{}], {}, successor(0));

    expect((await result).states.slice(0, 3)).toEqual(['Successor?', 'Wait first', 'Tick']);
    expect(asked('Tick')[0]).toMatchObject({ Payload: { trigger: 'loop', after: 'the-one-before' } });
  });

  it('does not retry an event that no tick understands', async () => {
    const { asked, result } = play([notUnderstood]);

    expect((await result).states.at(-1)).toBe('Tick failed');
    expect(asked('Tick')).toHaveLength(1);
  });

  it('hands over to a successor of the same fleet after its last tick, and the successor waits', async () => {
    const { asked, result } = play([{ again: true, handOver: true, setNodes: groups }]);
    const { states } = await result;

    expect(states.at(-1)).toBe('Handed over');
    expect(states).not.toContain('Wait');
    expect(asked('Set desired capacity')).toHaveLength(2);
    expect(asked('Hand over')).toEqual([
      {
        StateMachineArn: expect.stringContaining(':stateMachine:scale'),
        Input: {
          fleet: 'cpu',
          trigger: 'loop',
          loop: { after: expect.stringContaining(':express:scale:'), failedTicks: 0, waitSeconds: 5 },
        },
      },
    ]);
  });

  it('fails by name when its successor cannot be started', async () => {
    const { asked, result } = play([{ again: true, handOver: true }], {
      'Hand over': () => {
        throw new TaskFailure('StepFunctions.ExecutionLimitExceededException', 'too many');
      },
    });

    expect((await result).states.at(-1)).toBe('Hand-over failed');
    expect(asked('Hand over')).toHaveLength(4);
  });
});
