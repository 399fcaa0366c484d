import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AskCanary, askCanary, sendCanaries } from '../../../functions/healthcheck/canary.ts';

describe('canaries', () => {
  const targets = ['a', 'b', 'c', 'd'].map((replica) => ({ replica, ip: replica }));
  const good: Awaited<ReturnType<AskCanary>> = {
    ok: true,
    value: { v: 1, models: [{ model: 'm', seconds: 0 }] },
  };
  const busy: Awaited<ReturnType<AskCanary>> = { ok: true, value: { v: 1, refused: 'busy', models: [] } };

  it('go to another replica each minute, and stop at the first that answers', async () => {
    const first = async (minute: number) =>
      (await sendCanaries(targets, async () => good, minute)).map((one) => one.replica);
    expect([await first(0), await first(1), await first(5)]).toEqual([['a'], ['b'], ['b']]);
  });

  it('try three replicas at most', async () => {
    const answers = await sendCanaries(targets, async () => busy, 3);
    expect(answers.map(({ replica }) => replica)).toEqual(['d', 'a', 'b']);
    expect(await sendCanaries([], async () => busy, 3)).toEqual([]);
  });

  let server: Server;
  let answer: [number, string];
  beforeAll(async () => {
    server = createServer((request, response) => {
      if (answer[0] === 0) return;
      response
        .writeHead(request.url === '/canary' && request.method === 'POST' ? answer[0] : 404)
        .end(answer[1]);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  const ask = (timeoutMs?: number) =>
    askCanary((server.address() as AddressInfo).port, timeoutMs)({ replica: 'a', ip: '127.0.0.1' });

  it.each([
    [200, JSON.stringify(good.ok && good.value), good],
    [503, JSON.stringify(busy.ok && busy.value), busy],
    [
      404,
      '{"error":"POST /canary: only inference"}',
      { ok: false, error: expect.stringContaining('answered 404') },
    ],
    [200, 'no json', { ok: false, error: expect.stringContaining('no json') }],
  ])('understand an answer of %i %s', async (status, body, expected) => {
    answer = [status, body];
    expect(await ask()).toEqual(expected);
  });

  it('say so when a worker hangs or is not there', async () => {
    answer = [0, ''];
    expect(await ask(50)).toMatchObject({ ok: false, error: expect.stringMatching(/time-?out/i) });
    expect(await askCanary(1)({ replica: 'a', ip: '127.0.0.1' })).toMatchObject({ ok: false });
  });
});
