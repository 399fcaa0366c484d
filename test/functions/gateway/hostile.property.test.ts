import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readRequest } from '../../../functions/gateway/http.ts';
import { respond } from '../../../functions/gateway/respond.ts';
import { eventOf } from '../../../local/http-api/event.ts';
import { expectRefused } from './refused.ts';
import { KEY, World } from './world.ts';

const good = {
  '/v1/responses': { model: 'tiny', input: 'Why?', background: true },
  '/v1/chat/completions': { model: 'tiny', messages: [{ role: 'user', content: 'Why?' }] },
  '/v1/embeddings': { model: 'tiny', input: 'Why?' },
  '/api/generate': { model: 'tiny', prompt: 'Why?' },
  '/api/chat': { model: 'tiny', messages: [{ role: 'user', content: 'Why?' }] },
};
const path = fc.constantFrom(...(Object.keys(good) as (keyof typeof good)[]));
const id = `resp_cpu_${'a'.repeat(27)}`;
const text = (body: string): Buffer => Buffer.from(body);
const json = (value: unknown): Buffer => text(JSON.stringify(value));

const NAMES = [
  ...['model', 'input', 'background', 'tools', 'text', 'metadata', 'stream', 'messages', 'prompt', 'options'],
  ...['temperature', 'max_tokens', 'max_output_tokens', 'n', 'stop', 'reasoning', 'store', 'keep_alive', 'x'],
  ...['constructor', 'toString', 'hasOwnProperty', 'previous_response_id', 'instructions', 'seed', 'images'],
];
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    null,
    true,
    0,
    -1,
    1e308,
    -1e308,
    2 ** 53,
    0.1,
    '',
    [],
    {},
    [[]],
    [null],
    [{}],
    '\u0000',
    '\ud800',
  ),
  fc.string({ unit: 'binary', maxLength: 50 }),
);
/** Valid JSON that means anything. */
const meaning = (base: object) =>
  fc.dictionary(fc.constantFrom(...NAMES), value, { maxKeys: 6 }).map((more) => json({ ...base, ...more }));
/** What two readers may understand in two ways, or one may break on. */
const broken = (base: object) => {
  const whole = JSON.stringify(base);
  const inner = whole.slice(1);
  return fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.nat(whole.length - 1).map((length) => text(whole.slice(0, length))),
    fc.constantFrom(...NAMES, '__proto__').map((name) => text(`{"${name}":1,"${name}":2,${inner}`)),
    fc
      .constantFrom('1e999', '-1e999', '01', '+1', 'NaN', '0x10', '.5')
      .map((n) => text(`{"x":${n},${inner}`)),
    fc
      .integer({ min: 101, max: 5000 })
      .map((deep) => text(`{"x":${'['.repeat(deep)}${']'.repeat(deep)},${inner}`)),
    fc
      .integer({ min: 101, max: 5000 })
      .map((deep) => text(`{"x":${'{"a":'.repeat(deep)}1${'}'.repeat(deep)},${inner}`)),
    fc
      .tuple(
        fc.nat(whole.length),
        fc.constantFrom([0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]),
      )
      .map(([at, bytes]) =>
        Buffer.concat([text(whole.slice(0, at)), Buffer.from(bytes), text(whole.slice(at))]),
      ),
    fc
      .constantFrom('utf16le' as const, 'latin1' as const)
      .map((encoding) => Buffer.from(`{"x":"ü",${inner}`, encoding)),
    fc.constant(gzipSync(whole)),
    fc.constant(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), text(`${whole}{}`)])),
  );
};

/** As API Gateway hands it over: text or base64, headers joined, whatever the client sent. */
async function send(
  world: World,
  {
    method,
    url,
    headers,
    body,
  }: { method: string; url: string; headers: Record<string, string>; body: Buffer },
) {
  const [rawPath = '', rawQuery = ''] = url.split(/\?(.*)/s);
  const event = eventOf(
    {
      ...{ method, url, path: rawPath, rawQuery, headers, rawBody: body },
      signal: new AbortController().signal,
    },
    { apiId: 'abc', accountId: '111122223333', host: '127.0.0.1:1' },
  );
  const reply = await respond(readRequest(event), world.deps);
  return {
    ...{ status: reply.statusCode ?? 0, headers: reply.headers ?? {} },
    body: JSON.parse(reply.body ?? 'null'),
  };
}
const usual = { 'content-type': 'application/json', authorization: `Bearer ${KEY}` };

