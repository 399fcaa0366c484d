import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { AwsError, type AwsRequest, type ServiceEmulator } from '../front/types.ts';
import type { Engine, Execution } from './engine.ts';

const startInput = z.looseObject({
  stateMachineArn: z.string(),
  name: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,80}$/)
    .optional(),
  input: z.string().default('{}'),
});
const executionInput = z.looseObject({ executionArn: z.string() });
const listInput = z.looseObject({ stateMachineArn: z.string(), statusFilter: z.string().optional() });

const seconds = (ms: number): number => ms / 1000;

/** The `states` API over the engine. Times are epoch seconds, as its JSON protocol has them. */
export class StepFunctionsEmulator implements ServiceEmulator {
  readonly service = 'states' as const;
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async handle({ operation, input }: AwsRequest): Promise<unknown> {
    switch (operation) {
      case 'StartExecution':
        return this.#start(parse(startInput, input));
      case 'DescribeExecution':
        return describe(this.#find(parse(executionInput, input).executionArn));
      case 'StopExecution': {
        const execution = this.#find(parse(executionInput, input).executionArn);
        await this.#engine.abort(execution.arn);
        return { stopDate: seconds(execution.stoppedAt ?? Date.now()) };
      }
      case 'ListExecutions':
        return this.#list(parse(listInput, input));
      case 'GetExecutionHistory':
        return history(this.#find(parse(executionInput, input).executionArn));
      case 'ListStateMachines':
        return {
          stateMachines: this.#engine.machines.map(({ arn, type }) => ({
            stateMachineArn: arn,
            name: arn.split(':').at(-1),
            type,
            creationDate: 0,
          })),
        };
      default:
        throw new AwsError('UnknownOperationException', `The local Step Functions has no ${operation}.`);
    }
  }

  /**
   * A Standard execution's name is unique: the same name with the same input while it runs answers with the running one,
   * anything else is refused.
   */
  #start({ stateMachineArn, name = randomUUID(), input }: z.infer<typeof startInput>): unknown {
    const machine = this.#engine.machine(stateMachineArn);
    if (!machine) {
      throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${stateMachineArn}'`);
    }
    try {
      JSON.parse(input);
    } catch {
      throw new AwsError('InvalidExecutionInput', 'The input of the execution is not valid JSON.');
    }
    if (machine.type === 'STANDARD') {
      const existing = this.#engine.execution(
        `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`,
      );
      if (existing?.status === 'RUNNING' && existing.input === input) return started(existing);
      if (existing) {
        throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${existing.arn}'`);
      }
    }
    return started(this.#engine.start(stateMachineArn, name, input));
  }

  #find(arn: string): Execution {
    const execution = this.#engine.execution(arn);
    if (!execution) throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
    return execution;
  }

  #list({ stateMachineArn, statusFilter }: z.infer<typeof listInput>): unknown {
    if (this.#engine.machine(stateMachineArn)?.type === 'EXPRESS') {
      throw new AwsError(
        'StateMachineTypeNotSupported',
        'Express executions are not listed: read their log.',
      );
    }
    return {
      executions: this.#engine
        .executions(stateMachineArn)
        .filter(({ status }) => statusFilter === undefined || status === statusFilter)
        .map(summary),
    };
  }
}

function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new AwsError('ValidationException', z.prettifyError(parsed.error));
}

const started = (execution: Execution): unknown => ({
  executionArn: execution.arn,
  startDate: seconds(execution.startedAt),
});

const summary = (execution: Execution): Record<string, unknown> => ({
  executionArn: execution.arn,
  stateMachineArn: execution.machineArn,
  name: execution.name,
  status: execution.status,
  startDate: seconds(execution.startedAt),
  ...(execution.stoppedAt === undefined ? {} : { stopDate: seconds(execution.stoppedAt) }),
});

const describe = (execution: Execution): unknown => ({
  ...summary(execution),
  input: execution.input,
  ...(execution.output === undefined ? {} : { output: execution.output }),
  ...(execution.error === undefined ? {} : { error: execution.error, cause: execution.cause }),
});

const history = (execution: Execution): unknown => ({
  events: execution.history.map((event, index) => ({
    id: index + 1,
    previousEventId: index,
    timestamp: seconds(event.at),
    type: event.type,
    ...(event.state === undefined ? {} : { stateEnteredEventDetails: { name: event.state } }),
    ...(event.error === undefined
      ? {}
      : { executionFailedEventDetails: { error: event.error, cause: event.cause } }),
  })),
});
