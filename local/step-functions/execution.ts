import { randomUUID } from 'node:crypto';
import { ExecutionAbortedError, ExecutionTimeoutError, StateMachine } from 'aws-local-stepfunctions';
import type { PreparedDefinition } from './definition.ts';
import type { TaskHandler } from './integrations.ts';

export interface MachineSpec {
  arn: string;
  type: 'STANDARD' | 'EXPRESS';
  /** Resolved: no substitutions left. */
  definition: unknown;
  roleArn: string;
  /** Signs what the machine's Tasks call. */
  credentials: { accessKeyId: string; secretAccessKey: string };
}

export interface HistoryEvent {
  /** `ExecutionStarted`, `StateEntered`, `StateExited`, `StateFailed`, `MapIterationStarted` …, `ExecutionSucceeded`. */
  type: string;
  /** Epoch milliseconds. */
  at: number;
  state?: string;
  /** `Task`, `Wait`, `Map` … of that state. */
  stateType?: string;
  /** JSON text: of `StateEntered` and `StateExited`. */
  input?: string;
  output?: string;
  error?: string;
  cause?: string;
}

export interface Execution {
  arn: string;
  name: string;
  machineArn: string;
  /** JSON text. */
  input: string;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  /** Epoch milliseconds. */
  startedAt: number;
  stoppedAt?: number;
  output?: string;
  error?: string;
  cause?: string;
  /** Of Standard executions only: Express keeps none. */
  history: HistoryEvent[];
}

/** A definition that is ready to run, with the handlers of its Tasks. */
export interface Runnable {
  readonly spec: MachineSpec;
  readonly prepared: PreparedDefinition;
  readonly runner: StateMachine;
  readonly handlers: Readonly<Record<string, TaskHandler>>;
}

/** AWS ends an Express execution after five minutes. */
const EXPRESS_LIMIT_MS = 300_000;
/** AWS's own limit on the payload of a state. */
const MAX_PAYLOAD_BYTES = 262_144;

/** @throws Error when the definition is invalid. */
export function runnable(
  spec: MachineSpec,
  prepared: PreparedDefinition,
  handlers: Runnable['handlers'],
): Runnable {
  const options = { validationOptions: { checkArn: false } };
  return { spec, prepared, handlers, runner: new StateMachine(prepared.definition as never, options) };
}

/** One execution that is under way. */
export class Run {
  readonly execution: Execution;
  /** Settles when the execution has ended and none of its Tasks is under way any more; never rejects. */
  readonly ended: Promise<void>;
  readonly #note: (event: HistoryEvent) => void;
  readonly #tasks = new Set<Promise<unknown>>();
  readonly #cancelled = new AbortController();
  #abort: () => void = () => undefined;
  #isTimedOut = false;

  constructor(machine: Runnable, execution: Execution, note: (event: HistoryEvent) => void) {
    this.execution = execution;
    this.#note = note;
    this.ended = this.#run(machine);
  }

  /** Ends the execution: waits end at once, calls under way are cut off. */
  abort(): void {
    this.#abort();
    this.#cancelled.abort();
  }

