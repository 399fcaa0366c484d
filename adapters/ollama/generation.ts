import { Ollama } from 'ollama';
import {
  failureReason,
  type Generation,
  type GenerationClient,
  GenerationError,
  type GenerationRequest,
} from '../generation.ts';

/** Streams from Ollama's own API, straight at a server or through the router, with Ollama's own client. */
export class OllamaGeneration implements GenerationClient {
  readonly #url: string;

  /** @param url of the server or the router, such as `http://127.0.0.1:11434` */
  constructor(url: string) {
    this.#url = url;
  }

  async generate(request: GenerationRequest): Promise<Generation> {
    const { model, prompt, outputTokens, timeoutSeconds } = request;
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
    const client = new Ollama({
      host: this.#url,
      // The client has no time-out of its own; this one holds for the whole stream.
      fetch: (url, init) => fetch(url, { ...init, signal }),
    });
    const begun = performance.now();
    const elapsed = (): number => (performance.now() - begun) / 1000;
    let firstTokenSeconds: number | undefined;
    try {
      const stream = await client.generate({
        model,
        prompt,
        stream: true,
        options: { num_predict: outputTokens },
      });
      for await (const piece of stream) {
        if (piece.response !== '') firstTokenSeconds ??= elapsed();
        if (piece.done) {
          const seconds = elapsed();
          return {
            firstTokenSeconds: firstTokenSeconds ?? seconds,
            seconds,
            outputTokens: piece.eval_count,
          };
        }
      }
    } catch (error) {
      throw new GenerationError(signal.aborted ? abortReason(request.signal) : failureReason(error), {
        cause: error,
      });
    }
    throw new GenerationError('the stream ended early');
  }
}

const abortReason = (outside: AbortSignal): string => (outside.aborted ? 'stopped' : 'timed out');
