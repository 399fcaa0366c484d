import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { NotFoundError, UnavailableError } from '../../adapters/errors.ts';
import { type Assembly, streamedPath } from '../../adapters/ollama/assembly.ts';
import { errorText, OllamaServer } from '../../adapters/ollama/server.ts';
import type { QueueablePath } from '../../core/protocol/request.ts';

export interface ServerUnderTest {
  /** `http://127.…:11434`; one slot, nothing loaded. */
  url: string;
  /** On its disk, with a name of lower case. It generates and does not embed. */
  model: string;
  stop(): Promise<void>;
}

const TIMEOUT_MS = 180_000;
const TOKENS = 4;
const MESSAGES = [{ role: 'user', content: 'Hello' }];
const text = expect.any(String);
const count = expect.any(Number);

interface Generating {
  /** Asks for `TOKENS` tokens. */
  body: object;
  /** What every answer is like. */
  whole: object;
}

const GENERATING: Partial<Record<QueueablePath, Generating>> = {
  '/api/generate': {
    body: { prompt: 'Hello', options: { num_predict: TOKENS } },
    whole: {
      ...{ response: text, done: true, done_reason: 'length', eval_count: TOKENS, prompt_eval_count: count },
      ...{ total_duration: count, load_duration: count, prompt_eval_duration: count, eval_duration: count },
    },
  },
  '/api/chat': {
    body: { messages: MESSAGES, options: { num_predict: TOKENS } },
    whole: {
      ...{ message: { role: 'assistant', content: text }, done: true, done_reason: 'length' },
      ...{ eval_count: TOKENS, prompt_eval_count: count, total_duration: count, eval_duration: count },
    },
  },
  '/v1/chat/completions': {
    body: { messages: MESSAGES, max_tokens: TOKENS },
    whole: {
      ...{ id: text, object: 'chat.completion', created: count },
      choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'length' }],
      usage: { prompt_tokens: count, completion_tokens: TOKENS, total_tokens: count },
    },
  },
  '/v1/responses': {
    body: { input: 'Hello', max_output_tokens: TOKENS },
    whole: {
      ...{ id: text, object: 'response', created_at: count, completed_at: count, status: 'completed' },
      ...{ incomplete_details: null, error: null },
      output: [
        {
          ...{ id: text, type: 'message', status: 'completed', role: 'assistant' },
          content: [{ type: 'output_text', text, annotations: [] }],
        },
      ],
      usage: { input_tokens: count, output_tokens: TOKENS, total_tokens: count },
    },
  },
};

/**
 * What Paddock relies on in a model server: the synthetic one and a real Ollama alike. `start` is called once.
 */
