import { DEFAULT_DECODE_RATE, DEFAULT_PREFILL_RATE, type ServerSpec } from './types.ts';

/** Ollama's `OLLAMA_MAX_QUEUE`: requests past it are refused with 503. */
const MAX_QUEUE = 512;
const DEFAULT_OUTPUT_TOKENS = 128;
/** Roughly what English text has. */
const CHARACTERS_PER_TOKEN = 4;

export interface Size {
  promptTokens: number;
  outputTokens: number;
  /** Whether the request says how many: an answer then ends because it is that long. */
  isLimited: boolean;
}

/** Size of a request: tokens asked for by `num_predict` or `max_tokens`, prompt tokens from its text. */
export function sizeOf(body: Record<string, unknown>): Size {
  const options = (body.options ?? {}) as Record<string, unknown>;
  const asked = [
    options.num_predict,
    body.max_tokens,
    body.max_completion_tokens,
    body.max_output_tokens,
  ].find((value): value is number => typeof value === 'number' && value > 0);
  const text = body.prompt ?? body.messages ?? body.input ?? '';
  const characters = (typeof text === 'string' ? text : JSON.stringify(text)).length;
  return {
    promptTokens: Math.max(1, Math.ceil(characters / CHARACTERS_PER_TOKEN)),
    outputTokens: asked ?? DEFAULT_OUTPUT_TOKENS,
    isLimited: asked !== undefined,
  };
}

/**
 * Seconds until the first token, and for each of them, `factor` times as long as stated. A fixed service time is that of a whole answer: the single token
 * that a warm-up asks for takes the time of a token.
 */
export function pace(
  spec: ServerSpec,
  size: Size,
  factor = 1,
): { firstSeconds: number; tokenSeconds: number } {
  if (spec.serviceSeconds !== undefined && size.outputTokens > 1) {
    return { firstSeconds: 0, tokenSeconds: (factor * spec.serviceSeconds) / size.outputTokens };
  }
  return {
    firstSeconds: size.promptTokens / (spec.prefillRate ?? DEFAULT_PREFILL_RATE),
    tokenSeconds: factor / (spec.decodeRate ?? DEFAULT_DECODE_RATE),
  };
}

/** The server's own slots: first come, first served; what finds no slot waits inside. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(slots: number) {
    this.#free = slots;
  }

  get isFull(): boolean {
    return this.#waiting.length >= MAX_QUEUE;
  }

  /** Resolves with the function that gives the slot back; rejects when the signal aborts first. */
  take(signal: AbortSignal): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        signal.removeEventListener('abort', leave);
        let given = false;
        resolve(() => {
          if (given) return;
          given = true;
          const next = this.#waiting.shift();
          if (next) next();
          else this.#free += 1;
        });
      };
      const leave = (): void => {
        const index = this.#waiting.indexOf(begin);
        if (index >= 0) this.#waiting.splice(index, 1);
        reject(signal.reason);
      };
      if (signal.aborted) return leave();
      if (this.#free > 0) {
        this.#free -= 1;
        begin();
        return;
      }
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(begin);
    });
  }
}
