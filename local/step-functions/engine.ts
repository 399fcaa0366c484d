import { randomUUID } from 'node:crypto';
import { ExecutionAbortedError, StateMachine } from 'aws-local-stepfunctions';
import { tasksOf } from './definition.ts';
import { type ClientSettings, Integrations } from './integrations.ts';

export interface MachineSpec {
  arn: string;
  type: 'STANDARD' | 'EXPRESS';
  /** Resolved: no substitutions left. */
  definition: unknown;
  roleArn: string;
  /** Signs what the machine's Tasks call. */
  credentials: ClientSettings['credentials'];
}

export interface HistoryEvent {
  type: string;
  at: number;
  state?: string;
  error?: string;
  cause?: string;
}

export interface Execution {
  arn: string;
  name: string;
  machineArn: string;
  input: string;
  status: 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  startedAt: number;
  stoppedAt?: number;
  output?: string;
  error?: string;
  cause?: string;
  history: HistoryEvent[];
}

export interface EngineOptions {
  endpoint: string;
  region: string;
  /** Tells what happens, for the live view and tests. */
  onEvent?(execution: Execution, event: HistoryEvent): void;
}

/** AWS ends an Express execution after five minutes. */
const EXPRESS_LIMIT_MS = 300_000;
/** What is kept of each machine's ended executions. */
const KEPT_EXECUTIONS = 1000;
/** AWS's own limit on the history of an execution. */
const MAX_HISTORY = 25_000;

interface Machine {
  spec: MachineSpec;
  runner: StateMachine;
  handlers: Record<string, (input: unknown) => Promise<unknown>>;
  integrations: Integrations;
}

interface Running {
  abort(): void;
  ended: Promise<void>;
}

/** Runs state machines of the template in this process; their Tasks reach AWS through the real SDK clients. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #machines = new Map<string, Machine>();
  readonly #executions = new Map<string, Execution>();
  readonly #running = new Map<string, Running>();

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** @throws Error when the definition is invalid or uses what the engine can't run. */
  add(spec: MachineSpec): void {
    const integrations = new Integrations({
      endpoint: this.#options.endpoint,
      region: this.#options.region,
      credentials: spec.credentials,
    });
    const tasks = tasksOf(spec.definition, spec.arn);
    this.#machines.set(spec.arn, {
      spec,
      runner: new StateMachine(spec.definition as never, { validationOptions: { checkArn: false } }),
      handlers: Object.fromEntries(tasks.map(({ name, resource }) => [name, integrations.handler(resource)])),
      integrations,
    });
  }

  machine(arn: string): MachineSpec | undefined {
    return this.#machines.get(arn)?.spec;
  }

  get machines(): MachineSpec[] {
    return [...this.#machines.values()].map(({ spec }) => spec);
  }

  execution(arn: string): Execution | undefined {
    return this.#executions.get(arn);
  }

  /** Newest first. */
  executions(machineArn: string): Execution[] {
    return [...this.#executions.values()].filter((e) => e.machineArn === machineArn).reverse();
  }

  /** Starts an execution of a machine that was added; `input` is JSON text. */
  start(machineArn: string, name: string, input: string): Execution {
    const machine = this.#machines.get(machineArn) as Machine;
    const isExpress = machine.spec.type === 'EXPRESS';
    const execution: Execution = {
      arn: executionArn(machineArn, name, isExpress),
      name,
      machineArn,
      input,
      status: 'RUNNING',
      startedAt: Date.now(),
      history: [],
    };
    this.#forgetOld(machineArn);
    this.#executions.set(execution.arn, execution);
    this.#run(machine, execution, isExpress);
    return execution;
  }

  /** Aborts an execution; resolves when it has ended. */
  async abort(arn: string): Promise<void> {
    const running = this.#running.get(arn);
    running?.abort();
    await running?.ended;
  }

  /** Aborts all; resolves when they have ended and no connection is left. */
  async stop(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((arn) => this.abort(arn)));
    for (const { integrations } of this.#machines.values()) integrations.destroy();
  }

  #run({ spec, runner, handlers }: Machine, execution: Execution, isExpress: boolean): void {
    const run = runner.run(JSON.parse(execution.input), {
      overrides: { taskResourceLocalHandlers: handlers as never },
      context: {
        Execution: {
          Id: execution.arn,
          Name: execution.name,
          RoleArn: spec.roleArn,
          StartTime: new Date(execution.startedAt).toISOString(),
        },
        StateMachine: { Id: spec.arn, Name: spec.arn.split(':').at(-1) as string },
      },
    });
    let timedOut = false;
    const timer = isExpress
      ? setTimeout(() => {
          timedOut = true;
          run.abort();
        }, EXPRESS_LIMIT_MS)
      : undefined;
    const ended = Promise.all([this.#follow(execution, run.eventLogs), this.#settle(execution, run.result)])
      .then(() => {
        if (timedOut) {
          execution.status = 'TIMED_OUT';
          execution.error = 'States.Timeout';
        }
        this.#note(execution, { type: `Execution${execution.status}`, ...reasonOf(execution) });
      })
      .finally(() => {
        clearTimeout(timer);
        this.#running.delete(execution.arn);
      });
    this.#running.set(execution.arn, { abort: () => run.abort(), ended });
  }

  async #settle(execution: Execution, result: Promise<unknown>): Promise<void> {
    try {
      execution.output = JSON.stringify(await result);
      execution.status = 'SUCCEEDED';
    } catch (error) {
      const cause = (error as Error).cause as Error | undefined;
      execution.status = error instanceof ExecutionAbortedError ? 'ABORTED' : 'FAILED';
      execution.error = cause?.name ?? (error as Error).name;
      execution.cause = cause?.message ?? (error as Error).message;
    } finally {
      execution.stoppedAt = Date.now();
    }
  }

  async #follow(execution: Execution, events: AsyncIterable<object>): Promise<void> {
    for await (const event of events) {
      const {
        type,
        state,
        Error: error,
        Cause: cause,
      } = event as Record<string, unknown> & {
        type: string;
        state?: { name: string };
      };
      if (type.startsWith('Execution')) continue;
      this.#note(execution, {
        type,
        ...(state ? { state: state.name } : {}),
        ...(error ? { error: String(error), cause: String(cause) } : {}),
      });
    }
  }

  #note(execution: Execution, event: Omit<HistoryEvent, 'at'>): void {
    const noted = { ...event, at: Date.now() };
    if (execution.history.length < MAX_HISTORY) execution.history.push(noted);
    this.#options.onEvent?.(execution, noted);
  }

  #forgetOld(machineArn: string): void {
    const ended = [...this.#executions.values()].filter(
      (e) => e.machineArn === machineArn && e.status !== 'RUNNING',
    );
    for (const { arn } of ended.slice(0, Math.max(0, ended.length - KEPT_EXECUTIONS + 1))) {
      this.#executions.delete(arn);
    }
  }
}

const reasonOf = ({ error, cause }: Execution): { error?: string; cause?: string } => ({
  ...(error === undefined ? {} : { error }),
  ...(cause === undefined ? {} : { cause }),
});

/** Express executions may share a name, so their ARN ends in an id of its own. */
function executionArn(machineArn: string, name: string, isExpress: boolean): string {
  const base = machineArn.replace(':stateMachine:', isExpress ? ':express:' : ':execution:');
  return isExpress ? `${base}:${name}:${randomUUID()}` : `${base}:${name}`;
}