export function modelServerContract(name: string, start: () => Promise<ServerUnderTest>): void {
  describe(`${name}: a model server`, () => {
    let server: ServerUnderTest;
    let ollama: OllamaServer;
    beforeAll(async () => {
      server = await start();
      ollama = new OllamaServer(server.url);
    }, TIMEOUT_MS);
    afterAll(async () => {
      ollama?.close();
      await server?.stop();
    });

    const request = (path: string, body: unknown, method = 'POST') => ({
      ...{ method, path, headers: { 'content-type': 'application/json' } },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const ask = (path: string, body: unknown, method?: string) => ollama.ask(request(path, body, method));
    const generate = (more: object, signal?: AbortSignal) =>
      ollama.ask({
        ...request('/api/generate', { model: server.model, prompt: 'Hello', stream: false, ...more }),
        ...(signal && { signal }),
      });
    const whenLoaded = async (models: string[]): Promise<void> => {
      while ((await ollama.loaded()).join() !== models.join()) await new Promise((r) => setTimeout(r, 50));
    };

    it('has a model on its disk and not in memory, until it is loaded, and not after it is unloaded', async () => {
      expect((await ask('/api/show', { model: server.model })).status).toBe(200);
      expect((await ask('/api/show', { model: 'huge' })).status).toBe(404);
      expect(await ollama.loaded()).toEqual([]);
      await ollama.load(server.model);
      expect(await ollama.loaded()).toEqual([server.model]);
      await ollama.answer(server.model);
      const { body } = await ask('/api/generate', { model: server.model, keep_alive: 0 });
      expect(body).toMatchObject({ response: '', done: true, done_reason: 'unload' });
      await whenLoaded([]);
      const { body: loaded } = await ask('/api/generate', { model: server.model, keep_alive: -1 });
      expect(loaded).toMatchObject({ model: server.model, response: '', done: true, done_reason: 'load' });
      expect(await ollama.loaded()).toEqual([server.model]);
    });

    it('loads with a conversation of no messages, too', async () => {
      const { status, body } = await ask('/api/chat', { model: server.model, messages: [], stream: false });
      expect({ status, body }).toMatchObject({ status: 200, body: { done: true, done_reason: 'load' } });
    });

    it('lists what it has, in both APIs', async () => {
      const { model } = server;
      const entry = { name: model, model, size: count, digest: expect.stringMatching(/^[0-9a-f]{64}$/) };
      expect((await ask('/api/tags', undefined, 'GET')).body).toMatchObject({ models: [entry] });
      const v1 = { id: model, object: 'model', created: count, owned_by: 'library' };
      expect((await ask('/v1/models', undefined, 'GET')).body).toEqual({ object: 'list', data: [v1] });
      expect((await ask(`/v1/models/${model}`, undefined, 'GET')).body).toEqual(v1);
      expect((await ask('/v1/models/huge', undefined, 'GET')).status).toBe(404);
      expect((await ask('/api/show', { model })).body).toMatchObject({
        capabilities: expect.arrayContaining(['completion']),
      });
    });

    it.each(Object.entries(GENERATING))(
      'answers %s whole',
      async (path, { body, whole }) => {
        const answer = await ask(path, { model: server.model, stream: false, ...body });
        expect(answer).toMatchObject({ status: 200, body: { model: server.model, ...whole } });
      },
      60_000,
    );

    it.each(Object.entries(GENERATING))(
      'answers %s in pieces that come to the same',
      async (path, expected) => {
        const { parameters, create } = streamedPath(path as QueueablePath) as NonNullable<
          ReturnType<typeof streamedPath>
        >;
        const assembly: Assembly = create();
        const seen = new Set<string>();
        const answer = await ollama.follow(
          request(path, { model: server.model, ...expected.body, ...parameters }),
          {
            assembly,
            onPiece: () => seen.add(assembly.soFar.text),
          },
        );
        expect(answer).toMatchObject({ status: 200, body: { model: server.model, ...expected.whole } });
        expect(seen.size).toBeGreaterThan(1);
      },
      60_000,
    );

    it('completes texts in the API of OpenAI', async () => {
      const { status, body } = await ask('/v1/completions', {
        ...{ model: server.model, prompt: 'Hello', max_tokens: TOKENS },
      });
      expect({ status, body }).toMatchObject({
        status: 200,
        body: { object: 'text_completion', choices: [{ index: 0, text, finish_reason: 'length' }] },
      });
    });

    it('takes a name in any case, and gives it back as it came', async () => {
      const model = server.model.toUpperCase();
      const { body } = await generate({ model, options: { num_predict: 1 } });
      expect(body).toMatchObject({ model, done: true });
      expect(await ollama.loaded()).toEqual([server.model]);
    });

    it.each([
      ['/api/generate', { prompt: 'x' }],
      ['/api/chat', { messages: MESSAGES }],
      ['/api/embed', { input: 'x' }],
      ['/v1/chat/completions', { messages: MESSAGES }],
      ['/v1/completions', { prompt: 'x' }],
      ['/v1/embeddings', { input: 'x' }],
      ['/v1/responses', { input: 'x' }],
    ])('has no model huge for %s', async (path, more) => {
      const { status, body } = await ask(path, { model: 'huge', ...more });
      expect(status).toBe(404);
      expect(errorText(body)).toMatch(/model ['"]huge['"] not found/);
      expect(typeof (body as { error: unknown }).error).toBe(path.startsWith('/v1/') ? 'object' : 'string');
    });

    it('says so to who loads it or answers from it', async () => {
      await expect(ollama.load('huge')).rejects.toThrow(NotFoundError);
      await expect(ollama.answer('huge')).rejects.toThrow(NotFoundError);
    });

    it.each([
      ['/api/embed', { input: 'x' }, 501],
      ['/v1/embeddings', { input: 'x' }, 501],
      ['/api/embeddings', { prompt: 'x' }, 500],
    ])(
      'refuses %s of a model that generates',
      async (path, more, status) => {
        const answer = await ask(path, { model: server.model, ...more });
        expect(answer.status).toBe(status);
        expect(errorText(answer.body)).toBe('this model does not support embeddings');
      },
      60_000,
    );

    it.each([
      ['no JSON', '/api/generate', '{', 400],
      ['nothing', '/api/chat', '', 400],
      ['an array', '/api/generate', '[]', 400],
      ['a prompt that is a number', '/api/generate', { prompt: 5 }, 400],
      ['no JSON in the API of OpenAI', '/v1/chat/completions', '{', 400],
      ['no messages there', '/v1/chat/completions', { messages: [] }, 400],
      [
        'an option of the wrong type',
        '/api/generate',
        { prompt: 'x', options: { num_predict: 'many' } },
        500,
      ],
      ['a format that is none', '/api/generate', { prompt: 'x', format: 'nope' }, 500],
    ])(
      'refuses %s',
      async (_case, path, body, status) => {
        const sent = typeof body === 'string' ? body : { model: server.model, ...body };
        const answer = await ask(path, sent);
        expect(answer.status).toBe(status);
        expect(errorText(answer.body)).not.toBe('');
        expect(typeof (answer.body as { error: unknown }).error).toBe(
          path.startsWith('/v1/') ? 'object' : 'string',
        );
      },
      60_000,
    );

    it.each([
      ['POST', '/api/nope', 404],
      ['GET', '/v1/nope', 404],
      ['GET', '/api/generate', 405],
    ])('answers %s %s with plain text', async (method, path, status) => {
      const answer = await ask(path, method === 'POST' ? {} : undefined, method);
      expect({ status: answer.status, type: typeof answer.body }).toEqual({ status, type: 'string' });
    });

    it('serves more requests than it has slots, one after the other', async () => {
      const answers = await Promise.all(
        Array.from({ length: 3 }, () => generate({ options: { num_predict: 2 } })),
      );
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    });

    it('stops generating when the caller gives up: its slot is free again', async () => {
      const leaving = new AbortController();
      const endless = generate({ options: { num_predict: 100_000 } }, leaving.signal);
      endless.catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 200));
      leaving.abort();
      await expect(endless).rejects.toThrow(UnavailableError);
      expect((await generate({ options: { num_predict: 1 } })).status).toBe(200);
    });
  });
}
