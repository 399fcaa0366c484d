/**
 * The Lambda runtime's part in a function's process: loads the handler from the bundle and calls it, one event at a time.
 * It runs with the function's own environment and nothing of Paddock but its bundle.
 */
import { existsSync } from 'node:fs';
import { enableCompileCache, flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FunctionErrorBody, FunctionMessage, InvokeMessage } from './protocol.ts';

type Handler = (event: unknown, context: unknown) => unknown;

const env = process.env as Record<string, string>;
let current: InvokeMessage | undefined;

function say(message: FunctionMessage, sent?: () => void): void {
  process.send?.(message, undefined, undefined, sent);
}

/** As the runtime writes errors: the name of an Error is its type. */
function describeError(error: unknown, errorType?: string): FunctionErrorBody {
  if (error instanceof Error) {
    return {
      errorType: errorType ?? error.name,
      errorMessage: error.message,
      trace: (error.stack ?? '').split('\n'),
    };
  }
  return { errorType: errorType ?? typeof error, errorMessage: String(error), trace: [] };
}

function runtimeError(errorType: string, message: string): Error {
  const error = new Error(message);
  error.name = `Runtime.${errorType}`;
  return error;
}

/** As Lambda does: `file.mjs` if there is one, else `file.js`. */
async function loadHandler(): Promise<Handler> {
  const [, file = '', name = ''] = /^(.+)\.([^.]+)$/.exec(env._HANDLER ?? '') ?? [];
  const path = join(env.LAMBDA_TASK_ROOT ?? '', file);
  const module = [`${path}.mjs`, `${path}.js`, `${path}.cjs`].find((candidate) => existsSync(candidate));
  if (module === undefined) throw runtimeError('ImportModuleError', `Error: Cannot find module '${file}'`);
  const exported = await exportOf(module, name);
  if (typeof exported !== 'function') {
    throw runtimeError('HandlerNotFound', `${env._HANDLER} is undefined or not exported`);
  }
  if (exported.length >= 3) {
    throw runtimeError('CallbackHandlerDeprecated', `${env._HANDLER} takes a callback: Node.js 24 has none`);
  }
  return exported as Handler;
}

async function exportOf(module: string, name: string): Promise<unknown> {
  try {
    const loaded = (await import(pathToFileURL(module).href)) as Record<string, unknown>;
    return loaded[name] ?? (loaded.default as Record<string, unknown> | undefined)?.[name];
  } catch (error) {
    if (error instanceof SyntaxError) throw runtimeError('UserCodeSyntaxError', String(error));
    if ((error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND') {
      throw runtimeError('ImportModuleError', String(error));
    }
    throw error;
  }
}

const contextOf = ({ id, deadline, functionArn }: InvokeMessage): unknown => ({
  awsRequestId: id,
  functionName: env.AWS_LAMBDA_FUNCTION_NAME,
  functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
  invokedFunctionArn: functionArn,
  memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
  logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
  callbackWaitsForEmptyEventLoop: true,
  getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
});

async function serve(handler: Handler, message: InvokeMessage): Promise<void> {
  current = message;
  try {
    const payload = await handler(message.payload, contextOf(message));
    say({ kind: 'result', id: message.id, payload: payload ?? null });
  } catch (error) {
    say({ kind: 'error', id: message.id, error: describeError(error) });
  }
}

/** A rejection that nobody handles ends the environment, on Lambda too. */
process.on('unhandledRejection', (reason) => {
  console.error('Unhandled Promise Rejection', reason);
  const error = describeError(reason, 'Runtime.UnhandledPromiseRejection');
  if (current === undefined) say({ kind: 'init-error', error }, () => process.exit(128));
  else say({ kind: 'error', id: current.id, error, isFatal: true }, () => process.exit(128));
});

try {
  // Many environments of one function start at once when many pods do: they share the compiled code.
  enableCompileCache();
  const handler = await loadHandler();
  flushCompileCache();
  process.on('message', (message: InvokeMessage) => void serve(handler, message));
  process.on('disconnect', () => process.exit());
  say({ kind: 'ready' });
} catch (error) {
  console.error(error);
  say({ kind: 'init-error', error: describeError(error) });
  process.disconnect?.();
}