  async #run(machine: Runnable): Promise<void> {
    const { execution } = this;
    this.#note({ type: 'ExecutionStarted', at: execution.startedAt });
    const { abort, result, eventLogs } = machine.runner.run(JSON.parse(execution.input), {
      overrides: { taskResourceLocalHandlers: this.#taskHandlers(machine.handlers) as never },
      context: contextOf(machine, execution),
    });
    this.#abort = abort;
    const limit =
      machine.spec.type === 'EXPRESS' ? setTimeout(() => this.#timeOut(), EXPRESS_LIMIT_MS) : undefined;
    await Promise.all([this.#follow(eventLogs), this.#settle(result)]);
    clearTimeout(limit);
    this.#cancelled.abort();
    await Promise.allSettled(this.#tasks);
    this.#note({
      type: ENDED[execution.status],
      at: execution.stoppedAt ?? Date.now(),
      ...(execution.error === undefined ? {} : { error: execution.error }),
      ...(execution.cause === undefined ? {} : { cause: execution.cause }),
    });
  }

  #timeOut(): void {
    this.#isTimedOut = true;
    this.abort();
  }

  #taskHandlers(handlers: Runnable['handlers']): Record<string, (input: unknown) => Promise<unknown>> {
    const tracked = (handler: TaskHandler) => async (input: unknown) => {
      this.#cancelled.signal.throwIfAborted();
      const task = handler(input, this.#cancelled.signal);
      this.#tasks.add(task);
      try {
        return withinLimit(await task);
      } finally {
        this.#tasks.delete(task);
      }
    };
    return Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [name, tracked(handler)]));
  }

  async #settle(result: Promise<unknown>): Promise<void> {
    const { execution } = this;
    try {
      execution.output = JSON.stringify(await result);
      execution.status = 'SUCCEEDED';
    } catch (error) {
      if (this.#isTimedOut || error instanceof ExecutionTimeoutError) {
        execution.status = 'TIMED_OUT';
        execution.error = 'States.Timeout';
      } else if (error instanceof ExecutionAbortedError) {
        execution.status = 'ABORTED';
      } else {
        const cause = ((error as Error).cause ?? error) as Error;
        execution.status = 'FAILED';
        execution.error = cause.name;
        execution.cause = cause.message;
      }
    }
    execution.stoppedAt = Date.now();
  }

  async #follow(events: AsyncIterable<object>): Promise<void> {
    for await (const event of events) {
      const { type, timestamp, state, Error: error, Cause: cause } = event as EngineEvent;
      // The engine's own start and end are noted by this class, which knows more.
      if (type.startsWith('Execution')) continue;
      this.#note({
        type,
        at: timestamp,
        ...(state === undefined ? {} : { state: state.name, stateType: state.type }),
        ...(type === 'StateEntered' ? { input: JSON.stringify(state?.input) } : {}),
        ...(type === 'StateExited' ? { output: JSON.stringify(state?.output) } : {}),
        ...(error === undefined ? {} : { error, cause: String(cause) }),
      });
    }
  }
}

interface EngineEvent {
  type: string;
  timestamp: number;
  state?: { name: string; type: string; input?: unknown; output?: unknown };
  Error?: string;
  Cause?: unknown;
}

const ENDED: Readonly<Record<Execution['status'], string>> = {
  RUNNING: 'ExecutionStarted',
  SUCCEEDED: 'ExecutionSucceeded',
  FAILED: 'ExecutionFailed',
  TIMED_OUT: 'ExecutionTimedOut',
  ABORTED: 'ExecutionAborted',
};

/** See prepareDefinition: paths of the definition are led to these names. */
function contextOf({ spec, prepared }: Runnable, execution: Execution): Record<string, unknown> {
  return {
    Whole: {
      Id: execution.arn,
      Name: execution.name,
      RoleArn: spec.roleArn,
      StartTime: new Date(execution.startedAt).toISOString(),
      Input: JSON.parse(execution.input),
    },
    StateMachine: { Id: spec.arn, Name: spec.arn.split(':').at(-1) },
    StateNames: prepared.stateNames,
    Clock: {
      get Now() {
        return new Date().toISOString();
      },
    },
  };
}

function withinLimit(result: unknown): unknown {
  const size = Buffer.byteLength(JSON.stringify(result) ?? '');
  if (size <= MAX_PAYLOAD_BYTES) return result;
  const error = new Error(`The result has ${size} bytes; a state's payload may have ${MAX_PAYLOAD_BYTES}`);
  error.name = 'States.DataLimitExceeded';
  throw error;
}

/** Express executions may share a name, so their ARN ends in an id of its own. */
export function executionArn(machineArn: string, name: string, type: MachineSpec['type']): string {
  return type === 'EXPRESS'
    ? `${machineArn.replace(':stateMachine:', ':express:')}:${name}:${randomUUID()}`
    : `${machineArn.replace(':stateMachine:', ':execution:')}:${name}`;
}
