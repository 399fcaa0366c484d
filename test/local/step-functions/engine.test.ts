import type { AwsRequest } from '../../../local/front/types.ts';
import { tasksOf } from '../../../local/step-functions/definition.ts';
import { StepFunctionsEmulator } from '../../../local/step-functions/emulator.ts';
import { Engine, type Execution } from '../../../local/step-functions/engine.ts';
import { StubAws } from './stub-aws.ts';

const STANDARD = 'arn:aws:states:us-east-1:111122223333:stateMachine:warm';
const credentials = { accessKeyId: 'AKIA', secretAccessKey: 'secret' };
const fail = (code: string) => ({
  status: 400,
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no ${code}</Message></Error></ErrorResponse>`,
  headers: { 'content-type': 'text/xml' },
});

const capacity = (catches: object[] = []) => ({
  StartAt: 'Each',
  States: {
    Each: {
      Type: 'Map',
      ItemsPath: '$.setNodes',
      ItemProcessor: {
        StartAt: 'Set',
        States: {
          Set: {
            Type: 'Task',
            Resource: 'arn:aws:states:::aws-sdk:autoscaling:setDesiredCapacity',
            Parameters: { 'AutoScalingGroupName.$': '$.name', 'DesiredCapacity.$': '$.to' },
            Catch: catches,
            End: true,
          },
          ...(catches.length > 0 ? { Refused: { Type: 'Pass', End: true } } : {}),
        },
      },
      End: true,
    },
  },
});

describe('the local Step Functions engine', () => {
  const aws = new StubAws();
  let engine: Engine;
  let endpoint: string;

  beforeAll(async () => {
    endpoint = await aws.listen();
  });
  afterAll(() => aws.close());
  beforeEach(() => {
    aws.calls.length = 0;
    aws.answers = {};
    engine = new Engine({ endpoint, region: 'us-east-1' });
  });
  afterEach(() => engine.stop());

  const run = async (definition: unknown, input: unknown, type: 'STANDARD' | 'EXPRESS' = 'STANDARD') => {
    engine.add({ arn: STANDARD, type, definition, roleArn: 'arn:aws:iam::111122223333:role/r', credentials });
    return ended(engine.start(STANDARD, 'one', JSON.stringify(input)));
  };

  const ended = async (execution: Execution): Promise<Execution> => {
    while (execution.status === 'RUNNING') await new Promise((resolve) => setImmediate(resolve));
    return execution;
  };

  it('makes each capacity call of a Map with the real SDK client', async () => {
    const execution = await run(capacity(), {
      setNodes: [
        { name: 'a', to: 3 },
        { name: 'b', to: 1 },
      ],
    });
    expect(execution).toMatchObject({ status: 'SUCCEEDED' });
    const bodies = aws.calls.map(({ body }) => new URLSearchParams(body).get('DesiredCapacity'));
    expect(bodies.sort()).toEqual(['1', '3']);
  });

  it('names a declared error as Step Functions does, so that Catch by name works', async () => {
    aws.answers.SetDesiredCapacity = fail('ScalingActivityInProgress');
    const caught = [{ ErrorEquals: ['AutoScaling.ScalingActivityInProgressException'], Next: 'Refused' }];
    const execution = await run(capacity(caught), { setNodes: [{ name: 'a', to: 3 }] });
    expect(execution).toMatchObject({ status: 'SUCCEEDED' });
    expect(execution.output).toContain('AutoScaling.ScalingActivityInProgressException');
  });

  it('names what the service does not declare after the service, and fails when nobody catches it', async () => {
    aws.answers.SetDesiredCapacity = fail('ValidationError');
    const execution = await run(capacity(), { setNodes: [{ name: 'a', to: 300 }] });
    expect(execution).toMatchObject({
      status: 'FAILED',
      error: 'AutoScaling.AutoScalingException',
      cause: 'no ValidationError',
    });
  });

  it("hands a function's payload on and keeps the type of its error", async () => {
    const invoke = (payload: string, headers = {}) => ({ status: 200, body: payload, headers });
    const definition = {
      StartAt: 'Tick',
      States: {
        Tick: {
          Type: 'Task',
          Resource: 'arn:aws:states:::lambda:invoke',
          Parameters: {
            FunctionName: 'f',
            Payload: { 'startedAt.$': '$$.Execution.StartTime', 'name.$': '$$.Execution.Name' },
          },
          OutputPath: '$.Payload',
          End: true,
        },
      },
    };
    aws.answers.Invoke = invoke('{"again":false}');
    expect((await run(definition, {})).output).toBe('{"again":false}');
    expect(JSON.parse(aws.calls[0]?.body ?? '')).toMatchObject({
      name: 'one',
      startedAt: expect.any(String),
    });
    aws.answers.Invoke = invoke('{"errorType":"UnavailableError","errorMessage":"no queue"}', {
      'x-amz-function-error': 'Unhandled',
    });
    const failed = await ended(engine.start(STANDARD, 'two', '{}'));
    expect(failed).toMatchObject({ status: 'FAILED', error: 'UnavailableError' });
    expect(failed.cause).toContain('no queue');
  });

  it('aborts what runs when it stops, and waits until it has ended', async () => {
    const definition = { StartAt: 'Long', States: { Long: { Type: 'Wait', Seconds: 3000, End: true } } };
    engine.add({ arn: STANDARD, type: 'STANDARD', definition, roleArn: 'r', credentials });
    const execution = engine.start(STANDARD, 'long', '{}');
    await engine.stop();
    expect(execution.status).toBe('ABORTED');
  });

  describe('over its API', () => {
    const api = () => new StepFunctionsEmulator(engine);
    const call = (operation: string, input: Record<string, unknown>) =>
      api().handle({ operation, input } as unknown as AwsRequest) as Promise<Record<string, unknown>>;
    const wait = { StartAt: 'Long', States: { Long: { Type: 'Wait', Seconds: 3000, End: true } } };

    it('refuses a Standard name a second time, but answers the same start while it runs', async () => {
      engine.add({ arn: STANDARD, type: 'STANDARD', definition: wait, roleArn: 'r', credentials });
      const start = { stateMachineArn: STANDARD, name: 'pod-1', input: '{"a":1}' };
      const first = await call('StartExecution', start);
      expect(await call('StartExecution', start)).toEqual(first);
      await expect(call('StartExecution', { ...start, input: '{"a":2}' })).rejects.toMatchObject({
        code: 'ExecutionAlreadyExists',
      });
      await call('StopExecution', { executionArn: first.executionArn });
      await expect(call('StartExecution', start)).rejects.toMatchObject({ code: 'ExecutionAlreadyExists' });
      expect(await call('DescribeExecution', { executionArn: first.executionArn })).toMatchObject({
        status: 'ABORTED',
      });
    });

    it('lets Express executions share a name', async () => {
      engine.add({ arn: STANDARD, type: 'EXPRESS', definition: wait, roleArn: 'r', credentials });
      const start = { stateMachineArn: STANDARD, name: 'tick', input: '{}' };
      const first = await call('StartExecution', start);
      expect((await call('StartExecution', start)).executionArn).not.toBe(first.executionArn);
    });

    it.each([
      ['an unknown machine', 'StartExecution', { stateMachineArn: 'nope' }, 'StateMachineDoesNotExist'],
      ['an unknown execution', 'DescribeExecution', { executionArn: 'nope' }, 'ExecutionDoesNotExist'],
      ['a bad name', 'StartExecution', { stateMachineArn: STANDARD, name: 'a b' }, 'InvalidName'],
      ['bad input', 'StartExecution', { stateMachineArn: STANDARD, input: '{' }, 'InvalidExecutionInput'],
      ['an unknown operation', 'DeleteStateMachine', {}, 'UnknownOperationException'],
    ])('refuses %s', async (_case, operation, input, code) => {
      engine.add({ arn: STANDARD, type: 'STANDARD', definition: wait, roleArn: 'r', credentials });
      await expect(call(operation, input)).rejects.toMatchObject({ code });
    });
  });
});

describe('reading a definition', () => {
  it('finds Tasks inside Map and Parallel states', () => {
    const nested = {
      StartAt: 'P',
      States: { P: { Type: 'Parallel', Branches: [capacity()], End: true } },
    };
    expect(tasksOf(nested, 'm').map(({ name }) => name)).toEqual(['Set']);
  });

  it('refuses JSONata, which the engine would ignore', () => {
    const jsonata = { QueryLanguage: 'JSONata', StartAt: 'A', States: { A: { Type: 'Pass', End: true } } };
    expect(() => tasksOf(jsonata, 'm')).toThrow(/JSONata/);
    const state = { StartAt: 'A', States: { A: { Type: 'Pass', Output: '{% 1 %}', End: true } } };
    expect(() => tasksOf(state, 'm')).toThrow(/state 'A' uses JSONata/);
  });

  it('refuses two Tasks of one name and a resource it does not know', () => {
    const twin = {
      StartAt: 'P',
      States: { P: { Type: 'Parallel', Branches: [capacity(), capacity()], End: true } },
    };
    expect(() => tasksOf(twin, 'm')).toThrow(/two Task states are called 'Set'/);
    const engine = new Engine({ endpoint: 'http://127.0.0.1:1', region: 'us-east-1' });
    const unknown = {
      StartAt: 'A',
      States: { A: { Type: 'Task', Resource: 'arn:aws:states:::glue:startJobRun', End: true } },
    };
    expect(() =>
      engine.add({ arn: STANDARD, type: 'STANDARD', definition: unknown, roleArn: 'r', credentials }),
    ).toThrow(/does not know the Task resource/);
  });
});
