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

export interface Run {
  output?: Record<string, unknown>;
  error?: Error;
  /** Names of the states entered, Map iterations included. */
  states: string[];
}

/** Runs a definition with its Tasks faked by state name; waits and retry pauses take no time. */
export async function run(name: string, input: object, handlers: TaskHandlers): Promise<Run> {
  // Validation takes half a second: definitions.test.ts does it once.
  const machine = new StateMachine(definition(name), { validationOptions: { noValidate: true } });
  const execution = machine.run(input as never, {
    overrides: {
      taskResourceLocalHandlers: handlers as never,
      waitTimeOverrides: { Wait: 0, 'Wait first': 0 },
      retryIntervalOverrides: Object.fromEntries(Object.keys(handlers).map((state) => [state, 0])),
    },
    context: {
      Execution: {
        Id: 'arn:aws:states:us-east-1:123456789012:express:scale:one:run',
        Name: 'uid-1-first',
      },
      StateMachine: { Id: 'arn:aws:states:us-east-1:123456789012:stateMachine:scale' },
    },
  });
  const states: string[] = [];
  const logs = (async () => {
    for await (const event of execution.eventLogs) {
      if (event.type === 'StateEntered') states.push(event.state.name);
    }
  })();
  try {
    const output = (await execution.result) as Record<string, unknown>;
    await logs;
    return { output, states };
  } catch (error) {
    await logs;
    return { error: error as Error, states };
  }
}
