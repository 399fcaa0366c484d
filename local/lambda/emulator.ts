import { setTimeout as delay } from 'node:timers/promises';
import { AwsError, type AwsRequest, type ServiceEmulator } from '../front/types.ts';
import type { FunctionSpec, LambdaHost } from './host.ts';

/** Before an asynchronous event is tried again: a minute and two on AWS, shorter here. */
const RETRY_PAUSES_MS = [1000, 2000];
/** AWS's limit on an event, bytes: synchronous and asynchronous. */
const MAX_EVENT = { sync: 6_291_456, async: 1_048_576 };

/** The `lambda` API over the host: Invoke, synchronous (`RequestResponse`) or not (`Event`). */
export class LambdaEmulator implements ServiceEmulator {
  readonly service = 'lambda' as const;
  readonly #host: Pick<LambdaHost, 'find' | 'invoke'>;
  readonly #retryPausesMs: readonly number[];

  constructor(
    host: Pick<LambdaHost, 'find' | 'invoke'>,
    { retryPausesMs = RETRY_PAUSES_MS }: { retryPausesMs?: readonly number[] } = {},
  ) {
    this.#host = host;
    this.#retryPausesMs = retryPausesMs;
  }

  async handle({ operation, input, rawBody }: AwsRequest): Promise<unknown> {
    if (operation !== 'Invoke') {
      throw new AwsError('UnknownOperationException', `The local Lambda has no ${operation}.`, 404);
    }
    const name = String(input.FunctionName);
    const spec = this.#host.find(name);
    if (!spec) {
      throw new AwsError('ResourceNotFoundException', `Function not found: ${name}`, 404);
    }
    const isAsync = input.InvocationType === 'Event';
    const limit = isAsync ? MAX_EVENT.async : MAX_EVENT.sync;
    if (rawBody.length > limit) {
      const message = `${rawBody.length} byte payload is too large for the ${isAsync ? 'Event' : 'RequestResponse'} invocation type (limit ${limit} bytes)`;
      throw new AwsError('RequestTooLargeException', message, 413);
    }
    const payload = parsePayload(rawBody);
    if (isAsync) {
      void this.#invokeLater(spec, payload);
      return { StatusCode: 202 };
    }
    const result = await this.#host.invoke(name, payload);
    return {
      StatusCode: 200,
      ExecutedVersion: '$LATEST',
      ...('functionError' in result ? { FunctionError: result.functionError } : {}),
      Payload: Buffer.from(JSON.stringify(result.payload)),
    };
  }

  async #invokeLater({ name, asyncRetries = 2 }: FunctionSpec, payload: unknown): Promise<void> {
    for (const pause of [0, ...this.#retryPausesMs.slice(0, asyncRetries)]) {
      await delay(pause, undefined, { ref: false });
      // A host that is being stopped refuses: then nobody is left to tell.
      const result = await this.#host.invoke(name, payload).catch(() => undefined);
      if (result === undefined || !('functionError' in result)) return;
    }
  }
}

function parsePayload(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw new AwsError('InvalidRequestContentException', 'Could not parse request body into json.');
  }
}
