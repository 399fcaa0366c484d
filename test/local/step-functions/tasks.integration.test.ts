import type { AwsRequest } from '../../../local/front/types.ts';
import { prepareDefinition } from '../../../local/step-functions/definition.ts';
import { StepFunctionsEmulator } from '../../../local/step-functions/emulator.ts';
import { Engine, type Execution, type HistoryEvent } from '../../../local/step-functions/engine.ts';
import { StubAws } from './stub-aws.ts';

const MACHINE = 'arn:aws:states:us-east-1:111122223333:stateMachine:scale';
const credentials = { accessKeyId: 'AKIAMACHINE', secretAccessKey: 'secret' };

describe('Tasks', () => {
  const aws = new StubAws();
  let endpoint: string;
  let engine: Engine;
  let ended: Promise<Execution>;
  let events: HistoryEvent[];

  beforeAll(async () => {
    endpoint = await aws.listen();
  });
  afterAll(() => aws.close());
  beforeEach(() => {
    aws.calls.length = 0;
    aws.hungUp.length = 0;
    aws.answers = {};
    events = [];
    ended = new Promise((resolve) => {
      engine = new Engine({
        endpoint,
        region: 'us-east-1',
        onEvent: (execution, event) => {
          events.push(event);
          if (/^Execution(?!Started)/.test(event.type)) resolve(execution);
        },
      });
    });
  });
  afterEach(() => engine.stop());

  const start = (definition: unknown, input: unknown = {}): Execution => {
    engine.add({
      arn: MACHINE,
      type: 'STANDARD',
      definition,
      roleArn: 'arn:aws:iam::1:role/scale',
      credentials,
    });
    return engine.start(MACHINE, 'tick', JSON.stringify(input));
  };
  const run = (definition: unknown, input?: unknown): Promise<Execution> => {
    start(definition, input);
    return ended;
  };
  /** One Task; what `catches` names goes to a Pass that keeps the error. */
  const task = (resource: string, parameters: object, catches: string[] = []) => ({
    StartAt: 'Call',
    States: {
      Call: {
        Type: 'Task',
        Resource: `arn:aws:states:::${resource}`,
        Parameters: parameters,
        ...(catches.length > 0 && {
          Catch: [{ ErrorEquals: catches, ResultPath: '$.caught', Next: 'Caught' }],
        }),
        End: true,
      },
      ...(catches.length > 0 && { Caught: { Type: 'Pass', End: true } }),
    },
  });
  const refusal = (code: string) => ({
    status: 400,
    body: JSON.stringify({ __type: code, message: `no: ${code}` }),
    headers: { 'content-type': 'application/x-amz-json-1.0' },
  });

  it.each([
    ['states:startExecution', 'StepFunctions.ExecutionAlreadyExistsException'],
    ['aws-sdk:sfn:startExecution', 'Sfn.ExecutionAlreadyExistsException'],
  ])('%s of a name that was taken is caught as %s', async (resource, name) => {
    aws.answers.StartExecution = refusal('ExecutionAlreadyExists');
    const parameters = { StateMachineArn: 'arn', 'Name.$': '$.name', Input: { fleet: 'cpu' } };
    const execution = await run(task(resource, parameters, [name]), { name: 'pod-1' });
    expect(execution.status).toBe('SUCCEEDED');
    expect(JSON.parse(execution.output ?? '').caught).toEqual({
      Error: name,
      Cause: 'no: ExecutionAlreadyExists',
    });
    expect(JSON.parse(aws.calls[0]?.body ?? '')).toEqual({
      stateMachineArn: 'arn',
      name: 'pod-1',
      input: '{"fleet":"cpu"}',
    });
  });

  it.each([
    ['dynamodb:updateItem', 'ConditionalCheckFailedException', 'DynamoDB.ConditionalCheckFailedException'],
    [
      'aws-sdk:dynamodb:updateItem',
      'ConditionalCheckFailedException',
      'DynamoDb.ConditionalCheckFailedException',
    ],
    ['aws-sdk:dynamodb:updateItem', 'AccessDeniedException', 'DynamoDb.DynamoDbException'],
  ])('%s refused with %s fails as %s', async (resource, code, name) => {
    aws.answers.UpdateItem = refusal(code);
    const parameters = { TableName: 't', Key: { pk: { S: 'a' } } };
    expect(await run(task(resource, parameters))).toMatchObject({ status: 'FAILED', error: name });
  });

  it('an endpoint that is down is the SDK client’s error', async () => {
    const parameters = { AutoScalingGroupName: 'a', DesiredCapacity: 1 };
    engine = new Engine({ endpoint: 'http://127.0.0.1:1', region: 'us-east-1' });
    const execution = start(task('aws-sdk:autoscaling:setDesiredCapacity', parameters));
    while (execution.status === 'RUNNING') await new Promise((resolve) => setImmediate(resolve));
    expect(execution.error).toBe('AutoScaling.SdkClientException');
  });

  it('spells members in PascalCase on both sides, and leaves the keys of maps alone', async () => {
    aws.answers.UpdateNodegroupConfig = {
      status: 200,
      body: JSON.stringify({ update: { id: 'u-1', status: 'InProgress', createdAt: 0 } }),
    };
    const execution = await run(
      task('aws-sdk:eks:updateNodegroupConfig', {
        ClusterName: 'paddock',
        NodegroupName: 'gpu',
        Labels: { AddOrUpdateLabels: { 'paddock.dev/pool': 'spot', Team: 'x' } },
        ScalingConfig: { MaxSize: 4 },
      }),
    );
    expect(aws.calls[0]?.url).toContain('/clusters/paddock/node-groups/gpu/');
    expect(JSON.parse(aws.calls[0]?.body ?? '')).toMatchObject({
      labels: { addOrUpdateLabels: { 'paddock.dev/pool': 'spot', Team: 'x' } },
      scalingConfig: { maxSize: 4 },
    });
    expect(JSON.parse(execution.output ?? '')).toMatchObject({
      Update: { Id: 'u-1', Status: 'InProgress', CreatedAt: '1970-01-01T00:00:00.000Z' },
    });
  });

  it('signs as the machine’s role', async () => {
    await run(task('aws-sdk:dynamodb:updateItem', { TableName: 't', Key: { pk: { S: 'a' } } }));
    expect(aws.calls[0]?.key).toBe('AKIAMACHINE');
  });

  it('refuses a parameter that the API does not have', async () => {
    const execution = await run(
      task('aws-sdk:autoscaling:setDesiredCapacity', { AutoScalingGroupName: 'a', DesiredSize: 1 }),
    );
    expect(execution).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
    expect(execution.cause).toContain("'DesiredSize'");
    expect(aws.calls).toEqual([]);
  });

  it('gives the execution’s own input, id and state inside a Map, too', async () => {
    const { States, StartAt } = task('lambda:invoke', {
      FunctionName: 'f',
      Payload: { 'all.$': '$$.Execution.Input', 'id.$': '$$.Execution.Id', 'state.$': '$$.State.Name' },
    });
    const map = { Type: 'Map', ItemsPath: '$.items', ItemProcessor: { StartAt, States }, End: true };
    const execution = await run({ StartAt: 'Each', States: { Each: map } }, { items: [1] });
    expect(execution.status).toBe('SUCCEEDED');
    expect(JSON.parse(aws.calls[0]?.body ?? '')).toEqual({
      all: { items: [1] },
      id: execution.arn,
      state: 'Call',
    });
  });

  it('a call under way is cut off when the engine stops, and nothing is caught or retried then', async () => {
    aws.answers.Invoke = 'hang';
    const called = aws.nextCall();
    const definition = task('lambda:invoke', { FunctionName: 'f' }, ['States.ALL']);
    const execution = start(definition);
    await called;
    await engine.stop();
    expect(execution.status).toBe('ABORTED');
    expect(aws.calls).toHaveLength(1);
    expect(events.map(({ state }) => state)).not.toContain('Caught');
    expect(() => engine.start(MACHINE, 'late', '{}')).toThrow('the engine was stopped');
  });

  it('a machine’s own time limit ends it as timed out', async () => {
    const definition = {
      TimeoutSeconds: 1,
      StartAt: 'Long',
      States: { Long: { Type: 'Wait', Seconds: 3000, End: true } },
    };
    expect(await run(definition)).toMatchObject({ status: 'TIMED_OUT', error: 'States.Timeout' });
  });

  it('a result over 256 KiB is refused', async () => {
    aws.answers.Invoke = { status: 200, body: JSON.stringify('x'.repeat(262_144)) };
    expect(await run(task('lambda:invoke', { FunctionName: 'f' }))).toMatchObject({
      status: 'FAILED',
      error: 'States.DataLimitExceeded',
    });
  });

  it('tells and records what happened, as GetExecutionHistory gives it', async () => {
    const execution = await run(task('lambda:invoke', { FunctionName: 'f' }));
    expect(events.map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'StateEntered',
      'StateExited',
      'ExecutionSucceeded',
    ]);
    const history = (await new StepFunctionsEmulator(engine).handle({
      operation: 'GetExecutionHistory',
      input: { executionArn: execution.arn },
    } as unknown as AwsRequest)) as { events: { id: number; type: string }[] };
    expect(history.events.map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
    expect(history.events[1]).toMatchObject({ id: 2, stateEnteredEventDetails: { name: 'Call' } });
  });
});

describe('preparing a definition', () => {
  const one = (state: object) => ({
    StartAt: 'A',
    States: { A: { Type: 'Task', Resource: 'r', End: true, ...state } },
  });
  const prepared = (state: object) =>
    (prepareDefinition(one(state), 'm').definition.States as Record<string, object>).A;

  it('a Task without a time-out gets none worth the name, one with a time-out keeps it', () => {
    expect(prepared({})).toMatchObject({ TimeoutSeconds: 2_000_000 });
    expect(prepared({ TimeoutSeconds: 30 })).toMatchObject({ TimeoutSeconds: 30 });
    expect(prepared({ TimeoutSecondsPath: '$.t' })).not.toHaveProperty('TimeoutSeconds');
  });

  it.each([
    ['a task token', { Parameters: { 'token.$': '$$.Task.Token' } }, /Task.Token.*does not give/],
    ['a distributed map', { ItemReader: {} }, /distributed map/],
    ['a role of its own', { Credentials: {} }, /Credentials/],
  ])('refuses %s', (_, state, message) => {
    expect(() => prepareDefinition(one(state), 'm')).toThrow(message);
  });
});
