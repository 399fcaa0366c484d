import { OTHER_KEY, World } from './world.ts';

const OTHER = { authorization: `Bearer ${OTHER_KEY}` };
const message = (text: string) => ({
  id: 'msg_1',
  ...{ type: 'message', role: 'assistant', status: 'completed' },
  content: [{ type: 'output_text', text, annotations: [] }],
});

describe('a response', () => {
  it('is read as it is: queued, in progress, completed', async () => {
    const world = new World();
    const { id } = (await world.submit({ instructions: 'Be brief.', metadata: { a: 'b' } })).body;
    const read = async () => (await world.call('GET', `/v1/responses/${id}`)).body;
    expect(await read()).toMatchObject({ id, status: 'queued', instructions: 'Be brief.' });

    const status = world.status(id);
    await world.objects.delete(`status/cpu/${id}.json`);
    await world.objects.writeOnce(
      `status/cpu/${id}.json`,
      JSON.stringify({ ...status, status: 'in_progress' }),
    );
    expect(await read()).toMatchObject({ id, status: 'in_progress', output: [] });

    await world.objects.delete(`status/cpu/${id}.json`);
    const partial = { text: 'Bec', reasoning: 'Hm.' };
    await world.objects.writeOnce(
      `status/cpu/${id}.json`,
      JSON.stringify({ ...status, status: 'in_progress', partial, ofANewerVersion: true }),
    );
    expect((await read()).output).toEqual([
      {
        ...{ id: `rs_${id}`, type: 'reasoning', status: 'in_progress' },
        summary: [{ type: 'summary_text', text: 'Hm.' }],
      },
      {
        ...{ id: `msg_${id}`, type: 'message', role: 'assistant', status: 'in_progress' },
        content: [{ type: 'output_text', text: 'Bec', annotations: [], logprobs: [] }],
      },
    ]);

    const usage = { input_tokens: 3, output_tokens: 5, total_tokens: 8 };
    const response = {
      id: 'resp_of_ollama',
      object: 'response',
      status: 'completed',
      output: [message('Because.')],
      usage,
      background: false,
      metadata: {},
    };
    world.finish(id, { status: 'completed', response });
    expect(await read()).toMatchObject({
      ...{ id, status: 'completed', output: [message('Because.')], usage, metadata: { a: 'b' } },
      ...{ background: true, created_at: 1_700_000_000, completed_at: 1_700_000_003 },
    });
  });

  it.each([
    [
      '/v1/chat/completions',
      { messages: [1] },
      {
        choices: [{ message: { content: 'Yes.' } }],
        usage: { prompt_tokens: 2, completion_tokens: 1, total_tokens: 3 },
      },
      'Yes.',
      3,
    ],
    [
      '/api/chat',
      { messages: [1] },
      { message: { role: 'assistant', content: 'Yes.' }, prompt_eval_count: 2, eval_count: 1 },
      'Yes.',
      3,
    ],
    [
      '/api/generate',
      { prompt: 'Why?' },
      { response: 'Yes.', prompt_eval_count: 2, eval_count: 1 },
      'Yes.',
      3,
    ],
    [
      '/v1/embeddings',
      { input: 'one' },
      { data: [{ embedding: [0.5] }], usage: { prompt_tokens: 3, total_tokens: 3 } },
      undefined,
      3,
    ],
  ])(
    'of %s carries the answer as the model server gave it, and its text',
    async (path, more, answer, text, tokens) => {
      const world = new World();
      const { id } = (await world.call('POST', path, { model: 'tiny', ...more })).body;
      world.finish(id, { status: 'completed', response: answer });
      const { body } = await world.call('GET', `/v1/responses/${id}`);

      expect(body).toMatchObject({
        id,
        object: 'response',
        status: 'completed',
        usage: { total_tokens: tokens },
      });
      expect(body.paddock).toMatchObject({ endpoint: path, body: answer });
      expect(body.output[0]?.content[0].text).toBe(text);
    },
  );

  it('says why it failed, in codes that OpenAI has', async () => {
    const world = new World();
    const { id } = (await world.submit()).body;
    world.finish(id, { status: 'failed', error: { code: 'attempts_exhausted', message: 'given up' } });
    const others: string[] = [];
    for (const code of ['http_400', 'http_500', 'invalid_request', 'model_not_found']) {
      others.push((await world.submit()).body.id);
      world.finish(others.at(-1) ?? '', { status: 'failed', error: { code, message: 'bad image' } });
    }

    const read = async (one: string) => (await world.call('GET', `/v1/responses/${one}`)).body;
    expect(await read(id)).toMatchObject({
      status: 'failed',
      error: { code: 'server_error', message: 'given up (attempts_exhausted)' },
    });
    for (const other of others) expect((await read(other)).error.code).toBe('invalid_prompt');
  });

  it('is no one else’s to read, cancel or delete', async () => {
    const world = new World();
    const { id } = (await world.submit()).body;
    const url = `/v1/responses/${id}`;

    for (const [method, path] of [
      ['GET', url],
      ['POST', `${url}/cancel`],
      ['DELETE', url],
    ] as const) {
      expect((await world.call(method, path, undefined, OTHER)).status).toBe(404);
    }
    expect((await world.call('GET', url)).body.status).toBe('queued');
  });

  it('that came without the gateway is nobody’s', async () => {
    const world = new World();
    const id = `resp_cpu_${'a'.repeat(27)}`;
    world.finish(id, { status: 'completed', response: {} });

    expect((await world.call('GET', `/v1/responses/${id}`)).status).toBe(404);
  });

  it('that is too long to be handed through is an error that says so', async () => {
    const world = new World();
    const { id } = (await world.submit()).body;
    world.finish(id, { status: 'completed', response: { output: [message('x'.repeat(5_000_000))] } });
    const { status, body } = await world.call('GET', `/v1/responses/${id}`);

    expect(status).toBe(500);
    expect(body.error.code).toBe('answer_too_large');
  });
});

