/** What an answer tells of itself. */
export interface Counts {
  prompt: number;
  output: number;
  /** `length`: it was as long as the request allowed. */
  reason: 'stop' | 'length';
  /** Until the first token, and in all. */
  firstSeconds: number;
  seconds: number;
}

/** How one answer looks on the wire: whole, and in pieces when it is streamed. */
export interface Dialect {
  contentType: string;
  whole(text: string, counts: Counts): unknown;
  /** One token of a stream. */
  piece(text: string): string;
  /** What ends a stream of this text. */
  end(text: string, counts: Counts, body: Record<string, unknown>): string;
  /** What begins a stream. */
  begin?(): string;
  /** The answer to a request that only loads or unloads the model. */
  memory?(reason: 'load' | 'unload'): unknown;
  /** Streams unless told otherwise, as Ollama's own API does. */
  streamsByDefault: boolean;
}

const NDJSON = 'application/x-ndjson';
const line = (value: unknown): string => `${JSON.stringify(value)}\n`;
const named = (type: string, value: object): string => `event: ${type}\n${event({ type, ...value })}`;
const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`;

const nanoseconds = (seconds: number): number => Math.round(seconds * 1e9);

function own(model: string, content: (text: string) => object): Dialect {
  const base = (): object => ({ model, created_at: new Date().toISOString() });
  const closing = ({ prompt, output, reason, firstSeconds, seconds }: Counts): object => ({
    done: true,
    done_reason: reason,
    total_duration: nanoseconds(seconds),
    load_duration: 0,
    prompt_eval_count: prompt,
    prompt_eval_duration: nanoseconds(firstSeconds),
    eval_count: output,
    eval_duration: nanoseconds(seconds - firstSeconds),
  });
  return {
    contentType: NDJSON,
    whole: (text, counts) => ({ ...base(), ...content(text), ...closing(counts) }),
    memory: (reason) => ({ ...base(), ...content(''), done: true, done_reason: reason }),
    piece: (text) => line({ ...base(), ...content(text), done: false }),
    end: (_text, counts) => line({ ...base(), ...content(''), ...closing(counts) }),
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
  const usage = ({ prompt, output }: Counts): object => ({
    prompt_tokens: prompt,
    completion_tokens: output,
    total_tokens: prompt + output,
  });
  const chunk = object === 'chat.completion' ? '.chunk' : '';
  return {
    contentType: 'text/event-stream',
    whole: (text, counts) => ({
      ...base(),
      choices: [{ index: 0, ...choice(text, false), finish_reason: counts.reason }],
      usage: usage(counts),
    }),
    piece: (text) =>
      event({ ...base(chunk), choices: [{ index: 0, ...choice(text, true), finish_reason: null }] }),
    end: (_text, answer, { stream_options }) => {
      const last = event({
        ...base(chunk),
        choices: [{ index: 0, ...choice('', true), finish_reason: answer.reason }],
      });
      const wantsUsage = (stream_options as { include_usage?: unknown } | undefined)?.include_usage === true;
      const counts = wantsUsage ? event({ ...base(chunk), choices: [], usage: usage(answer) }) : '';
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
  const base = (status: string): object => ({
    id: 'resp_local',
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    completed_at: status === 'completed' ? Math.floor(Date.now() / 1000) : null,
    status,
    incomplete_details: null,
    error: null,
    model,
  });
  const whole = (text: string, { prompt, output }: Counts): object => ({
    ...base('completed'),
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
    begin: () => named('response.created', { response: { ...base('in_progress'), output: [], usage: null } }),
    piece: (delta) => named('response.output_text.delta', { delta }),
    end: (text, counts) => named('response.completed', { response: whole(text, counts) }),
    streamsByDefault: false,
  };
}
