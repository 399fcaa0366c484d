/**
 * The Lambda runtime's part in a function's process: loads the handler from the bundle and calls it, one event at a time.
 * It runs with the function's own environment and nothing of Paddock but its bundle.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { FunctionErrorBody, FunctionMessage, InvokeMessage } from './protocol.ts';

type Handler = (event: unknown, context: unknown) => unknown;

const env = process.env as Record<string, string>;

function say(message: FunctionMessage): void {
  process.send?.(message);
}

function describeError(error: unknown): FunctionErrorBody {
  if (error instanceof Error) {
    return {
      errorType: error.name,
      errorMessage: error.message,
      trace: (error.stack ?? '').split('\n'),
    };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

/** As Lambda does: `file.mjs` if there is one, else `file.js`. */
async function loadHandler(): Promise<Handler> {
  const [, file = '', name = ''] = /^(.+)\.([^.]+)$/.exec(env._HANDLER ?? '') ?? [];
  const path = join(env.LAMBDA_TASK_ROOT ?? '', file);
  const module = existsSync(`${path}.mjs`) ? `${path}.mjs` : `${path}.js`;
  const exported = ((await import(pathToFileURL(module).href)) as Record<string, unknown>)[name];
  if (typeof exported !== 'function') throw new Error(`${env._HANDLER} is undefined or not exported`);
  return exported as Handler;
}

const contextOf = ({ id, deadline }: InvokeMessage): unknown => ({
  awsRequestId: id,
  functionName: env.AWS_LAMBDA_FUNCTION_NAME,
  functionVersion: '$LATEST',
  invokedFunctionArn: env.PADDOCK_LOCAL_FUNCTION_ARN,
  memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  logGroupName: `/aws/lambda/${env.AWS_LAMBDA_FUNCTION_NAME}`,
  logStreamName: `local-${process.pid}`,
  callbackWaitsForEmptyEventLoop: true,
  getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
});

try {
  const handler = await loadHandler();
  process.on('message', async (message: InvokeMessage) => {
    try {
      const payload = await handler(message.payload, contextOf(message));
      say({ kind: 'result', id: message.id, payload: payload ?? null });
    } catch (error) {
      say({ kind: 'error', id: message.id, error: describeError(error) });
    }
  });
  process.on('disconnect', () => process.exit());
  say({ kind: 'ready' });
} catch (error) {
  say({ kind: 'init-error', error: describeError(error) });
  process.disconnect?.();
}
