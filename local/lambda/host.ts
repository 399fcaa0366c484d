import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import {
  type AwsSettings,
  ExecutionEnvironment,
  type FunctionSpec,
  type InvokeResult,
} from './environment.ts';

export type { FunctionSpec, InvokeResult } from './environment.ts';

export interface InvocationStats {
  durationsMs: number[];
  errors: number;
}

export interface LambdaHostOptions {
  functions: readonly FunctionSpec[];
  endpointUrl: string;
  region: string;
  /** One log file per function. */
  logDir: string;
  /** Processes per function at most; events beyond wait for one. Default 10. */
  maxProcesses?: number;
}

interface Hosted {
  spec: FunctionSpec;
  log: WriteStream;
  idle: ExecutionEnvironment[];
  all: Set<ExecutionEnvironment>;
  /** Events under way, and those that wait because all processes are busy. */
  busy: number;
  waiting: (() => void)[];
  stats: InvocationStats;
}

/** Runs the functions of the template from their bundles, each in processes of its own that are kept warm. */
export class LambdaHost {
  readonly #functions: Hosted[];
  readonly #aws: AwsSettings;
  readonly #maxProcesses: number;
  #stopping = false;

  constructor({ functions, endpointUrl, region, logDir, maxProcesses = 10 }: LambdaHostOptions) {
    mkdirSync(logDir, { recursive: true });
    this.#aws = { endpointUrl, region };
    this.#maxProcesses = maxProcesses;
    this.#functions = functions.map((spec) => ({
      spec,
      log: logFile(join(logDir, `${spec.name}.log`)),
      idle: [],
      all: new Set(),
      busy: 0,
      waiting: [],
      stats: { durationsMs: [], errors: 0 },
    }));
  }

  /** Undefined when there is no such function; the name, or its ARN with or without a qualifier. */
  find(nameOrArn: string): FunctionSpec | undefined {
    return this.#hosted(nameOrArn)?.spec;
  }

  /**
   * Calls a function and waits for its answer; a function's failure is an answer, too.
   *
   * @throws Error when there is no such function or the host is being stopped.
   */
  async invoke(nameOrArn: string, payload: unknown): Promise<InvokeResult> {
    const hosted = this.#hosted(nameOrArn);
    if (!hosted) throw new Error(`There is no function '${nameOrArn}'.`);
    if (this.#stopping) throw stopping(hosted);
    const begun = performance.now();
    await this.#turn(hosted);
    try {
      return await this.#serve(hosted, payload, begun);
    } finally {
      hosted.busy -= 1;
      hosted.waiting.shift()?.();
    }
  }

  /** Loads a function ahead of its first event. */
  warm(nameOrArn: string): void {
    const hosted = this.#hosted(nameOrArn);
    if (hosted && hosted.all.size === 0) hosted.idle.push(this.#launch(hosted));
  }

  /** Durations as seen by the caller, cold starts included, since the start or the last reset. */
  stats(nameOrArn: string): InvocationStats {
    return this.#hosted(nameOrArn)?.stats ?? { durationsMs: [], errors: 0 };
  }

  resetStats(): void {
    for (const hosted of this.#functions) hosted.stats = { durationsMs: [], errors: 0 };
  }

  /** Kills a function's processes wherever they are; the next call starts a new one. Returns how many served an event. */
  kill(nameOrArn: string): number {
    const hosted = this.#hosted(nameOrArn);
    if (!hosted) return 0;
    const serving = hosted.all.size - hosted.idle.length;
    for (const environment of hosted.all) environment.kill();
    hosted.all.clear();
    hosted.idle = [];
    return serving;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(
      this.#functions.flatMap(({ all }) => [...all].map((environment) => environment.stop())),
    );
    await Promise.all(this.#functions.map(({ log }) => new Promise<void>((resolve) => log.end(resolve))));
  }

  async #turn(hosted: Hosted): Promise<void> {
    while (hosted.busy >= this.#maxProcesses) {
      await new Promise<void>((resolve) => hosted.waiting.push(resolve));
    }
    hosted.busy += 1;
  }

  async #serve(hosted: Hosted, payload: unknown, begun: number): Promise<InvokeResult> {
    if (this.#stopping) throw stopping(hosted);
    hosted.idle = hosted.idle.filter((idle) => idle.isAlive);
    const environment = hosted.idle.pop() ?? this.#launch(hosted);
    const result = await environment.invoke(payload);
    hosted.stats.durationsMs.push(performance.now() - begun);
    if ('functionError' in result) hosted.stats.errors += 1;
    if (environment.isAlive && !this.#stopping) hosted.idle.push(environment);
    else hosted.all.delete(environment);
    return result;
  }

  #launch(hosted: Hosted): ExecutionEnvironment {
    const environment = new ExecutionEnvironment(hosted.spec, this.#aws, hosted.log);
    hosted.all.add(environment);
    return environment;
  }

  #hosted(nameOrArn: string): Hosted | undefined {
    return this.#functions.find(
      ({ spec }) => spec.name === nameOrArn || spec.arn === nameOrArn || nameOrArn.startsWith(`${spec.arn}:`),
    );
  }
}

const stopping = ({ spec }: Hosted): Error =>
  new Error(`${spec.name} was not called: the Lambda host is being stopped.`);

/** Shared by all processes of a function: each listens for its end. */
function logFile(path: string): WriteStream {
  return createWriteStream(path).setMaxListeners(0);
}
