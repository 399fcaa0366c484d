import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { streamedPath } from '../../adapters/ollama/assembly.ts';
import { follow } from '../../adapters/ollama/follow.ts';
import type { QueueablePath } from '../../core/protocol/request.ts';

/** Reads these bytes, cut anywhere, as the answer of a path. */
async function read(path: QueueablePath, stream: string, cut = 7) {
  const streamed = streamedPath(path);
  if (!streamed) throw new Error(`${path} is not streamed`);
  const bytes = Buffer.from(stream);
  const chunks = Array.from({ length: Math.ceil(bytes.length / cut) }, (_, i) =>
    bytes.subarray(i * cut, (i + 1) * cut),
  );
  const assembly = streamed.create();
  const seen: string[] = [];
  const answer = Readable.from(chunks) as unknown as Parameters<typeof follow>[0];
  const { status, body } = await follow(answer, { assembly, onPiece: () => seen.push(assembly.soFar.text) });
  return { status, body, seen, soFar: assembly.soFar };
}

const lines = (...pieces: object[]) => pieces.map((piece) => `${JSON.stringify(piece)}\n`).join('');
const events = (...pieces: (object | string)[]) =>
  pieces
    .map((piece) => (typeof piece === 'string' ? piece : JSON.stringify(piece)))
    .map((data) => `event: x\ndata: ${data}\n\n`)
    .join('');
const base = { model: 'm', created_at: '2026-01-01T00:00:00Z' };
const call = { function: { name: 'f', arguments: { a: 1 } } };

describe('a streamed answer is put together as the server gives it whole:', () => {
  it('a generation, with its thinking, its counts and letters of several bytes', async () => {
    const { body, seen, soFar } = await read(
      '/api/generate',
      lines(
        { ...base, response: '', thinking: 'Hm.', done: false },
        { ...base, response: 'Grüße ', done: false },
        { ...base, response: '🦙', done: false },
        { ...base, response: '', done: true, done_reason: 'stop', context: [1, 2], eval_count: 3 },
      ),
    );
    expect(body).toEqual({
      ...{ ...base, response: 'Grüße 🦙', thinking: 'Hm.', done: true, done_reason: 'stop' },
      ...{ context: [1, 2], eval_count: 3 },
    });
    expect(seen).toEqual(['', 'Grüße ', 'Grüße 🦙', 'Grüße 🦙']);
    expect(soFar.reasoning).toBe('Hm.');
  });

  it('a chat that calls a tool', async () => {
    const said = (more: object) => ({ message: { role: 'assistant', content: '', ...more } });
    const { body } = await read(
      '/api/chat',
      lines(
        { ...base, ...said({ content: 'Let me' }), done: false },
        { ...base, ...said({ tool_calls: [call] }), done: false },
        { ...base, ...said({}), done: true, eval_count: 3 },
      ),
    );
    expect(body).toEqual({
      ...{ ...base, ...said({ content: 'Let me', tool_calls: [call] }), done: true, eval_count: 3 },
    });
  });

  it('a chat completion, with its usage', async () => {
    const chunk = (delta: object, finish: string | null = null) => ({
      ...{ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', system_fingerprint: 'fp' },
      choices: [{ index: 0, delta: { role: 'assistant', content: '', ...delta }, finish_reason: finish }],
    });
    const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 };
    const { body } = await read(
      '/v1/chat/completions',
      events(
        chunk({ reasoning: 'Hm.' }),
        chunk({ content: 'Be' }),
        chunk({ content: 'cause' }),
        chunk({}, 'stop'),
        { ...chunk({}), choices: [], usage },
        '[DONE]',
      ),
    );
    const message = { role: 'assistant', content: 'Because', reasoning: 'Hm.' };
    expect(body).toEqual({
      ...{ id: 'c', object: 'chat.completion', created: 1, model: 'm', system_fingerprint: 'fp', usage },
      choices: [{ index: 0, message, finish_reason: 'stop' }],
    });
  });

  it('a response, which its last event carries', async () => {
    const response = { id: 'r', object: 'response', status: 'completed', output: [{ type: 'message' }] };
    const { body, seen } = await read(
      '/v1/responses',
      events(
        { type: 'response.created', response: {} },
        { type: 'response.output_text.delta', delta: 'Be' },
        { type: 'response.output_text.delta', delta: 'cause' },
        { type: 'response.completed', response },
      ),
    );
    expect(body).toEqual(response);
    expect(seen.at(-1)).toBe('Because');
  });

  it('a response without an output, which Ollama writes as null', async () => {
    const response = { id: 'r', object: 'response', status: 'completed', output: null };
    const { body } = await read('/v1/responses', events({ type: 'response.completed', response }));
    expect(body).toMatchObject({ output: [] });
  });
});

describe('a streamed answer that goes wrong', () => {
  it('by an error of the server is that error', async () => {
    const { status, body } = await read(
      '/api/generate',
      lines({ ...base, response: 'x', done: false }, { error: 'the runner has terminated' }),
    );
    expect([status, body]).toEqual([500, { error: 'the runner has terminated' }]);
  });

  it.each([
    ['before its last piece', lines({ ...base, response: 'x', done: false }), 'ended early'],
    ['with nothing', '', 'ended early'],
    ['within a piece', '{"response":"x', 'not JSON'],
  ])('by ending %s has no answer', async (_, stream, why) => {
    await expect(read('/api/generate', stream)).rejects.toThrow(why);
  });
});
