import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { AwsError, type AwsRequest, type ServiceEmulator } from '../front/types.ts';
import type { Engine, Execution } from './engine.ts';
import { executionArn } from './execution.ts';
import { historyEvents } from './history.ts';

const startInput = z.looseObject({
  stateMachineArn: z.string(),
  name: z.string().min(1).max(80).optional(),
  input: z.string().default('{}'),
});
const executionInput = z.looseObject({ executionArn: z.string() });
const listInput = z.looseObject({ stateMachineArn: z.string(), statusFilter: z.string().optional() });

/** What AWS does not take in an execution's name. */
const REFUSED_IN_NAMES = /[\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]/u;

const time = (ms: number): Date => new Date(ms);

/** The `states` API over the engine. */
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
        return { stopDate: time(execution.stoppedAt ?? Date.now()) };
      }
      case 'ListExecutions':
        return this.#list(parse(listInput, input));
      case 'GetExecutionHistory':
        return { events: historyEvents(this.#find(parse(executionInput, input).executionArn)) };
      case 'ListStateMachines':
        return {
          stateMachines: this.#engine.machines.map(({ arn, type }) => ({
            stateMachineArn: arn,
            name: arn.split(':').at(-1),
            type,
            creationDate: time(0),
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
    if (REFUSED_IN_NAMES.test(name)) throw new AwsError('InvalidName', `Invalid Name: '${name}'`);
    try {
      JSON.parse(input);
    } catch {
      throw new AwsError('InvalidExecutionInput', 'The input of the execution is not valid JSON.');
    }
    if (machine.type === 'STANDARD') {
      const existing = this.#engine.execution(executionArn(stateMachineArn, name, machine.type));
      if (existing?.status === 'RUNNING' && existing.input === input) return started(existing);
      if (existing) {
        throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${existing.arn}'`);
      }
    }
    return started(this.#engine.start(stateMachineArn, name, input));
  }

  #find(arn: string): Execution {
    if (arn.split(':')[5] === 'express') {
      throw new AwsError('InvalidArn', "Invalid Arn: 'Resource type not valid in this context: express'");
    }
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
  startDate: time(execution.startedAt),
});

const summary = (execution: Execution): Record<string, unknown> => ({
  executionArn: execution.arn,
  stateMachineArn: execution.machineArn,
  name: execution.name,
  status: execution.status,
  startDate: time(execution.startedAt),
  ...(execution.stoppedAt === undefined ? {} : { stopDate: time(execution.stoppedAt) }),
});

const describe = (execution: Execution): unknown => ({
  ...summary(execution),
  input: execution.input,
  ...(execution.output === undefined ? {} : { output: execution.output }),
  ...(execution.error === undefined ? {} : { error: execution.error, cause: execution.cause }),
});
