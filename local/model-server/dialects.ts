/** How one answer looks on the wire: whole, and in pieces when it is streamed. */
export interface Dialect {
  contentType: string;
  whole(text: string, tokens: { prompt: number; output: number }): unknown;
  /** One token of a stream. */
  piece(text: string): string;
  /** What ends a stream of this text. */
  end(text: string, tokens: { prompt: number; output: number }, body: Record<string, unknown>): string;
  /** Streams unless told otherwise, as Ollama's own API does. */
  streamsByDefault: boolean;
}

const NDJSON = 'application/x-ndjson';
const line = (value: unknown): string => `${JSON.stringify(value)}\n`;
const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

function own(model: string, content: (text: string) => object): Dialect {
  const base = (): object => ({ model, created_at: new Date().toISOString() });
  const closing = (tokens: { prompt: number; output: number }): object => ({
    done: true,
    done_reason: 'stop',
    prompt_eval_count: tokens.prompt,
    eval_count: tokens.output,
  });
  return {
    contentType: NDJSON,
    whole: (text, tokens) => ({ ...base(), ...content(text), ...closing(tokens) }),
    piece: (text) => line({ ...base(), ...content(text), done: false }),
    end: (_text, tokens) => line({ ...base(), ...content(''), ...closing(tokens) }),
    streamsByDefault: true,
  };
}

function openai(model: string, object: string, choice: (text: string, stream: boolean) => object): Dialect {
  const base = (suffix = ''): object => ({
    id: 'chatcmpl-local',
    object: `${object}${suffix}`,
    created: Math.floor(Date.now() / 1000),
    model,
    system_fingerprint: 'fp_ollama',
  });
  const usage = ({ prompt, output }: { prompt: number; output: number }): object => ({
    prompt_tokens: prompt,
    completion_tokens: output,
    total_tokens: prompt + output,
  });
  const chunk = object === 'chat.completion' ? '.chunk' : '';
  return {
    contentType: 'text/event-stream',
    whole: (text, tokens) => ({
      ...base(),
      choices: [{ index: 0, ...choice(text, false), finish_reason: 'stop' }],
      usage: usage(tokens),
    }),
    piece: (text) =>
      event({ ...base(chunk), choices: [{ index: 0, ...choice(text, true), finish_reason: null }] }),
    end: (_text, tokens, { stream_options }) => {
      const last = event({
        ...base(chunk),
        choices: [{ index: 0, ...choice('', true), finish_reason: 'stop' }],
      });
      const wantsUsage = (stream_options as { include_usage?: unknown } | undefined)?.include_usage === true;
      const counts = wantsUsage ? event({ ...base(chunk), choices: [], usage: usage(tokens) }) : '';
      return `${last}${counts}data: [DONE]\n\n`;
    },
    streamsByDefault: false,
  };
}

/** The dialect of a generating path; undefined for any other. */
export function dialectOf(path: string, model: string): Dialect | undefined {
  switch (path) {
    case '/api/generate':
      return own(model, (response) => ({ response }));
    case '/api/chat':
      return own(model, (content) => ({ message: { role: 'assistant', content } }));
    case '/v1/chat/completions':
      return openai(model, 'chat.completion', (content, stream) => ({
        [stream ? 'delta' : 'message']: { role: 'assistant', content },
      }));
    case '/v1/completions':
      return openai(model, 'text_completion', (text) => ({ text }));
    case '/v1/responses':
      return responses(model);
    default:
      return undefined;
  }
}

function responses(model: string): Dialect {
  const whole = (text: string, { prompt, output }: { prompt: number; output: number }): object => ({
    id: 'resp_local',
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    status: 'completed',
    model,
    output: [
      {
        id: 'msg_local',
        type: 'message',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text, annotations: [] }],
      },
    ],
    usage: { input_tokens: prompt, output_tokens: output, total_tokens: prompt + output },
  });
  return {
    contentType: 'text/event-stream',
    whole,
    piece: (delta) =>
      `event: response.output_text.delta\n${event({ type: 'response.output_text.delta', delta })}`,
    end: (text, tokens) =>
      `event: response.completed\n${event({ type: 'response.completed', response: whole(text, tokens) })}`,
    streamsByDefault: false,
  };
}