describe('cancelling', () => {
  it('ends a response that has none yet, for good', async () => {
    const world = new World();
    const { id } = (await world.submit()).body;
    const cancelled = await world.call('POST', `/v1/responses/${id}/cancel`);
    world.finish(id, { status: 'completed', response: { output: [message('Late.')] } });

    expect(cancelled).toMatchObject({ status: 200, body: { id, status: 'cancelled' } });
    expect((await world.call('GET', `/v1/responses/${id}`)).body).toMatchObject({
      status: 'cancelled',
      output: [],
    });
    expect((await world.call('POST', `/v1/responses/${id}/cancel`)).body.status).toBe('cancelled');
  });

  it('leaves one that has ended as it is', async () => {
    const world = new World();
    const { id } = (await world.submit()).body;
    world.finish(id, { status: 'completed', response: { output: [message('Done.')] } });

    expect(await world.call('POST', `/v1/responses/${id}/cancel`)).toMatchObject({
      status: 200,
      body: { status: 'completed' },
    });
  });
});

describe('deleting', () => {
  it.each([true, false])('leaves nothing of what was asked and answered (answered: %s)', async (answered) => {
    const world = new World();
    const { id } = (await world.submit({ input: `my secret ${'x'.repeat(250_000)}` })).body;
    if (answered) world.finish(id, { status: 'completed', response: { output: [message('your secret')] } });
    const deleted = await world.call('DELETE', `/v1/responses/${id}`);

    expect(deleted).toMatchObject({ status: 200, body: { id, object: 'response', deleted: true } });
    expect(JSON.stringify([...world.objects.objects])).not.toContain('secret');
    expect((await world.call('GET', `/v1/responses/${id}`)).status).toBe(404);
    expect((await world.call('DELETE', `/v1/responses/${id}`)).status).toBe(404);
  });

  it('keeps a worker that comes late from answering', async () => {
    const world = new World();
    const { id } = (await world.submit()).body;
    await world.call('DELETE', `/v1/responses/${id}`);
    world.finish(id, { status: 'completed', response: { output: [message('late')] } });

    expect(world.objects.result(`results/cpu/${id}.json`).status).toBe('deleted');
  });
});

it('lists the models', async () => {
  const { status, body } = await new World().call('GET', '/v1/models');

  expect(status).toBe(200);
  expect(body.data.map(({ id }: { id: string }) => id)).toEqual(['tiny', 'llama3.1:8b', 'large:70b']);
});
