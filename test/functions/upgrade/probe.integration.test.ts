import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { askReplica, askWarmth } from '../../../functions/upgrade/probe.ts';

type Answer = (
  request: IncomingMessage,
  body: Record<string, unknown>,
) => [status: number, body: unknown] | 'nothing';

const IP = '127.0.0.1';
const QUESTION = { name: 'sum', prompt: 'What is 12 plus 30?', model: 'llama3.1:8b' };

let answer: Answer;
let server: Server;
let port: number;

beforeAll(async () => {
  server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const given = answer(request, JSON.parse(Buffer.concat(chunks).toString() || '{}'));
    if (given === 'nothing') return;
    const [status, body] = given;
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, IP, resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const ask = (timeoutMs?: number) => askReplica(port, timeoutMs)(IP, QUESTION);

describe('a golden prompt', () => {
  it('is asked for the same answer each time, and timed', async () => {
    let asked: object = {};
    answer = ({ method, url }, body) => {
      asked = { method, url, ...body };
      return [200, { response: '42', eval_count: 7 }];
    };
    expect(await ask()).toEqual({
      ...{ prompt: 'sum', ok: true, text: '42', tokens: 7, seconds: expect.any(Number) },
    });
    expect(asked).toMatchObject({
      ...{
        method: 'POST',
        url: '/api/generate',
        model: QUESTION.model,
        prompt: QUESTION.prompt,
        stream: false,
      },
      options: { temperature: 0, seed: expect.any(Number), num_predict: expect.any(Number) },
    });
  });

  it('finds no slot: that says nothing of the replica', async () => {
    answer = () => [503, { error: 'busy' }];
    expect(await ask()).toBe('busy');
  });

  it.each([
    ['an error', [500, { error: 'out of memory' }], /^it answered 500: .*out of memory/],
    ['nothing', [200, { response: ' ' }], /^it answered nothing$/],
    ['no JSON', [200, '<html>'], /^it did not answer: /],
  ] as [string, [number, unknown], RegExp][])(
    'with %s in return has failed, and says so',
    async (_, given, words) => {
      answer = () => given;
      expect(await ask()).toMatchObject({ prompt: 'sum', ok: false, error: expect.stringMatching(words) });
    },
  );

  it('fails when the server hangs, and when there is none', async () => {
    answer = () => 'nothing';
    expect(await ask(50)).toMatchObject({ ok: false, error: expect.stringContaining('timeout') });
    const nobody = await askReplica(1)(IP, QUESTION);
    expect(nobody).toMatchObject({ ok: false, error: expect.stringMatching(/^it did not answer: /) });
  });

  it('of a model that only embeds compares vectors', async () => {
    const vectors: Record<string, number[]> = { near: [0.1, 0.2], same: [0.101, 0.199], far: [-0.5, 0.9] };
    let which = 'near';
    answer = ({ url }) =>
      url === '/api/generate'
        ? [400, { error: '"m" does not support generate' }]
        : [200, { embeddings: [vectors[which]] }];
    const texts: Record<string, string> = {};
    for (which of Object.keys(vectors)) {
      const given = await ask();
      if (given === 'busy' || !given.ok) throw new Error('it should have answered');
      texts[which] = given.text;
    }
    expect(texts.near).toBe(texts.same);
    expect(texts.near).not.toBe(texts.far);
  });
});

describe('how warm a replica is', () => {
  it('is told with what holds it up, though it answers 503', async () => {
    const failure = { kind: 'no-such-model', reason: 'none has it', retryable: false };
    const models = [{ model: 'm', phase: 'failed', seconds: {}, failure }];
    answer = ({ method, url }) => [
      method === 'GET' && url === '/warm' ? 503 : 404,
      {
        ...{ v: 1, podUid: 'u', workerId: 'w', state: 'loading', models },
        ...{ failures: 1, startedAt: 1, warmAt: 0 },
      },
    ];
    expect((await askWarmth(port)(IP))?.models[0]?.failure).toEqual(failure);
  });

  it('is not known where nobody answers, or something else does', async () => {
    answer = () => [200, { hello: 'world' }];
    expect(await askWarmth(port)(IP)).toBeUndefined();
    expect(await askWarmth(1)(IP)).toBeUndefined();
  });
});
