import { setTimeout as delay } from 'node:timers/promises';
import { AwsError, type AwsRequest, type ServiceEmulator } from '../front/types.ts';
import type { LambdaHost } from './host.ts';

/** Lambda tries an asynchronous event three times; the pauses are a minute and two, shorter here. */
const ASYNC_PAUSES_MS = [1000, 2000];

/** The `lambda` API over the host: Invoke, synchronous (`RequestResponse`) or not (`Event`). */
export class LambdaEmulator implements ServiceEmulator {
  readonly service = 'lambda' as const;
  readonly #host: LambdaHost;

  constructor(host: LambdaHost) {
    this.#host = host;
  }

  async handle({ operation, input, rawBody }: AwsRequest): Promise<unknown> {
    if (operation !== 'Invoke') {
      throw new AwsError('UnknownOperationException', `The local Lambda has no ${operation}.`, 404);
    }
    const name = String(input.FunctionName);
    if (!this.#host.find(name)) {
      throw new AwsError('ResourceNotFoundException', `Function not found: ${name}`, 404);
    }
    const payload = parsePayload(rawBody);
    if (input.InvocationType === 'Event') {
      void this.#invokeLater(name, payload);
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

  async #invokeLater(name: string, payload: unknown): Promise<void> {
    for (const pause of [...ASYNC_PAUSES_MS, 0]) {
      // A host that is being stopped refuses: then nobody is left to tell.
      const result = await this.#host.invoke(name, payload).catch(() => undefined);
      if (result === undefined || !('functionError' in result)) return;
      await delay(pause, undefined, { ref: false });
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
