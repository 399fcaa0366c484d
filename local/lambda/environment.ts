import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { WriteStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { FunctionErrorBody, FunctionMessage, InvokeMessage } from './protocol.ts';

export interface FunctionSpec {
  name: string;
  arn: string;
  /** Folder of the bundle. */
  codePath: string;
  /** `file.export`, as the template has it. */
  handler: string;
  environment: Readonly<Record<string, string>>;
  timeoutSeconds: number;
  memoryMb: number;
  credentials: { accessKeyId: string; secretAccessKey: string };
  /** Retries of asynchronous events, 0 to 2; default 2. */
  asyncRetries?: number;
}

export interface AwsSettings {
  endpointUrl: string;
  region: string;
}

export type InvokeResult = { payload: unknown } | { functionError: 'Unhandled'; payload: FunctionErrorBody };

const BOOTSTRAP = fileURLToPath(new URL('./bootstrap.ts', import.meta.url));
/** What Lambda gives a function to load, before the first event's own time counts. */
const INIT_SECONDS = 10;

/** One execution environment: a process that keeps the function loaded and serves one event at a time. */
export class ExecutionEnvironment {
  readonly #spec: FunctionSpec;
  readonly #child: ChildProcess;
  readonly #ready: Promise<FunctionErrorBody | undefined>;
  #exited = false;

  constructor(spec: FunctionSpec, aws: AwsSettings, log: WriteStream) {
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

  /** False once the process was told to end, and for one whose bundle did not load. */
  get isAlive(): boolean {
    return !this.#exited && !this.#child.killed && this.#child.connected;
  }

  /** Never rejects: what goes wrong is the function's error, as Lambda answers it. */
  async invoke(payload: unknown): Promise<InvokeResult> {
    const initError = await this.#ready;
    if (initError) {
      this.kill();
      return unhandled(initError);
    }
    const { timeoutSeconds, name, arn } = this.#spec;
    const id = randomUUID();
    const message: InvokeMessage = {
      id,
      payload,
      deadline: Date.now() + timeoutSeconds * 1000,
      functionArn: arn,
    };
    return new Promise((resolve) => {
      const finish = (result: InvokeResult): void => {
        clearTimeout(timer);
        this.#child.off('message', onMessage);
        this.#child.off('exit', onExit);
        resolve(result);
      };
      const onMessage = (answer: FunctionMessage): void => {
        if (answer.kind === 'result' && answer.id === id) finish({ payload: answer.payload });
        if (answer.kind === 'error' && answer.id === id) {
          if (answer.isFatal) this.kill();
          finish(unhandled(answer.error));
        }
      };
      const onExit = (): void => finish(unhandled(exitError(this.#child, id, name)));
      const timer = setTimeout(() => {
        this.kill();
        finish(unhandled(timeoutError(id, timeoutSeconds)));
      }, timeoutSeconds * 1000);
      this.#child.on('message', onMessage);
      this.#child.once('exit', onExit);
      if (this.#exited) onExit();
      // A process that is gone is told by its exit.
      else this.#child.send(message, () => undefined);
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

  /** Undefined when the function is loaded, else why it is not. */
  async #untilReady(): Promise<FunctionErrorBody | undefined> {
    // A first event waits for the load and may use its own time for it, too.
    const limit = INIT_SECONDS + this.#spec.timeoutSeconds;
    let timer: NodeJS.Timeout | undefined;
    const outcome = await new Promise<FunctionErrorBody | undefined>((resolve) => {
      this.#child.once('message', (message: FunctionMessage) => {
        resolve(message.kind === 'init-error' ? message.error : undefined);
      });
      this.#child.once('exit', () => resolve(exitError(this.#child, 'init', this.#spec.name)));
      this.#child.on('error', (error) =>
        resolve({ errorType: 'Runtime.ExitError', errorMessage: error.message, trace: [] }),
      );
      timer = setTimeout(() => resolve(timeoutError('init', limit)), limit * 1000);
    });
    clearTimeout(timer);
    return outcome;
  }
}

const unhandled = (error: FunctionErrorBody): InvokeResult => ({
  functionError: 'Unhandled',
  payload: error,
});

const timeoutError = (id: string, seconds: number): FunctionErrorBody => ({
  errorType: 'Sandbox.Timedout',
  errorMessage: `RequestId: ${id} Error: Task timed out after ${seconds.toFixed(2)} seconds`,
  trace: [],
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
function environmentOf(spec: FunctionSpec, aws: AwsSettings): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    TZ: ':UTC',
    LANG: 'en_US.UTF-8',
    ...spec.environment,
    AWS_REGION: aws.region,
    AWS_DEFAULT_REGION: aws.region,
    AWS_ENDPOINT_URL: aws.endpointUrl,
    AWS_ACCESS_KEY_ID: spec.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: spec.credentials.secretAccessKey,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: spec.name,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(spec.memoryMb),
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${spec.name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: `local/[$LATEST]${randomUUID().replaceAll('-', '')}`,
    LAMBDA_TASK_ROOT: spec.codePath,
    _HANDLER: spec.handler,
  };
}
