import { prepareDefinition } from './definition.ts';
import {
  type Execution,
  executionArn,
  type HistoryEvent,
  type MachineSpec,
  Run,
  type Runnable,
  runnable,
} from './execution.ts';
import { Integrations } from './integrations.ts';

export type { Execution, HistoryEvent, MachineSpec } from './execution.ts';

export interface EngineOptions {
  endpoint: string;
  region: string;
  /** Tells what happens, for the live view and tests. */
  onEvent?(execution: Execution, event: HistoryEvent): void;
}

/** What is kept of each machine's ended executions. */
const KEPT = { STANDARD: 1000, EXPRESS: 100 };
/** AWS's own limit on the history of an execution. */
const MAX_HISTORY = 25_000;

interface Machine {
  runnable: Runnable;
  integrations: Integrations;
  executions: Map<string, Execution>;
}

/**
 * Runs state machines of the template in this process; their Tasks reach AWS through the real SDK clients.
 *
 * Differs from AWS: `$$.State.EnteredTime` is the time at which it is read, `$$.Map` exists in a Map's ItemSelector only,
 * and a Wait holds 24 days at most.
 */
export class Engine {
  readonly #options: EngineOptions;
  readonly #machines = new Map<string, Machine>();
  readonly #runs = new Map<string, Run>();
  #isStopped = false;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  /** @throws Error when the definition is invalid or uses what the engine can't run. */
  add(spec: MachineSpec): void {
    const { endpoint, region } = this.#options;
    const integrations = new Integrations({ endpoint, region, credentials: spec.credentials });
    const prepared = prepareDefinition(spec.definition, spec.arn);
    const handlers = prepared.tasks.map(
      ({ name, resource }) => [name, integrations.handler(resource)] as const,
    );
    this.#machines.set(spec.arn, {
      runnable: runnable(spec, prepared, Object.fromEntries(handlers)),
      integrations,
      executions: new Map(),
    });
  }

  machine(arn: string): MachineSpec | undefined {
    return this.#machines.get(arn)?.runnable.spec;
  }

  get machines(): MachineSpec[] {
    return [...this.#machines.values()].map((machine) => machine.runnable.spec);
  }

  execution(arn: string): Execution | undefined {
    for (const { executions } of this.#machines.values()) {
      const found = executions.get(arn);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Newest first. */
  executions(machineArn: string): Execution[] {
    return [...(this.#machines.get(machineArn)?.executions.values() ?? [])].reverse();
  }

  /**
   * Starts an execution of a machine that was added; `input` is JSON text.
   *
   * @param startedAt epoch milliseconds that the execution is told as its start
   * @throws Error when there is no such machine or the engine was stopped.
   */
  start(machineArn: string, name: string, input: string, startedAt = Date.now()): Execution {
    const machine = this.#machines.get(machineArn);
    if (machine === undefined) throw new Error(`There is no state machine ${machineArn}.`);
    if (this.#isStopped) throw new Error(`${machineArn} was not started: the engine was stopped.`);
    const { type } = machine.runnable.spec;
    const execution: Execution = {
      arn: executionArn(machineArn, name, type),
      name,
      machineArn,
      input,
      status: 'RUNNING',
      startedAt,
      history: [],
    };
    forgetOldest(machine.executions, KEPT[type]);
    machine.executions.set(execution.arn, execution);
    const run = new Run(machine.runnable, execution, (event) => this.#note(type, execution, event));
    this.#runs.set(execution.arn, run);
    void run.ended.then(() => this.#runs.delete(execution.arn));
    return execution;
  }

  /** Aborts an execution; resolves when it has ended and none of its Tasks is under way. */
  async abort(arn: string): Promise<void> {
    const run = this.#runs.get(arn);
    run?.abort();
    await run?.ended;
  }

  /** Aborts all, for good; resolves when they have ended and no connection is left. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#runs.keys()].map((arn) => this.abort(arn)));
    for (const { integrations } of this.#machines.values()) integrations.destroy();
  }

  #note(type: MachineSpec['type'], execution: Execution, event: HistoryEvent): void {
    if (type === 'STANDARD' && execution.history.length < MAX_HISTORY) execution.history.push(event);
    this.#options.onEvent?.(execution, event);
  }
}

function forgetOldest(executions: Map<string, Execution>, kept: number): void {
  if (executions.size < kept) return;
  for (const [arn, { status }] of executions) {
    if (status === 'RUNNING') continue;
    executions.delete(arn);
    return;
  }
}
