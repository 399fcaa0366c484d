import fc from 'fast-check';
import { checkParameters, type Endpoint, endpointOf } from '../../../core/openai/endpoints.ts';
import { ApiError } from '../../../core/openai/errors.ts';
import { parseStrictly } from '../../../core/openai/json.ts';

const refusal = (run: () => unknown): ApiError | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
};

describe('strict JSON', () => {
  it('reads every object that JSON.stringify writes, unchanged', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 6 })), (object) => {
        fc.pre(!JSON.stringify(object).includes('"__proto__":'));
        expect(parseStrictly(JSON.stringify(object))).toEqual(JSON.parse(JSON.stringify(object)));
      }),
    );
  });

  it('never fails but with a refusal, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 300 }),
        (text) => void refusal(() => parseStrictly(text)),
      ),
    );
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      '"a"',
      '1e9',
      '-',
      'null',
      ' ',
      '\\u0041',
    );
    fc.assert(
      fc.property(
        fc.array(pieces, { maxLength: 60 }),
        (text) => void refusal(() => parseStrictly(text.join(''))),
      ),
    );
  });

  it('finds a key that comes twice, wherever and however it is written', () => {
    for (const text of [
      '{"a":1,"a":2}',
      '{"a":1,"\\u0061":2}',
      '{"x":[{"b":{"a":1,"c":"}","a":2}}]}',
      '{"a\\"":1,"a\\"":2}',
    ])
      expect(refusal(() => parseStrictly(text))?.message).toMatch(/twice/);
    expect(parseStrictly('{"a":{"a":1},"b":[{"a":1},{"a":2}],"c":"\\"a\\":"}')).toBeDefined();
  });

  it('takes five million characters, also all in one string, in well under what a request may take', () => {
    expect(parseStrictly(`{"a":"${'\\"x'.repeat(1_000_000)}"}`).a).toHaveLength(2_000_000);
  });
});

/** Minimal bodies that are fine. */
const GOOD: [string, object][] = [
  ['/v1/responses', { input: 'x', background: true }],
  ['/v1/chat/completions', { messages: [{}] }],
  ['/v1/embeddings', { input: 'x' }],
  ['/api/generate', {}],
  ['/api/chat', { messages: [{}] }],
];
const responses = (more: object) => ({ input: 'x', background: true, ...more });

describe('parameters', () => {
  const check = (path: string, body: object) =>
    refusal(() => checkParameters(endpointOf(path) as Endpoint, body as Record<string, unknown>));

  it.each(GOOD)('of %s may be few, or null', (path, body) => {
    expect(check(path, body)).toBeUndefined();
    expect(check(path, { ...body, temperature: null, stream: null, stream_options: null })).toBeUndefined();
    expect(check(path, { ...body, stream: false })).toBeUndefined();
  });

  it.each([1, 4096, -1, -2, null, undefined])('of Ollama may be num_predict %j', (num_predict) => {
    expect(check('/api/generate', { options: { num_predict, seed: 'any' } })).toBeUndefined();
  });

  it.each([
    ['/v1/responses', responses({ background: false }), 'background'],
    ['/v1/responses', { input: 'x' }, 'background'],
    ['/v1/responses', { background: true }, 'input'],
    ['/v1/responses', responses({ input: [] }), 'input'],
    ['/v1/responses', responses({ input: [{ type: 'computer_call' }] }), 'input[0].type'],
    [
      '/v1/responses',
      responses({ input: [{ role: 'user', content: [{ type: 'input_file' }] }] }),
      'input[0].content[0].type',
    ],
    ['/v1/responses', responses({ input: ['x'] }), 'input[0]'],
    ['/v1/responses', responses({ previous_response_id: 'resp_1' }), 'previous_response_id'],
    ['/v1/responses', responses({ conversation: 'conv_1' }), 'conversation'],
    ['/v1/responses', responses({ stream: true }), 'stream'],
    ['/v1/responses', responses({ store: false }), 'store'],
    ['/v1/responses', responses({ tools: [{ type: 'web_search' }] }), 'tools[0].type'],
    ['/v1/responses', responses({ tools: [null] }), 'tools[0].type'],
    ['/v1/responses', responses({ tool_choice: 'required' }), 'tool_choice'],
    ['/v1/responses', responses({ include: ['reasoning.encrypted_content'] }), 'include'],
    ['/v1/responses', responses({ text: { format: { type: 'json_object' } } }), 'text.format.type'],
    ['/v1/responses', responses({ reasoning: { effort: 'minimal' } }), 'reasoning.effort'],
    ['/v1/responses', responses({ metadata: { a: 1 } }), 'metadata.a'],
    ['/v1/responses', responses({ temperature: 2.5 }), 'temperature'],
    ['/v1/responses', responses({ max_output_tokens: 0 }), 'max_output_tokens'],
    ['/v1/responses', responses({ max_output_tokens: 2 ** 31 }), 'max_output_tokens'],
    ['/v1/responses', responses({ constructor: 1 }), 'constructor'],
    ['/v1/responses', responses({ hasOwnProperty: 1 }), 'hasOwnProperty'],
    ['/v1/chat/completions', { messages: [{}], stream: true }, 'stream'],
    ['/v1/chat/completions', { messages: [{}], n: 2 }, 'n'],
    ['/v1/chat/completions', { messages: [] }, 'messages'],
    ['/v1/chat/completions', { messages: 'x' }, 'messages'],
    ['/v1/embeddings', { input: 'x', encoding_format: 'hex' }, 'encoding_format'],
    ['/api/generate', { prompt: 5 }, 'prompt'],
    ['/api/generate', { stream: true }, 'stream'],
    ['/api/chat', {}, 'messages'],
    ...[0, 0.5, -0, -3, 1.5, '7', true].map((num_predict): [string, object, string] => [
      '/api/generate',
      { options: { num_predict } },
      'options.num_predict',
    ]),
    ['/api/chat', { messages: [{}], options: { num_predict: 0 } }, 'options.num_predict'],
    ['/v1/chat/completions', { messages: [{}], max_tokens: 0 }, 'max_tokens'],
    ['/v1/chat/completions', { messages: [{}], max_completion_tokens: -1 }, 'max_completion_tokens'],
  ])('of %s are refused by name: %j', (path, body, param) => {
    const error = check(path, body);

    expect(error?.status).toBe(400);
    expect(error?.body.error).toMatchObject({ type: 'invalid_request_error', param });
    expect(error?.message.length).toBeGreaterThan(20);
  });
});
