import { expectRefused } from './refused.ts';
import { World } from './world.ts';

const good = { model: 'tiny', input: 'Why?', background: true };
const text = (body: string): Buffer => Buffer.from(body);
const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

/** By class: bodies of POST /v1/responses. */
const BODIES: [string, Buffer | string, number][] = [
  ['nothing', '', 400],
  ['no JSON', 'model=tiny', 400],
  ['JSON cut off', JSON.stringify(good).slice(0, -3), 400],
  ['JSON and more', `${JSON.stringify(good)}{}`, 400],
  ['a list', '[]', 400],
  ['null', 'null', 400],
  ['a number', '5', 400],
  [
    'bytes that are no UTF-8',
    Buffer.concat([
      text('{"model":"tiny","input":"'),
      Buffer.from([0xc3, 0x28]),
      text('","background":true}'),
    ]),
    400,
  ],
  [
    'an overlong encoding',
    Buffer.concat([
      text('{"model":"tiny","input":"'),
      Buffer.from([0xc0, 0xaf]),
      text('","background":true}'),
    ]),
    400,
  ],
  ['UTF-16', Buffer.from(JSON.stringify(good), 'utf16le'), 400],
  ['a body that is too long', JSON.stringify({ ...good, input: 'x'.repeat(300_001) }), 413],
  ['nesting of 200', `{"model":"tiny","background":true,"input":${nested(200)}}`, 400],
  ['nesting of 100,000', `{"model":"tiny","background":true,"input":${nested(100_000)}}`, 400],
  ['nesting that is not closed', `{"model":"tiny","input":${'['.repeat(100_000)}`, 400],
  ['a key twice', '{"model":"large:70b","model":"tiny","input":"x","background":true}', 400],
  ['a key twice, escaped', '{"model":"large:70b","m\\u006fdel":"tiny","input":"x","background":true}', 400],
  ['a number past all', '{"model":"tiny","input":"x","background":true,"temperature":1e999}', 400],
  ['a number out of range', JSON.stringify({ ...good, temperature: -1 }), 400],
  ['an integer past 32 bits', JSON.stringify({ ...good, max_output_tokens: 1e15 }), 400],
  ['NaN', '{"model":"tiny","input":"x","background":true,"temperature":NaN}', 400],
  ['a prototype', '{"model":"tiny","input":"x","background":true,"__proto__":{"background":true}}', 400],
  [
    'a prototype below',
    '{"model":"tiny","background":true,"input":"x","metadata":{"__proto__":{"a":"b"}}}',
    400,
  ],
  ['a constructor', JSON.stringify({ ...good, constructor: { prototype: {} } }), 400],
  ['a model that is no text', JSON.stringify({ ...good, model: { $ne: '' } }), 400],
  ['a model that is not served', JSON.stringify({ ...good, model: 'llama3.1:405b-cloud' }), 404],
  ['a model with a path', JSON.stringify({ ...good, model: '../../tiny' }), 404],
  ['a model with a line break', JSON.stringify({ ...good, model: 'tiny\r\nx: y' }), 404],
  ['an input of the wrong kind', JSON.stringify({ ...good, input: 7 }), 400],
];

const HEADERS: [string, Record<string, string>, number][] = [
  ['no content type', { 'content-type': '' }, 415],
  ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
  ['text', { 'content-type': 'text/plain' }, 415],
  ['two content types', { 'content-type': 'text/plain,application/json' }, 415],
  ['compressed', { 'content-encoding': 'gzip' }, 415],
  ['two keys', { authorization: 'Bearer one,Bearer two' }, 401],
  ['an idempotency key with a line break', { 'idempotency-key': 'a\r\nb: c' }, 400],
  ['an endless idempotency key', { 'idempotency-key': 'x'.repeat(10_000) }, 400],
];

const IDS = [
  '..',
  '%2e%2e',
  '..%2f..%2fresults%2fcpu%2fa',
  'resp_cpu_../../results/cpu/a',
  `resp_cpu_${'a'.repeat(27)}%0d%0ax-injected:1`,
  `resp_cpu_${'a'.repeat(26)}`,
  `resp_cpu_${'a'.repeat(28)}`,
  `resp_nofleet_${'a'.repeat(27)}`,
  `resp_CPU_${'a'.repeat(27)}`,
  `resp_cpu_${'a'.repeat(27)}\0`,
  `resp_cpu_${'ä'.repeat(27)}`,
  '__proto__',
  'constructor',
  '*',
  '%00',
  'x'.repeat(5000),
];

const PATHS: [string, string, number][] = [
  ['GET', '/', 404],
  ['GET', '/v1/responses', 405],
  ['PUT', '/v1/responses', 405],
  ['GET', '/v1/chat/completions', 405],
  ['POST', '/v1/responses/../chat/completions', 404],
  ['POST', '/v1//responses', 404],
  ['POST', '/V1/responses', 404],
  ['POST', '/v1/completions', 404],
  ['POST', '/api/pull', 404],
  ['DELETE', '/api/delete', 404],
  ['POST', '/__proto__', 404],
  ['POST', 'constructor', 404],
  ['CONSTRUCTOR', '/v1/responses', 405],
  ['PATCH', `/v1/responses/resp_cpu_${'a'.repeat(27)}`, 405],
  ['GET', `/v1/responses/resp_cpu_${'a'.repeat(27)}/cancel`, 405],
  ['GET', `/v1/responses/resp_cpu_${'a'.repeat(27)}/input_items`, 404],
];

describe('refused in OpenAI’s shape, with nothing in the queue:', () => {
  it.each(BODIES)('a body with %s', async (_, body, status) => {
    const world = new World();
    expectRefused(world, await world.call('POST', '/v1/responses', body), status);
  });

  it.each(HEADERS)('headers: %s', async (_, headers, status) => {
    const world = new World();
    expectRefused(world, await world.call('POST', '/v1/responses', good, headers), status);
  });

  it.each(IDS)('the id %j, to read, cancel and delete', async (id) => {
    const world = new World();
    const url = `/v1/responses/${id}`;
    for (const [method, path] of [
      ['GET', url],
      ['DELETE', url],
      ['POST', `${url}/cancel`],
    ] as const) {
      expectRefused(world, await world.call(method, path), 404);
    }
  });

  it.each(PATHS)('%s %s', async (method, path, status) => {
    const world = new World();
    const reply = await world.call(method, path);
    expectRefused(world, reply, status);
    if (status === 405) expect(reply.headers.allow).toMatch(/^[A-Z, ]+$/);
  });

  it.each(['stream=true', 'starting_after=5', 'include=x'])('reading with %s', async (query) => {
    const world = new World();
    expectRefused(world, await world.call('GET', `/v1/responses/resp_cpu_${'a'.repeat(27)}?${query}`), 400);
  });
});
