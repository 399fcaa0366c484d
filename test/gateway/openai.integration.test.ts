import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI, {
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InternalServerError,
  NotFoundError,
} from 'openai';
import { recordedAwsCalls } from '../../local/permissions/recorder.ts';
import { expectRecorded } from '../permissions/recordings.ts';
import { until } from '../worker/harness.ts';
import { EMBEDDING_MODEL, MODEL, MODELS } from './config.ts';
import { GatewayRig } from './rig.ts';

/** The official client, unchanged, against the gateway as the templates make it; a real worker answers. */
let rig: GatewayRig;
let client: OpenAI;

beforeAll(async () => {
  rig = new GatewayRig();
  await rig.start();
  client = rig.client;
  await rig.startWorker({ decodeRate: 200, prefillRate: 1_000_000 });
});
afterAll(() => rig.stop());

const ask = (
  more: Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming> = {},
  options?: OpenAI.RequestOptions,
  by = client,
) => by.responses.create({ model: 'tiny', input: 'Why?', background: true, ...more }, options);

/** As the client's documentation polls a background response. */
async function final(id: string): Promise<OpenAI.Responses.Response> {
  let response = await client.responses.retrieve(id);
  await until(async () => {
    response = await client.responses.retrieve(id);
    return response.status !== 'queued' && response.status !== 'in_progress';
  });
  return response;
}

describe('the official client', () => {
  it('submits, polls, and has the answer', async () => {
    const submitted = await ask({ instructions: 'Be brief.', max_output_tokens: 20, metadata: { job: '7' } });
    expect(submitted).toMatchObject({ object: 'response', status: 'queued', background: true });
    expect(submitted._request_id).toMatch(/^[0-9a-f-]{36}$/);
    const response = await final(submitted.id);

    expect(response).toMatchObject({
      id: submitted.id,
      status: 'completed',
      metadata: { job: '7' },
      error: null,
    });
    expect(response.output_text.length).toBeGreaterThan(0);
    expect(response.usage?.output_tokens).toBeGreaterThan(0);
  });

  it.each([
    ['/chat/completions', { messages: [{ role: 'user', content: 'Why?' }] }],
    ['/embeddings', { model: EMBEDDING_MODEL, input: ['one', 'two'] }],
  ])('queues a body of %s and reads its answer in the response', async (path, more) => {
    const submitted = await client.post<{ id: string; status: string }>(path, {
      body: { model: MODEL, ...more },
    });
    expect(submitted.status).toBe('queued');
    const response = (await final(submitted.id)) as OpenAI.Responses.Response & {
      paddock: { body: object };
    };

    expect(response.status).toBe('completed');
    expect(response.paddock.body).toMatchObject(
      path === '/embeddings' ? { object: 'list' } : { choices: [{}] },
    );
  });

  it('shows what there is of a response while it is written, and then the whole', async () => {
    const bodies = {
      '/responses': { input: 'Why?', background: true, max_output_tokens: 1500 },
      '/chat/completions': { messages: [{ role: 'user', content: 'Why?' }], max_tokens: 1500 },
    };
    await Promise.all(
      Object.entries(bodies).map(async ([path, more]) => {
        const { id } = await client.post<{ id: string }>(path, { body: { model: 'tiny', ...more } });
        let response = await client.responses.retrieve(id);
        await until(async () => {
          response = await client.responses.retrieve(id);
          return response.output_text !== '';
        });
        expect(response).toMatchObject({
          ...{ status: 'in_progress', output: [{ type: 'message', status: 'in_progress' }] },
        });
        const whole = await final(id);
        expect(whole).toMatchObject({ status: 'completed', output: [{ status: 'completed' }] });
        expect(whole.output_text.startsWith(response.output_text)).toBe(true);
        expect(whole.output_text.length).toBeGreaterThan(response.output_text.length);
        expect(whole.usage?.output_tokens).toBe(1500);
      }),
    );
  });

  it('cancels what waits and what is being worked on; a worker stops, and the message is gone', async () => {
    const { id } = await ask({ max_output_tokens: 20_000 });
    await until(() => rig.events.some((event) => event.kind === 'started' && event.requestId === id));
    await until(async () => (await client.responses.retrieve(id)).status === 'in_progress');
    expect((await client.responses.cancel(id)).status).toBe('cancelled');
    await until(() => rig.events.some((event) => event.kind === 'cut-off' && event.requestId === id));
    await until(() => rig.queued() === 0);

    expect((await client.responses.retrieve(id)).status).toBe('cancelled');
    expect((await client.responses.cancel(id)).status).toBe('cancelled');
  });

  it('deletes, and then there is nothing', async () => {
    const { id } = await ask();
    await final(id);
    await client.responses.delete(id);

    await expect(client.responses.retrieve(id)).rejects.toBeInstanceOf(NotFoundError);
  });

  it('lists the models', async () => {
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual([...MODELS]);
  });

  it('has a long body answered, by way of the bucket', async () => {
    const { id } = await ask({ input: 'x'.repeat(400_000), max_output_tokens: 5 });

    expect((await final(id)).status).toBe('completed');
  });

  it('has one answer for one idempotency key, and a conflict for another body', async () => {
    const options = { headers: { 'Idempotency-Key': 'job-1' } };
    const [one, two] = await Promise.all([ask({}, options), ask({}, options)]);
    expect(one.id).toBe(two.id);
    await final(one.id);
    expect((await ask({}, options)).status).toBe('completed');

    await expect(ask({ input: 'Other?' }, options, rig.hasty)).rejects.toBeInstanceOf(ConflictError);
  });
});

