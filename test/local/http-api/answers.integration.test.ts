import { afterEach, describe, expect, it } from '@jest/globals';
import OpenAI, { APIError, InternalServerError, RateLimitError } from 'openai';
import { type HttpApi, startHttpApi } from '../../../local/http-api/server.ts';
import type { HttpApiView } from '../../../local/http-api/template.ts';
import type { InvokeResult } from '../../../local/lambda/environment.ts';

/** What clients see where API Gateway answers itself: its bodies have its own shape, and no HTTP API can change that. */
let api: HttpApi | undefined;
let calls = 0;

const models = { statusCode: 200, body: JSON.stringify({ object: 'list', data: [{ id: 'tiny' }] }) };
const headers = { 'content-type': 'application/json' };

async function setUp(
  view: Partial<HttpApiView> = {},
  invoke: () => Promise<InvokeResult> = async () => ({ payload: { ...models, headers } }),
) {
  calls = 0;
  api = await startHttpApi({
    accountId: '111122223333',
    view: { apiId: 'abc', functionArn: 'arn', throttle: undefined, timeoutMs: 5000, ...view },
    invoke: () => {
      calls += 1;
      return invoke();
    },
  });
  const options = { baseURL: `${api.url}/v1`, apiKey: 'key' };
  return {
    hasty: new OpenAI({ ...options, maxRetries: 0 }),
    patient: new OpenAI({ ...options, maxRetries: 2 }),
  };
}
afterEach(() => api?.stop());

async function failureOf(call: PromiseLike<unknown>): Promise<APIError> {
  const error = await Promise.resolve(call).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof APIError) return error;
  throw new Error(`no answer of an API: ${error}`);
}

describe('the official client', () => {
  it.each([
    ['past the 10 MiB of a request', 10_485_761],
    ['past the 6 MiB of a function’s event', 6_400_000],
  ])('tells a body %s by a 413, and does not repeat it', async (_, bytes) => {
    const { patient } = await setUp();
    const body = { model: 'tiny', input: 'x'.repeat(bytes), background: true };
    const error = await failureOf(patient.responses.create(body));

    expect(error).toMatchObject({ status: 413, message: '413 Request Entity Too Large' });
    expect(error.code).toBeUndefined();
    expect(calls).toBe(0);
  });

  it('knows a throttled request by its own class', async () => {
    const { hasty } = await setUp({ throttle: { rate: 0.001, burst: 1 } });
    await hasty.models.list();
    const error = await failureOf(hasty.models.list());

    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ status: 429, message: '429 Too Many Requests' });
    expect(calls).toBe(1);
  });

  it('comes through a throttle by its own repetitions', async () => {
    const { hasty, patient } = await setUp({ throttle: { rate: 2, burst: 1 } });
    await hasty.models.list();

    expect((await patient.models.list()).data).toHaveLength(1);
  });

  it.each([
    [
      'fails',
      500,
      'Internal Server Error',
      async (): Promise<InvokeResult> => ({ functionError: 'Unhandled', payload: { errorMessage: 'no' } }),
    ],
    ['answers with no answer', 500, 'Internal Server Error', async () => ({ payload: { text: 'no' } })],
    ['takes too long', 503, 'Service Unavailable', () => new Promise<InvokeResult>(() => {})],
  ])('repeats a request whose function %s', async (_, status, message, invoke) => {
    const answers = [invoke];
    const { hasty } = await setUp({ timeoutMs: 100 }, invoke);
    const error = await failureOf(hasty.models.list());
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status, message: `${status} ${message}` });
    await api?.stop();

    const { patient } = await setUp({ timeoutMs: 100 }, () => {
      const next = answers.shift();
      return next ? next() : Promise.resolve({ payload: { ...models, headers } });
    });
    expect((await patient.models.list()).data).toHaveLength(1);
    expect(calls).toBe(2);
  });
});
