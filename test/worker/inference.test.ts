import { describe, expect, it } from '@jest/globals';
import { errorBody } from '../../core/protocol/api.ts';
import { prepareBody } from '../../worker/inference.ts';

const models = ['llama3.1:8b', 'tiny'];

describe('a request body on its way to the model server', () => {
  it('loses what would unload or reload a model, and nothing else', () => {
    const body = {
      model: 'tiny',
      prompt: 'Why?',
      keep_alive: 0,
      stream: true,
      options: { num_ctx: 131072, num_batch: 8, num_gpu: 0, temperature: 0.5, num_predict: 7 },
    };
    expect(prepareBody(body, models)).toEqual({
      ok: true,
      body: { model: 'tiny', prompt: 'Why?', stream: true, options: { temperature: 0.5, num_predict: 7 } },
    });
    expect(body.keep_alive).toBe(0);
  });

  it.each(['tiny', 'tiny:latest', 'TINY', 'llama3.1:8b'])('may name the model as %s', (model) => {
    expect(prepareBody({ model }, models)).toMatchObject({ ok: true, body: { model } });
  });

  it.each(['huge', 'llama3.1', 'tiny:1b', 'gpt-oss:120b-cloud'])('may not name %s', (model) => {
    expect(prepareBody({ model }, models)).toMatchObject({ ok: false, status: 404, code: 'model_not_found' });
  });

  it.each([
    [{ options: { num_predict: 0 } }, 'options.num_predict'],
    [{ options: { num_predict: 0.9 } }, 'options.num_predict'],
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ max_completion_tokens: 0 }, 'max_completion_tokens'],
    [{ max_output_tokens: 0 }, 'max_output_tokens'],
  ])('may not ask for an answer that never ends: %j', (more, name) => {
    const refusal = {
      ok: false,
      status: 400,
      message: expect.stringContaining(`${name} must be at least 1`),
    };
    expect(prepareBody({ model: 'tiny', ...more }, models)).toMatchObject(refusal);
  });

  it.each([
    { options: { num_predict: -1 } },
    { options: { num_predict: 1 } },
    { options: null },
    { max_tokens: -1 },
  ])('may ask for one as long as the model makes it, or shorter: %j', (more) => {
    expect(prepareBody({ model: 'tiny', ...more }, models)).toEqual({
      ok: true,
      body: { model: 'tiny', ...more },
    });
  });

  it('is as long as max_completion_tokens says, under the name that Ollama knows', () => {
    const prepared = (more: object) => prepareBody({ model: 'tiny', ...more }, models);
    expect(prepared({ max_completion_tokens: 7 })).toMatchObject({ body: { max_tokens: 7 } });
    expect(prepared({ max_completion_tokens: 7, max_tokens: 5 })).toMatchObject({ body: { max_tokens: 5 } });
  });

  it.each([undefined, null, 'text', [1], {}, { model: 3 }])('is refused when it is %j', (body) => {
    expect(prepareBody(body, models)).toMatchObject({ ok: false, status: 400 });
  });
});

describe('an error', () => {
  it('has the shape of the API that was asked', () => {
    expect(errorBody('/api/chat', 404, 'no')).toEqual({ error: 'no' });
    expect(errorBody('/v1/chat/completions', 404, 'no')).toEqual({
      error: { message: 'no', type: 'not_found_error', param: null, code: null },
    });
  });
});

describe('a name that another model answers to', () => {
  const behind = new Map([['llama3.1:8b', 'llama3.2:3b']]);
  const names = ['llama3.1:8b', 'llama3.2:3b'];

  it('is led to that model; its own name works too', () => {
    for (const model of ['llama3.1:8b', 'LLAMA3.1:8b', 'llama3.2:3b'])
      expect(prepareBody({ model }, names, behind)).toMatchObject({
        ok: true,
        body: { model: 'llama3.2:3b' },
      });
  });
});
