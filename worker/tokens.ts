import { Transform, type TransformCallback } from 'node:stream';

/** Tokens of one request, as far as the model server's answer tells. */
export interface Tokens {
  prompt: number;
  generated: number;
}

/** How Ollama's own API, OpenAI's completions and OpenAI's responses name them. */
const NAMES = {
  prompt: ['prompt_eval_count', 'prompt_tokens', 'input_tokens'],
  generated: ['eval_count', 'completion_tokens', 'output_tokens'],
} as const;

/** Every dialect counts at the end of its answer, after the text and the context. */
const TAIL_BYTES = 8192;

/** Of a whole answer. A count that it does not hold is 0. */
export function tokensOf(answer: unknown): Tokens {
  const body = (answer ?? {}) as Record<string, unknown>;
  const counts = { ...body, ...(body.usage as object | undefined) } as Record<string, unknown>;
  const read = (names: readonly string[]) =>
    Number(names.map((name) => counts[name]).find((count) => typeof count === 'number') ?? 0);
  return { prompt: read(NAMES.prompt), generated: read(NAMES.generated) };
}

/**
 * Of the end of an answer's text. Text that a model wrote can't be mistaken for a count: inside a JSON string its quotes
 * are escaped.
 */
export function tokensAtEndOf(text: string): Tokens {
  const read = (names: readonly string[]) =>
    Number(new RegExp(`(?<!\\\\)"(?:${names.join('|')})":\\s*(\\d+)`).exec(text)?.[1] ?? 0);
  return { prompt: read(NAMES.prompt), generated: read(NAMES.generated) };
}

/**
 * The last piece of a stream: Ollama's own, OpenAI's completions and OpenAI's responses. Text that a model wrote can't be mistaken
 * for one: inside a JSON string its quotes and line ends are escaped.
 */
const LAST_PIECE =
  /"done":true,"done_reason":|^data: \[DONE\]|^event: response\.(?:completed|incomplete|failed)$/m;

/** Looks at an answer on its way to the client, and changes nothing. */
export class AnswerTap extends Transform {
  /** Whether the answer comes token by token. */
  isStreamed = false;
  readonly #onGenerated: () => void;
  #isGenerated = false;
  #tail: Buffer = Buffer.alloc(0);
  #firstAt: number | undefined;

  /**
   * @param onGenerated called once, before the client can know it: the model has written the last piece. A client need not read
   * on to the end of a stream, and may have sent its next request before that comes.
   */
  constructor(onGenerated: () => void = () => {}) {
    super();
    this.#onGenerated = onGenerated;
  }

  /** Milliseconds since the process began, when the first piece passed; undefined before. */
  get firstAt(): number | undefined {
    return this.#firstAt;
  }

  get tokens(): Tokens {
    return tokensAtEndOf(this.#tail.toString());
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#firstAt ??= performance.now();
    this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-TAIL_BYTES);
    if (this.isStreamed && LAST_PIECE.test(this.#tail.toString())) this.#end();
    done(null, chunk);
  }

  override _flush(done: TransformCallback): void {
    this.#end();
    done();
  }

  #end(): void {
    if (this.#isGenerated) return;
    this.#isGenerated = true;
    this.#onGenerated();
  }
}