describe('whatever comes, on every route that takes a body,', () => {
  it('is queued as it was checked, or refused in OpenAI’s shape with nothing in the queue', async () => {
    const requests = path.chain((route) =>
      fc.record({ route: fc.constant(route), body: fc.oneof(meaning(good[route]), broken(good[route])) }),
    );
    await fc.assert(
      fc.asyncProperty(requests, async ({ route, body }) => {
        const world = new World();
        const reply = await send(world, { method: 'POST', url: route, headers: usual, body });
        if (reply.status >= 400) return expectRefused(world, reply);
        expect(reply.status).toBe(route === '/v1/responses' ? 200 : 202);
        expect(world.messages).toHaveLength(1);
        // What was checked is what the model server gets: the same value for every reader.
        expect(world.messages[0]?.request.body).toEqual(JSON.parse(body.toString()));
      }),
      { numRuns: 1500 },
    );
  });

  it('is refused when it is broken', async () => {
    const requests = path.chain((route) =>
      fc.record({ route: fc.constant(route), body: broken(good[route]) }),
    );
    await fc.assert(
      fc.asyncProperty(requests, async ({ route, body }) => {
        const world = new World();
        expectRefused(world, await send(world, { method: 'POST', url: route, headers: usual, body }));
      }),
      { numRuns: 500 },
    );
  });

  it('is not queued with headers that say something else than it is', async () => {
    const headers = fc.oneof(
      fc.record({ 'content-type': fc.string({ unit: 'binary', maxLength: 40 }) }),
      fc.record({
        'content-encoding': fc.constantFrom('gzip', 'br', 'deflate', 'identity, gzip', 'aws-chunked', 'x'),
      }),
      fc.record({
        'idempotency-key': fc.oneof(
          fc.constant(''),
          fc.string({ minLength: 256, maxLength: 600 }),
          fc.constantFrom('a b', 'ü', 'a\u0000', 'a\r\nx: y'),
        ),
      }),
      fc.record({ authorization: fc.string({ unit: 'binary', maxLength: 80 }) }),
      fc.record({
        authorization: fc.constantFrom(
          `Bearer ${KEY},Bearer ${KEY}`,
          `bearer ${KEY} x`,
          `Basic ${KEY}`,
          `Bearer  `,
          KEY,
        ),
      }),
    );
    await fc.assert(
      fc.asyncProperty(path, headers, async (route, more) => {
        const world = new World();
        const reply = await send(world, {
          ...{ method: 'POST', url: route, headers: { ...usual, ...more }, body: json(good[route]) },
        });
        expectRefused(world, reply);
      }),
      { numRuns: 500 },
    );
  });
});

describe('whatever comes as a URL, method, query or id', () => {
  it('is answered without an effect', async () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom(
        'v1',
        'responses',
        'api',
        'models',
        'cancel',
        '..',
        '%2e',
        '%00',
        '',
        '__proto__',
        'constructor',
        id,
      ),
      fc.string({ maxLength: 70 }).map((rest) => `resp_cpu_${rest}`),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', '__PROTO__', ''),
        fc.array(part, { maxLength: 5 }),
        fc.option(fc.string({ unit: 'binary', maxLength: 40 }), { nil: '' }),
        async (method, parts, query) => {
          const world = new World();
          const url = `/${parts.join('/').replaceAll('?', '')}?${query}`;
          const reply = await send(world, { method, url, headers: usual, body: Buffer.alloc(0) });
          if (reply.status !== 200) return expectRefused(world, reply);
          expect([method, parts.filter(Boolean)]).toEqual(['GET', ['v1', 'models']]);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('reads, cancels and deletes nothing of someone else', async () => {
    const world = new World();
    const { body } = await world.submit();
    const before = new Map(world.objects.objects);
    const near = fc
      .tuple(fc.nat(body.id.length - 1), fc.constantFrom('a', 'B', '0', '-', '_', '/', '.', '%', '\u0000'))
      .map(([at, char]) => `${body.id.slice(0, at)}${char}${body.id.slice(at + 1)}`)
      .filter((other) => other !== body.id);
    const verbs = fc.constantFrom(['GET', ''], ['DELETE', ''], ['POST', '/cancel']);
    await fc.assert(
      fc.asyncProperty(near, verbs, async (other, [method = '', rest = '']) => {
        const url = `/v1/responses/${other}${rest}`;
        const reply = await send(world, { method, url, headers: usual, body: Buffer.alloc(0) });
        expect([404, 405]).toContain(reply.status);
        expect(reply.body.error.code).toEqual(expect.any(String));
      }),
      { numRuns: 300 },
    );
    expect(world.objects.objects).toEqual(before);
  });
});
