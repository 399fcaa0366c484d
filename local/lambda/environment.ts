import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { WriteStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FunctionErrorBody, FunctionMessage } from './protocol.ts';

export interface FunctionSpec {
  name: string;
  arn: string;
  /** Folder of the bundle. */
  codePath: string;
  /** `file.export`, as the template has it. */
  handler: string;
  environment: Record<string, string>;
  timeoutSeconds: number;
  memoryMb: number;
  credentials: { accessKeyId: string; secretAccessKey: string };
}

export type InvokeResult = { payload: unknown } | { functionError: 'Unhandled'; payload: FunctionErrorBody };

const BOOTSTRAP = fileURLToPath(new URL('./bootstrap.ts', import.meta.url));

/** One execution environment: a process that keeps the function loaded and serves one event at a time. */
export class ExecutionEnvironment {
  readonly #spec: FunctionSpec;
  readonly #child: ChildProcess;
  readonly #ready: Promise<FunctionErrorBody | undefined>;
  #exited = false;

  constructor(spec: FunctionSpec, aws: { endpointUrl: string; region: string }, log: WriteStream) {
    this.#spec = spec;
    this.#child = fork(BOOTSTRAP, [], {
      env: environmentOf(spec, aws),
      cwd: spec.codePath,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'json',
      execArgv: [`--max-old-space-size=${spec.memoryMb}`],
    });
    this.#child.stdout?.pipe(log, { end: false });
    this.#child.stderr?.pipe(log, { end: false });
    this.#child.once('exit', () => {
      this.#exited = true;
    });
    this.#ready = this.#untilReady();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get isAlive(): boolean {
    return !this.#exited && !this.#child.killed;
  }

  /** Never rejects: what goes wrong is the function's error, as Lambda answers it. */
  async invoke(payload: unknown): Promise<InvokeResult> {
    const initError = await this.#ready;
    if (initError) return unhandled(initError);
    const { timeoutSeconds, name } = this.#spec;
    const id = randomUUID();
    return new Promise((resolve) => {
      const finish = (result: InvokeResult): void => {
        clearTimeout(timer);
        this.#child.off('message', onMessage);
        this.#child.off('exit', onExit);
        resolve(result);
      };
      const onMessage = (message: FunctionMessage): void => {
        if (message.kind === 'result' && message.id === id) finish({ payload: message.payload });
        if (message.kind === 'error' && message.id === id) finish(unhandled(message.error));
      };
      const onExit = (): void => finish(unhandled(exitError(this.#child, id, name)));
      const timer = setTimeout(() => {
        this.kill();
        const errorMessage = `${new Date().toISOString()} ${id} Task timed out after ${timeoutSeconds.toFixed(2)} seconds`;
        finish(unhandled({ errorType: 'Sandbox.Timedout', errorMessage, trace: [] }));
      }, timeoutSeconds * 1000);
      this.#child.on('message', onMessage);
      this.#child.once('exit', onExit);
      if (this.#exited) onExit();
      else this.#child.send({ id, payload, deadline: Date.now() + timeoutSeconds * 1000 }, () => undefined);
    });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  async stop(): Promise<void> {
    if (this.#exited) return;
    const exit = once(this.#child, 'exit');
    this.kill();
    await exit;
  }

  #untilReady(): Promise<FunctionErrorBody | undefined> {
    return new Promise((resolve) => {
      this.#child.once('message', (message: FunctionMessage) => {
        resolve(message.kind === 'init-error' ? message.error : undefined);
      });
      this.#child.once('exit', () => resolve(exitError(this.#child, 'init', this.#spec.name)));
      this.#child.once('error', (error) =>
        resolve({ errorType: 'Runtime.ExitError', errorMessage: error.message, trace: [] }),
      );
    });
  }
}

const unhandled = (error: FunctionErrorBody): InvokeResult => ({
  functionError: 'Unhandled',
  payload: error,
});

function exitError(child: ChildProcess, id: string, name: string): FunctionErrorBody {
  const how = child.signalCode === null ? `exit status ${child.exitCode}` : `signal ${child.signalCode}`;
  return {
    errorType: 'Runtime.ExitError',
    errorMessage: `RequestId: ${id} Error: Runtime exited with error: ${how} (${name})`,
    trace: [],
  };
}

/** Only what Lambda itself sets, and the function's own variables: nothing leaks in from this machine. */
function environmentOf(spec: FunctionSpec, aws: { endpointUrl: string; region: string }): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    TZ: ':UTC',
    ...spec.environment,
    AWS_REGION: aws.region,
    AWS_DEFAULT_REGION: aws.region,
    AWS_ENDPOINT_URL: aws.endpointUrl,
    AWS_ACCESS_KEY_ID: spec.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: spec.credentials.secretAccessKey,
    AWS_LAMBDA_FUNCTION_NAME: spec.name,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    LAMBDA_TASK_ROOT: spec.codePath,
    _HANDLER: spec.handler,
    PADDOCK_LOCAL_FUNCTION_ARN: spec.arn,
  };
}
