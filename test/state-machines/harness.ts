import { readFileSync } from 'node:fs';
import { StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions';

export type TaskHandlers = Record<string, (input: never) => unknown>;

/** What a Task handler throws to fail as Step Functions names it. */
export class TaskFailure extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

const SUBSTITUTIONS: Record<string, string> = {
  ScalerFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:scaler',
  WarmupFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:warmup',
  UpgradeFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:upgrade',
  HealthcheckFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:healthcheck',
  ScaleStateMachineArn: 'arn:aws:states:us-east-1:123456789012:stateMachine:scale',
  ClusterName: 'paddock',
  SpotFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:spot',
  WarmupStateMachineArn: 'arn:aws:states:us-east-1:123456789012:stateMachine:warmup',
};

export function definition(name: string): StateMachineDefinition {
  const text = readFileSync(new URL(`../../state-machines/${name}.asl.json`, import.meta.url), 'utf8');
  const filled = text.replaceAll(/\$\{(\w+)\}/g, (_, key: string) => {
    const value = SUBSTITUTIONS[key];
    if (!value) throw new Error(`${name} asks for the substitution ${key}, which nobody gives`);
    return value;
  });
  return JSON.parse(filled) as StateMachineDefinition;
}

/** What a Task came to, in the order of the calls. */
export type Answer = { state: string } & ({ result: unknown } | { error: string; cause: string });

export interface Run {
  /** Of every attempt of every Task. */
  answers: Answer[];
  output?: Record<string, unknown>;
  error?: Error;
  /** Names of the states entered, Map iterations included. */
  states: string[];
}

/** Runs a definition with its Tasks faked by state name; waits and retry pauses take no time. */
export async function run(
  name: string,
  input: object,
  handlers: TaskHandlers,
  execution: { id?: string; startedAt?: Date } = {},
): Promise<Run> {
  // Validation takes half a second: definitions.test.ts does it once.
  const machine = new StateMachine(definition(name), { validationOptions: { noValidate: true } });
  const answers: Answer[] = [];
  const running = machine.run(input as never, {
    overrides: {
      taskResourceLocalHandlers: recording(handlers, answers) as never,
      waitTimeOverrides: Object.fromEntries(waits(definition(name)).map((state) => [state, 0])),
      retryIntervalOverrides: Object.fromEntries(Object.keys(handlers).map((state) => [state, 0])),
    },
    context: {
      Execution: {
        Id: execution.id ?? 'arn:aws:states:us-east-1:123456789012:express:scale:one:run',
        ...(execution.startedAt && { StartTime: execution.startedAt.toISOString() }),
        Name: 'uid-1-first',
      },
      StateMachine: { Id: 'arn:aws:states:us-east-1:123456789012:stateMachine:scale' },
    },
  });
  const states: string[] = [];
  const logs = (async () => {
    for await (const event of running.eventLogs) {
      if (event.type === 'StateEntered') states.push(event.state.name);
    }
  })();
  try {
    const output = (await running.result) as Record<string, unknown>;
    await logs;
    return { output, states, answers };
  } catch (error) {
    await logs;
    return { error: error as Error, states, answers };
  }
}

const waits = ({ States }: StateMachineDefinition): string[] =>
  Object.entries(States).flatMap(([name, { Type }]) => (Type === 'Wait' ? [name] : []));

const recording = (handlers: TaskHandlers, answers: Answer[]): TaskHandlers =>
  Object.fromEntries(
    Object.entries(handlers).map(([state, handler]) => [
      state,
      async (input: never) => {
        try {
          const result = await handler(input);
          answers.push({ state, result });
          return result;
        } catch (error) {
          const { name, message } = error as Error;
          answers.push({ state, error: name, cause: message });
          throw error;
        }
      },
    ]),
  );
