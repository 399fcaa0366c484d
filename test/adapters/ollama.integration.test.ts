import { afterEach, describe, expect, it } from '@jest/globals';
import { NotFoundError, UnavailableError } from '../../adapters/errors.ts';
import { type Assembly, streamedPath } from '../../adapters/ollama/assembly.ts';
import { errorText, OllamaServer } from '../../adapters/ollama/server.ts';
import { SyntheticServer } from '../../local/model-server/server.ts';
import type { ServerEvent } from '../../local/model-server/types.ts';

const HOST = '127.37.0.1';
let server: SyntheticServer | undefined;
let events: ServerEvent[] = [];
let ollama = new OllamaServer(`http://${HOST}:11434`);

afterEach(async () => {
  await server?.close();
  ollama.close();
});

async function setUp(loadSeconds = 0): Promise<void> {
  events = [];
  ollama = new OllamaServer(`http://${HOST}:11434`);
  server = new SyntheticServer(
    {
      ...{ pod: 'p', host: HOST, port: 11434, models: ['tiny'], slots: 1, decodeRate: 1000 },
      loadableAt: Date.now() + loadSeconds * 1000,
    },
    (event) => events.push(event),
  );
  await server.listen();
}

describe('the model server', () => {
  it('loads a model and sends one token through it', async () => {
    await setUp(0.2);
    expect(await ollama.loaded()).toEqual([]);
    await ollama.load('tiny');
    await ollama.answer('tiny');
    expect(await ollama.loaded()).toEqual(['tiny:latest']);
    expect(events.map(({ kind }) => kind)).toEqual(['started', 'finished']);
  });

  it('says that a model is not on the disk', async () => {
    await setUp();
    await expect(ollama.load('huge')).rejects.toThrow(NotFoundError);
    await expect(ollama.load('huge')).rejects.toThrow(/model 'huge' not found/);
  });

  it('answers with any status as it is', async () => {
    await setUp();
    const answer = await ollama.ask({ method: 'POST', path: '/api/generate', body: '{"model":"huge"}' });
    expect(answer.status).toBe(404);
    expect(errorText(answer.body)).toContain('huge');
  });

  it.each([
    ['/api/generate', { prompt: 'Why?', options: { num_predict: 300 } }],
    ['/api/chat', { messages: [{ role: 'user', content: 'Why?' }], options: { num_predict: 300 } }],
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'Why?' }], max_tokens: 300 }],
    ['/v1/responses', { input: 'Why?', max_output_tokens: 300 }],
  ] as const)('gives the same answer of %s in pieces as at once', async (path, more) => {
    await setUp();
    await ollama.load('tiny');
    const streamed = streamedPath(path);
    const request = (parameters: object) => ({
      ...{ method: 'POST', path, body: JSON.stringify({ model: 'tiny', ...more, ...parameters }) },
    });
    const assembly = streamed?.create() as Assembly;
    const seen: string[] = [];
    const inPieces = await ollama.follow(request(streamed?.parameters ?? {}), {
      ...{ assembly, onPiece: () => seen.push(assembly.soFar.text) },
    });
    const atOnce = await ollama.ask(request({ stream: false }));

    // Each answer has its own number and time.
    const common = (body: unknown) => ({
      ...JSON.parse(JSON.stringify(body).replace(/Answer [0-9a-f-]{36}/, 'Answer')),
      ...{ created_at: 0, created: 0, completed_at: 0 },
    });
    expect(common(inPieces.body)).toEqual(common(atOnce.body));
    expect(new Set(seen).size).toBeGreaterThan(2);
  });

  it('answers a stream that it refuses with the refusal', async () => {
    await setUp();
    const assembly = streamedPath('/api/generate')?.create() as Assembly;
    const request = { method: 'POST', path: '/api/generate', body: '{"model":"huge","stream":true}' };
    const answer = await ollama.follow(request, { assembly, onPiece: () => {} });
    expect(answer.status).toBe(404);
    expect(errorText(answer.body)).toContain('huge');
  });

  it('stops generating when the caller gives up', async () => {
    await setUp();
    await ollama.load('tiny');
    await ollama.answer('tiny');
    const abort = new AbortController();
    const body = JSON.stringify({
      model: 'tiny',
      prompt: 'x',
      stream: false,
      options: { num_predict: 100_000 },
    });
    const asked = ollama.ask({ method: 'POST', path: '/api/generate', body, signal: abort.signal });
    setTimeout(() => abort.abort(), 50);
    await expect(asked).rejects.toThrow(UnavailableError);
    // The only slot is free again, so this comes through.
    await ollama.load('tiny');
    await ollama.answer('tiny');
    expect(events.map(({ kind }) => kind)).toContain('cut-off');
  });

  it('that is not there is unavailable', async () => {
    ollama = new OllamaServer(`http://${HOST}:11435`);
    await expect(ollama.loaded()).rejects.toThrow(UnavailableError);
  });
});
