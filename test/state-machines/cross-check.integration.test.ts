import { jest } from '@jest/globals';
import { NEW_IMAGE, UpgradeWorld } from '../functions/upgrade/world.ts';
import { playInMoto, type Recorded } from './cross-check.ts';
import { run, TaskFailure, type TaskHandlers } from './harness.ts';
import { type Fault, upgrade } from './upgrade-run.ts';

/** Its first run installs moto. */
jest.setTimeout(600_000);

const failure = (name: string) => () => {
  throw new TaskFailure(name, 'no');
};

async function record(machine: string, input: object, handlers: TaskHandlers): Promise<Recorded> {
  return { machine, input, run: await run(machine, input, handlers) };
}

const ticked = (more: object = {}) => ({
  Payload: {
    ...{ outcome: 'ticked', setNodes: [{ autoScalingGroupName: 'eks-a', desiredCapacity: 2 }] },
    ...{ terminate: [{ instanceId: 'i-1' }], warmUps: [{ name: 'uid-1', input: { fleet: 'cpu' } }] },
    ...{ protect: [{ autoScalingGroupName: 'eks-a', instanceIds: ['i-2'], isProtected: true }] },
    ...{ again: false, handOver: false, waitSeconds: 5, failures: [] },
    ...more,
  },
});

async function ofScale(): Promise<Recorded[]> {
  const good: TaskHandlers = {
    Tick: () => ticked(),
    'Set protection': () => ({}),
    'Set desired capacity': () => ({}),
    'Terminate instance': () => ({ Activity: {} }),
    'Start warm-up': () => ({ ExecutionArn: 'w' }),
    'Try on': () => ({ ExecutionArn: 's' }),
    'Hand over': () => ({ ExecutionArn: 's' }),
  };
  const play = (change: TaskHandlers, trigger = 'schedule', more: object = {}) =>
    record('scale', { fleet: 'cpu', trigger, ...more }, { ...good, ...change });
  let ticks = 0;
  const onceAgain = () => {
    ticks += 1;
    return ticked({ again: ticks === 1 });
  };
  return Promise.all([
    play({}),
    play({ Tick: onceAgain }),
    play({}, 'loop', { loop: { after: 'x', failedTicks: 0, waitSeconds: 1 } }),
    play({ Tick: () => ticked({ outcome: 'left' }) }),
    play({ Tick: () => ticked({ again: true, handOver: true }) }),
    play({
      Tick: () => ticked({ again: true, handOver: true }),
      'Hand over': failure('StepFunctions.ExecutionLimitExceededException'),
    }),
    play({ Tick: failure('TickError') }),
    play({ Tick: failure('InvalidEvent') }, 'alarm'),
    play({ Tick: failure('TickError') }, 'alarm'),
    play(
      { Tick: failure('TickError'), 'Try on': failure('StepFunctions.AWSStepFunctionsException') },
      'alarm',
    ),
    ...[
      ['Set desired capacity', 'AutoScaling.ScalingActivityInProgressException'],
      ['Set desired capacity', 'AutoScaling.AutoScalingException'],
      ['Set protection', 'AutoScaling.ResourceContentionException'],
      ['Terminate instance', 'AutoScaling.ResourceContentionException'],
      ['Terminate instance', 'AutoScaling.AutoScalingException'],
      ['Start warm-up', 'StepFunctions.ExecutionAlreadyExistsException'],
      ['Start warm-up', 'StepFunctions.ExecutionLimitExceededException'],
    ].map(([task = '', name = '']) => play({ [task]: failure(name) })),
  ]);
}

async function ofWarmup(): Promise<Recorded[]> {
  const input = { fleet: 'cpu', pool: 'main', replica: 'cpu-main-0', podUid: 'uid-1' };
  const play = (answers: (object | TaskFailure)[]) =>
    record('warmup', input, {
      Warm: () => {
        const next = answers.length > 1 ? answers.shift() : answers[0];
        if (next instanceof TaskFailure) throw next;
        return { Payload: next };
      },
    });
  const look = (outcome: string) => ({
    ...{ outcome, reason: 'why', error: outcome === 'failed' ? 'disk-full' : '', waitSeconds: 3 },
    progress: outcome === 'not-yet' ? { rank: 1 } : null,
  });
  return Promise.all([
    play([look('not-yet'), look('warm')]),
    play([look('gone')]),
    play([look('not-yet'), look('failed')]),
    play([
      new TaskFailure('Lambda.ServiceException', 'no'),
      new TaskFailure('UnavailableError', 'no'),
      look('warm'),
    ]),
    play([new TaskFailure('UnavailableError', 'no')]),
    play([new TaskFailure('InvalidEvent', 'no')]),
  ]);
}

async function ofSpot(): Promise<Recorded[]> {
  const event = { source: 'aws.ec2', 'detail-type': 'EC2 Spot Instance Interruption Warning', detail: {} };
  const noted = () => ({ Payload: { outcome: 'noted', fleet: 'cpu' } });
  const play = (change: TaskHandlers) =>
    record('spot-fallback', event, { Note: noted, Wake: () => ({}), ...change });
  return Promise.all([
    play({}),
    play({ Note: () => ({ Payload: { outcome: 'not-ours', reason: 'no pool' } }) }),
    play({ Note: failure('UnavailableError') }),
    play({ Note: failure('InvalidEvent') }),
    play({ Wake: failure('StepFunctions.ThrottlingException') }),
  ]);
}

/** Every target, and each of its Tasks failing for good. */
async function ofUpgrade(): Promise<Recorded[]> {
  const recorded: Recorded[] = [];
  const play = async (request: unknown, fault?: Fault, isBad = false) => {
    const world = new UpgradeWorld();
    if (isBad) world.answer = (running) => (running === NEW_IMAGE ? { text: 'nonsense' } : undefined);
    recorded.push({ machine: 'upgrade', input: request, run: await upgrade(world, request, fault) });
    return new Set(recorded.at(-1)?.run.answers.map(({ state }) => state));
  };
  const seen = new Set<string>();
  for (const request of [
    { target: 'ollama', to: '0.18.0' },
    { target: 'nodes', to: '1.35.9-2' },
    { target: 'kubernetes', to: '1.36' },
  ]) {
    for (const task of await play(request)) {
      if (seen.has(task)) continue;
      seen.add(task);
      await play(request, { task, when: 'before' });
    }
  }
  const ollama = { target: 'ollama', to: '0.18.0' };
  for (const task of await play(ollama, undefined, true))
    if (!seen.has(task)) await play(ollama, { task, when: 'before' }, true);
  await play({ ...ollama, dryRun: true });
  await play('nonsense');
  return recorded;
}

it("every definition takes the same way in moto's engine, where all goes well and where a Task fails", async () => {
  const recorded = [...(await ofScale()), ...(await ofWarmup()), ...(await ofSpot()), ...(await ofUpgrade())];
  const played = await playInMoto(recorded);
  expect(
    played.map(({ status, states }, index) => ({ machine: recorded[index]?.machine, status, states })),
  ).toEqual(
    recorded.map(({ machine, run: { error, states } }) => ({
      machine,
      status: error ? 'FAILED' : 'SUCCEEDED',
      states,
    })),
  );
});