describe('its error classes', () => {
  it.each([
    [
      'a key that is wrong',
      AuthenticationError,
      () => new OpenAI({ ...client, baseURL: client.baseURL, apiKey: 'wrong', maxRetries: 0 }).models.list(),
    ],
    ['no background', BadRequestError, () => ask({ background: false })],
    ['a conversation', BadRequestError, () => ask({ previous_response_id: 'resp_1' })],
    ['a model that is not there', NotFoundError, () => ask({ model: 'gpt-5' })],
    ['a response that is not there', NotFoundError, () => client.responses.retrieve('resp_none')],
    [
      'a stream',
      BadRequestError,
      () => client.responses.create({ model: 'tiny', input: 'x', background: true, stream: true }),
    ],
  ] as const)('fit %s', async (_, type, call) => {
    const error = await call().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );

    expect(error).toBeInstanceOf(type);
    expect((error as InstanceType<typeof BadRequestError>).type).toMatch(/_error$/);
    expect((error as InstanceType<typeof BadRequestError>).requestID).toBeTruthy();
  });

  it('fit a queue that is down: nothing stays behind, and the client’s own retry brings it through', async () => {
    await until(() => rig.queued() === 0);
    const end = rig.front.inject({ service: 'sqs', operation: 'SendMessage', kind: 'error' });
    await expect(ask({}, {}, rig.hasty)).rejects.toBeInstanceOf(InternalServerError);
    expect(rig.queued()).toBe(0);
    setTimeout(end, 1000);
    const { id } = await ask();

    expect((await final(id)).status).toBe('completed');
  });
});

describe('over the wire', () => {
  const body = Buffer.from(JSON.stringify({ model: 'tiny', input: 'Why?', background: true }));
  /** In chunks: without a length. */
  const post = async (bytes: Buffer, headers: Record<string, string> = {}) => {
    const reply = await fetch(`${rig.gateway.url}/v1/responses`, {
      ...{ method: 'POST', duplex: 'half', body: new Blob([new Uint8Array(bytes)]).stream() },
      headers: {
        ...{ authorization: `Bearer ${rig.gateway.apiKey}`, 'content-type': 'application/json', ...headers },
      },
    });
    const { error, id } = (await reply.json()) as { error?: { code: string }; id?: string };
    return [reply.status, error?.code ?? typeof id];
  };

  it('a body in chunks is taken; a compressed one and one that is no text are refused', async () => {
    expect(await post(body)).toEqual([200, 'string']);
    expect(await post(gzipSync(body), { 'content-encoding': 'gzip' })).toEqual([
      ...[415, 'unsupported_content_encoding'],
    ]);
    expect(await post(gzipSync(body))).toEqual([400, 'invalid_encoding']);
    expect(await post(Buffer.alloc(2_500_000, 'x'))).toEqual([413, 'request_too_large']);
  });
});

describe('a request that takes too long each time', () => {
  it('ends as failed with the reason; its message is in the dead-letter queue', async () => {
    await rig.endWorkers();
    await rig.startWorker({ decodeRate: 200 }, { PADDOCK_REQUEST_TIMEOUT_SECONDS: '2' });
    const { id } = await ask({ max_output_tokens: 20_000 });
    const response = await final(id);

    expect(response.status).toBe('failed');
    expect(response.error?.code).toBe('server_error');
    expect(response.error?.message).toMatch(/given up after 2 failed attempts.*no answer within 2 s/);
    await until(() => rig.queued('-dead-letters') === 1);
  });
});

describe('a fleet that sleeps', () => {
  it('was woken by the first submissions: one execution in ten seconds at most', async () => {
    expect(rig.executions.length).toBeGreaterThan(0);
    expect(rig.executions[0]).toEqual({ fleet: 'cpu', trigger: 'gateway' });
    const before = rig.executions.length;
    const begun = Date.now();
    await Promise.all(Array.from({ length: 20 }, () => ask({ max_output_tokens: 1 })));

    const claims = 1 + Math.ceil((Date.now() - begun) / 10_000);
    expect(rig.executions.length - before).toBeLessThanOrEqual(claims);
  });
});

it('needed no permission that the templates do not give, and those that they are tested with', () => {
  expectRecorded('gateway', recordedAwsCalls(rig));
});
