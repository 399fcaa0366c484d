import type { QueueablePath } from '../../core/protocol/request.ts';

/** What a model has written so far. */
export interface OutputSoFar {
  text: string;
  /** Of models that think first. */
  reasoning: string;
}

/** Puts a streamed answer together as the model server gives it when it is not streamed. */
export interface Assembly {
  readonly soFar: OutputSoFar;
  /** @param piece one line of NDJSON, or the data of one event */
  add(piece: Record<string, unknown>): void;
  /** The whole answer; undefined while its end has not come. */
  whole(): Record<string, unknown> | undefined;
}

interface StreamedPath {
  /** What a request says to be streamed, with the counts of its tokens. */
  parameters: Record<string, unknown>;
  create(): Assembly;
}

/** The paths whose answers are streamed to their reader piece by piece. Embeddings have no pieces. */
const STREAMED: Partial<Record<QueueablePath, StreamedPath>> = {
  '/api/generate': { parameters: { stream: true }, create: () => native('generate') },
  '/api/chat': { parameters: { stream: true }, create: () => native('chat') },
  '/v1/chat/completions': {
    parameters: { stream: true, stream_options: { include_usage: true } },
    create: chatCompletion,
  },
  '/v1/responses': { parameters: { stream: true }, create: response },
};

export const streamedPath = (path: QueueablePath): StreamedPath | undefined => STREAMED[path];

const object = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** Ollama's own API: the last line with the text of all (`GenerateHandler`, `ChatHandler` in its `server/routes.go`). */
function native(kind: 'generate' | 'chat'): Assembly {
  const soFar: OutputSoFar = { text: '', reasoning: '' };
  const toolCalls: unknown[] = [];
  const logprobs: unknown[] = [];
  let last: Record<string, unknown> = {};
  return {
    soFar,
    add(piece) {
      last = piece;
      const said = kind === 'chat' ? object(piece.message) : piece;
      soFar.text += text(kind === 'chat' ? said.content : said.response);
      soFar.reasoning += text(said.thinking);
      toolCalls.push(...list(said.tool_calls));
      logprobs.push(...list(piece.logprobs));
    },
    whole() {
      if (last.done !== true) return undefined;
      const more = {
        ...(soFar.reasoning !== '' && { thinking: soFar.reasoning }),
        ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
      };
      const said =
        kind === 'chat'
          ? { message: { ...object(last.message), content: soFar.text, ...more } }
          : { response: soFar.text, ...more };
      return { ...last, ...said, ...(logprobs.length > 0 && { logprobs }) };
    },
  };
}

/** OpenAI's chat completions, of which Ollama gives one choice. */
function chatCompletion(): Assembly {
  const soFar: OutputSoFar = { text: '', reasoning: '' };
  const toolCalls: unknown[] = [];
  const logprobs: unknown[] = [];
  let first: Record<string, unknown> | undefined;
  let role: unknown = 'assistant';
  let usage: unknown;
  let finishReason: unknown;
  return {
    soFar,
    add(piece) {
      first ??= piece;
      usage = piece.usage ?? usage;
      const choice = object(list(piece.choices)[0]);
      const delta = object(choice.delta);
      role = delta.role ?? role;
      finishReason = choice.finish_reason ?? finishReason;
      soFar.text += text(delta.content);
      soFar.reasoning += text(delta.reasoning);
      toolCalls.push(...list(delta.tool_calls));
      logprobs.push(...list(object(choice.logprobs).content));
    },
    whole() {
      if (!first || finishReason === undefined) return undefined;
      const { choices: _, ...envelope } = first;
      const message = {
        ...{ role, content: soFar.text },
        ...(soFar.reasoning !== '' && { reasoning: soFar.reasoning }),
        ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
      };
      const choice = {
        ...{ index: 0, message, finish_reason: finishReason },
        ...(logprobs.length > 0 && { logprobs: { content: logprobs } }),
      };
      return { ...envelope, object: 'chat.completion', choices: [choice], usage };
    },
  };
}

/** OpenAI's responses: the last event carries the whole. */
function response(): Assembly {
  const soFar: OutputSoFar = { text: '', reasoning: '' };
  let ended: Record<string, unknown> | undefined;
  return {
    soFar,
    add(piece) {
      if (piece.type === 'response.output_text.delta') soFar.text += text(piece.delta);
      if (piece.type === 'response.reasoning_summary_text.delta') soFar.reasoning += text(piece.delta);
      if (piece.type === 'response.completed' || piece.type === 'response.incomplete')
        ended = object(piece.response);
    },
    // Ollama writes `null` for an output without a text.
    whole: () => ended && { ...ended, output: list(ended.output) },
  };
}
