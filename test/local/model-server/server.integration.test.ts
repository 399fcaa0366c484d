import { OllamaServer } from '../../../adapters/ollama/server.ts';
import { REQUEST_ID_HEADER } from '../../../core/protocol/request.ts';
import { ModelServers } from '../../../local/model-server/model-servers.ts';
import type { ServerEvent, ServerSpec } from '../../../local/model-server/types.ts';

const HOST = '127.77.0.2';
const EMBEDS = 'nomic-embed-text';
const BASE: ServerSpec = {
  pod: 'pod-a',
  host: HOST,
  port: 18_434,
  models: ['llama3.1:8b', EMBEDS],
  slots: 1,
  loadableAt: 0,
  serviceSeconds: 0.05,
};
const url = (path: string): string => `http://${HOST}:${BASE.port}${path}`;
const ask = (path: string, body: unknown, id = 'r1', signal?: AbortSignal): Promise<Response> =>
  fetch(url(path), {
    method: 'POST',
    headers: { 'content-type': 'application/json', [REQUEST_ID_HEADER]: id },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...(signal ? { signal } : {}),
  });

describe('the synthetic model server', () => {
  const servers = new ModelServers();
  const events: ServerEvent[] = [];
  servers.onEvent((event) => events.push(event));
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  };
  const kinds = (id: string): string[] => events.filter((e) => e.requestId === id).map((e) => e.kind);
  const worker = new OllamaServer(url(''));

  beforeEach(async () => {
    events.length = 0;
    await servers.add(BASE);
  });
  afterEach(() => servers.remove(BASE.pod));
  afterAll(async () => {
    worker.close();
    await servers.stop();
  });

  it("is warmed by the worker's own client and then says so", async () => {
    expect(await worker.loaded()).toEqual([]);
    await worker.load('llama3.1:8b');
    await worker.answer('llama3.1:8b');
    expect(await worker.loaded()).toEqual(['llama3.1:8b']);
    await servers.unload(BASE.pod);
    expect(await worker.loaded()).toEqual([]);
  });

  it('answers each run in other words, and says to whom', async () => {
    const answers = await Promise.all(
      ['r7', 'r7'].map(async (id) => {
        const response = await ask(
          '/api/generate',
          { model: 'llama3.1:8b', prompt: 'hi', stream: false },
          id,
        );
        return ((await response.json()) as { response: string }).response;
      }),
    );
    expect(answers[0]).toMatch(/ to r7: /);
    expect(answers[1]).toMatch(/ to r7: /);
    expect(answers[0]).not.toBe(answers[1]);
  });

  it('loads no sooner than it may', async () => {
    await servers.remove(BASE.pod);
    const loadableAt = Date.now() + 200;
    await servers.add({ ...BASE, loadableAt });
    await worker.load('llama3.1:8b');
    await worker.answer('llama3.1:8b');
    expect(Date.now()).toBeGreaterThanOrEqual(loadableAt);
  });

  it('tells of a request that came before the model was loaded', async () => {
    await ask('/api/generate', { model: 'llama3.1:8b', prompt: 'hi', stream: false }, 'early');
    await until(() => kinds('early').includes('finished'));
    expect(kinds('early')).toEqual(['cold', 'started', 'finished']);
  });

  it.each([
    ['/api/generate', { prompt: 'hi' }, 'response'],
    ['/api/chat', { messages: [{ role: 'user', content: 'hi' }] }, 'message'],
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }, 'choices'],
    ['/v1/completions', { prompt: 'hi' }, 'choices'],
    ['/v1/responses', { input: 'hi' }, 'output'],
    ['/v1/embeddings', { model: EMBEDS, input: 'hi' }, 'data'],
    ['/api/embed', { model: EMBEDS, input: 'hi' }, 'embeddings'],
    ['/api/embeddings', { model: EMBEDS, prompt: 'hi' }, 'embedding'],
  ])('answers %s whole', async (path, body, field) => {
    const answer = await ask(path, { model: 'llama3.1:8b', stream: false, ...body });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toHaveProperty(field);
  });

  it("streams lines in Ollama's API and events in OpenAI's", async () => {
    const options = { num_predict: 3 };
    const own = await (await ask('/api/generate', { model: 'llama3.1:8b', prompt: 'hi', options })).text();
    const lines = own
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l) as { done: boolean });
    expect(lines.map(({ done }) => done)).toEqual([...Array(lines.length - 1).fill(false), true]);
    const events = await (
      await ask('/v1/chat/completions', { model: 'llama3.1:8b', stream: true, max_tokens: 3, messages: [{}] })
    ).text();
    expect(events).toMatch(/^data: \{/);
    expect(events.trimEnd()).toMatch(/data: \[DONE\]$/);
  });

  it('serves one at a time per slot and keeps the rest waiting, in order', async () => {
    await worker.load('llama3.1:8b');
    await worker.answer('llama3.1:8b');
    const body = { model: 'llama3.1:8b', prompt: 'hi', stream: false };
    await Promise.all(['a', 'b', 'c'].map((id) => ask('/api/generate', body, id)));
    await until(() => kinds('c').includes('finished'));
    const order = events.filter((e) => e.requestId !== '').map((e) => `${e.kind} ${e.requestId}`);
    for (const [index, entry] of order.entries())
      expect(entry.startsWith(index % 2 ? 'finished' : 'started')).toBe(true);
  });

  it('tells when a client goes away in the middle, and gives the slot to the next', async () => {
    await worker.load('llama3.1:8b');
    await worker.answer('llama3.1:8b');
    await servers.remove(BASE.pod);
    await servers.add({ ...BASE, serviceSeconds: 0.5 });
    await worker.load('llama3.1:8b');
    await worker.answer('llama3.1:8b');
    const body = { model: 'llama3.1:8b', prompt: 'hi', stream: false };
    const leaving = new AbortController();
    const left = ask('/api/generate', body, 'left', leaving.signal).catch((error: Error) => error.name);
    await until(() => kinds('left').includes('started'));
    const next = ask('/api/generate', body, 'next');
    leaving.abort();
    expect(await left).toBe('AbortError');
    expect((await next).status).toBe(200);
    expect(kinds('left')).toEqual(['started', 'cut-off']);
  });

  it.each([
    ['an unknown model', '/api/generate', { model: 'gone', prompt: 'x' }, 404, /model 'gone' not found/],
    ['garbage', '/api/generate', '{', 400, /invalid request body/],
    ['an array', '/api/chat', '[]', 400, /invalid request body/],
    ['text of a model that embeds', '/api/generate', { model: EMBEDS, prompt: 'x' }, 400, /support generate/],
  ])('refuses %s as Ollama does', async (_case, path, body, status, message) => {
    const answer = await ask(path, body);
    expect(answer.status).toBe(status);
    expect(((await answer.json()) as { error: string }).error).toMatch(message);
  });

  it('says in the shape of the API what is wrong', async () => {
    const answer = await ask('/v1/chat/completions', { model: 'gone', messages: [] });
    expect(await answer.json()).toMatchObject({ error: { message: expect.stringMatching(/gone/) } });
  });

  it('says when an address is taken', async () => {
    await expect(servers.add({ ...BASE, pod: 'other' })).rejects.toThrow(/EADDRINUSE/);
  });
});
